"""A memo as Slack Block Kit, made and checked by slack_sdk's models: within Slack's limits, no word ever cut.

A long memo goes on in replies; what is longer still is shortened, and says so.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from trialflow.memo.memo import Memo, Section, Table
from trialflow.memo.words import day, listed

if TYPE_CHECKING:
    from slack_sdk.models.blocks import Block as Model

Block = dict[str, Any]
Payload = dict[str, Any]

MOST_BLOCKS = 50
ROOM = 2
"""Blocks kept free in every message: links, and a note about how it came here."""
MESSAGE_LENGTH = 12_000
"""Characters in all blocks of one message. Slack documents none, and refuses about 13,200 (slackapi/bolt-js#2509)."""
MOST_MESSAGES = 3
HEADER_LENGTH = 150
SECTION_LENGTH = 3000
FIELD_LENGTH = 2000
CONTEXT_LENGTH = 2000
MOST_FIELDS = 10
FALLBACK_LENGTH = 3000
ALT_LENGTH = 1000
ELLIPSIS = "…"
SHORTENED = "Shortened here; the rest stands in the whole memo."


def posts(memo: Memo) -> list[Payload]:
    """The essential sections as messages: the first one, and the replies in which a long memo goes on, three at most."""
    parts = [list(_section(section)) for section in memo.sections if section.essential]
    packed = _packed([list(_head(memo)), *parts], tail=list(_tail(memo)))
    places = [escape(f"{memo.title} ({number} of {len(packed)})") for number in range(2, len(packed) + 1)]
    texts = [fallback_text(memo), *(shorten(place, FALLBACK_LENGTH) for place in places)]
    return [{"text": text, "blocks": blocks} for text, blocks in zip(texts, packed, strict=True)]


def fallback_text(memo: Memo) -> str:
    """The text of notifications and of clients without blocks, escaped."""
    labels = f" [{', '.join(memo.labels)}]" if memo.labels else ""
    where = f"{memo.experiment}: " if memo.experiment else ""
    return shorten(escape(f"{memo.verdict}{labels} · {where}{memo.title} · {memo.summary}"), FALLBACK_LENGTH)


def plain(payload: Payload, problem: str, links: Sequence[tuple[str, str]] = ()) -> Payload:
    """The same message without its layout, for the case that Slack refuses it."""
    note = f"(Shown without its layout, which Slack refused: {escape(problem)})"
    return {"text": "\n".join([payload["text"], *([_line(links)] if links else []), note])}


def with_links(payload: Payload, links: Sequence[tuple[str, str]], *, note: str = "") -> Payload:
    """The message with a line of links below it (text and address; without an address the text alone) and a note above."""
    if not links and not note:
        return payload
    above = [_context(note)] if note else []
    below = [paragraph(_line(links))] if links else []
    own = payload.get("blocks") or [paragraph(shorten(payload["text"], SECTION_LENGTH))]
    return {**payload, "blocks": [*above, *own, *below]}


def _line(links: Sequence[tuple[str, str]]) -> str:
    return " · ".join(f"<{_address(address)}|{escape(text)}>" if address else escape(text) for text, address in links)


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


def _address(address: str) -> str:
    return escape(address.replace("<", "%3C").replace(">", "%3E").replace("|", "%7C"))


def _packed(parts: Sequence[list[Block]], *, tail: list[Block]) -> list[list[Block]]:
    """Blocks by message: a part stays whole where it fits into one, and the last message ends with the tail."""
    messages: list[list[Block]] = [[]]
    for part in parts:
        if not _fits([*messages[-1], *part]) and _fits(part):
            messages.append([])
        for block in part:
            if not _fits([*messages[-1], block]):
                messages.append([])
            messages[-1].append(block)
    if not _fits([*messages[-1], *tail]):
        messages.append([])
    if len(messages) > MOST_MESSAGES:
        messages = messages[:MOST_MESSAGES]
        tail = [_context(SHORTENED), *tail]
        while not _fits([*messages[-1], *tail]):
            messages[-1].pop()
    return [*messages[:-1], [*messages[-1], *tail]]


def _fits(blocks: Sequence[Block]) -> bool:
    length = sum(len(json.dumps(block, ensure_ascii=False)) for block in blocks)
    return len(blocks) <= MOST_BLOCKS - ROOM and length <= MESSAGE_LENGTH


def _head(memo: Memo) -> Iterator[Block]:
    from slack_sdk.models.blocks import HeaderBlock, MarkdownTextObject, PlainTextObject, SectionBlock

    header = shorten(f"{memo.verdict}: {memo.title}", HEADER_LENGTH)
    yield _checked(HeaderBlock(text=PlainTextObject(text=header, emoji=False)))
    marks = " · ".join(f"*{escape(label).upper()}*" for label in memo.labels)
    where = f"`{escape(memo.experiment)}` · " if memo.experiment else ""
    yield _context(f"{marks} · {where}as of {day(memo.as_of)}" if marks else f"{where}as of {day(memo.as_of)}")
    yield from _texts([escape(memo.summary)])
    figures = [shorten(f"*{escape(name)}*\n{escape(value)}", FIELD_LENGTH) for name, value in memo.highlights.items()]
    for start in range(0, len(figures), MOST_FIELDS):
        fields = [MarkdownTextObject(text=figure) for figure in figures[start : start + MOST_FIELDS]]
        yield _checked(SectionBlock(fields=fields))


def _section(section: Section) -> Iterator[Block]:
    from slack_sdk.models.blocks import DividerBlock

    yield _checked(DividerBlock())
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
            yield paragraph(packed)
            joined = line
        packed = joined
    if packed:
        yield paragraph(packed)


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


def _tail(memo: Memo) -> Iterator[Block]:
    others = [section.title for section in memo.sections if not section.essential]
    if others:
        yield _context(escape(f"Also in the whole memo: {listed(others)}."))
    if memo.provenance:
        rests = " · ".join(f"{escape(name)}: {escape(value)}" for name, value in memo.provenance.items())
        yield _context(rests)


def paragraph(text: str) -> Block:
    """One section of Slack's own markup, which is neither escaped nor cut."""
    from slack_sdk.models.blocks import MarkdownTextObject, SectionBlock

    return _checked(SectionBlock(text=MarkdownTextObject(text=text)))


def _context(text: str) -> Block:
    from slack_sdk.models.blocks import ContextBlock, MarkdownTextObject

    return _checked(ContextBlock(elements=[MarkdownTextObject(text=shorten(text, CONTEXT_LENGTH))]))


def _checked(block: Model) -> Block:
    """The block as a dictionary. Raises SlackObjectFormationError where a limit is broken."""
    return dict(block.to_dict())
