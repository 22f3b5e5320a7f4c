"""A memo as Slack Block Kit: plain dictionaries within Slack's limits, shortened between words and never within one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from trialflow.memo.memo import Memo, Section, Table
from trialflow.memo.words import day, listed

Block = dict[str, Any]

MOST_BLOCKS = 50
HEADER_LENGTH = 150
SECTION_LENGTH = 3000
FIELD_LENGTH = 2000
CONTEXT_LENGTH = 2000
MOST_FIELDS = 10
FALLBACK_LENGTH = 3000
ELLIPSIS = "…"


def blocks(memo: Memo, *, link: str = "") -> list[Block]:
    """The essential sections as blocks; `link` is the address of the whole memo.

    Longer memos keep their head and their end (what was left out, with the link), so at most 50 blocks come out.
    """
    head = [*_head(memo)]
    tail = [*_tail(memo, link)]
    body = list(itertools.chain.from_iterable(_section(section) for section in memo.sections if section.essential))
    room = MOST_BLOCKS - len(head) - len(tail)
    if len(body) > room:
        body = [*body[: room - 1], _context("Shortened here; the rest stands in the whole memo.")]
    return [*head, *body, *tail]


def fallback_text(memo: Memo) -> str:
    """The text of notifications and of clients without blocks, escaped."""
    labels = f" [{', '.join(memo.labels)}]" if memo.labels else ""
    where = f"{memo.experiment}: " if memo.experiment else ""
    return shorten(escape(f"{memo.verdict}{labels} · {where}{memo.title} · {memo.summary}"), FALLBACK_LENGTH)


def escape(text: str) -> str:
    """Slack's three control characters; after this no text can mention, link or notify."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words and marked; a single overlong word goes as a whole."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    if not text[limit - 1].isspace():
        kept = kept.rpartition(" ")[0] if " " in kept else ""
    return kept.rstrip() + ELLIPSIS


def _head(memo: Memo) -> Iterator[Block]:
    header = shorten(f"{memo.verdict}: {memo.title}", HEADER_LENGTH)
    yield {"type": "header", "text": {"type": "plain_text", "text": header, "emoji": False}}
    marks = " · ".join(f"*{escape(label).upper()}*" for label in memo.labels)
    where = f"`{escape(memo.experiment)}` · " if memo.experiment else ""
    yield _context(f"{marks} · {where}as of {day(memo.as_of)}" if marks else f"{where}as of {day(memo.as_of)}")
    yield from _texts([escape(memo.summary)])
    figures = [
        {"type": "mrkdwn", "text": shorten(f"*{escape(name)}*\n{escape(value)}", FIELD_LENGTH)}
        for name, value in memo.highlights.items()
    ]
    for start in range(0, len(figures), MOST_FIELDS):
        yield {"type": "section", "fields": figures[start : start + MOST_FIELDS]}


def _section(section: Section) -> Iterator[Block]:
    yield {"type": "divider"}
    lines = [f"*{escape(section.title)}*", *(escape(paragraph) for paragraph in section.paragraphs)]
    lines += [f"• {escape(point)}" for point in section.points]
    lines += list(itertools.chain.from_iterable(_table(table) for table in section.tables))
    yield from _texts(lines)


def _table(table: Table) -> Iterator[str]:
    """One line a row: the name in bold, then every cell with its column's name."""
    yield f"_{escape(table.caption)}_"
    for row in table.rows:
        cells = "; ".join(
            f"{escape(name)}: {escape(cell)}" for name, cell in zip(table.columns[1:], row[1:], strict=True) if cell
        )
        yield f"• *{escape(row[0])}* {cells}"


def _texts(lines: Sequence[str]) -> Iterator[Block]:
    """Lines packed into as few section blocks as their limit allows."""
    packed = ""
    for line in itertools.chain.from_iterable(map(_pieces, lines)):
        joined = f"{packed}\n{line}" if packed else line
        if len(joined) > SECTION_LENGTH:
            yield _text(packed)
            joined = line
        packed = joined
    if packed:
        yield _text(packed)


def _pieces(line: str) -> Iterable[str]:
    """A line split between words into pieces that fit a section."""
    rest = line
    while len(rest) > SECTION_LENGTH:
        cut = rest.rfind(" ", 0, SECTION_LENGTH)
        if cut <= 0:
            yield shorten(rest, SECTION_LENGTH)
            return
        yield rest[:cut]
        rest = rest[cut + 1 :]
    yield rest


def _tail(memo: Memo, link: str) -> Iterator[Block]:
    others = [section.title for section in memo.sections if not section.essential]
    also = f"Also in the whole memo: {listed(others)}." if others else ""
    if link:
        yield _text(f"<{escape(link)}|Read the whole memo>" + (f"\n{escape(also)}" if also else ""))
    elif also:
        yield _context(escape(also))
    if memo.provenance:
        rests = " · ".join(f"{escape(name)}: {escape(value)}" for name, value in memo.provenance.items())
        yield _context(rests)


def _text(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": shorten(text, CONTEXT_LENGTH)}]}
