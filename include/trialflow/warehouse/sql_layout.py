"""SQL text laid out for people: a line for each column, condition and part of a union, indented by subquery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

# A literal or a quoted name is one part and stays as it is; what is left over are single characters.
TOKEN = re.compile(r"\s+|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[(),;]|[^\s(),;'\"]+|.")
CLAUSES = frozenset({"SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "UNION", "JOIN", "LEFT"})
LISTS = frozenset({"SELECT", "WITH"})
FOLDS = frozenset({"AND", "OR", "WHEN", "ELSE", "OVER", "AS", "+", "-"})
INDENT = "  "
WIDTH = 120


@dataclass(slots=True)
class _Level:
    """What an open parenthesis holds: a query with its current clause, or (clause "") anything else."""

    clause: str = ""


@dataclass(slots=True)
class _Page:
    lines: list[list[str]] = field(default_factory=lambda: [[]])
    indents: list[int] = field(default_factory=lambda: [0])

    def begin(self, indent: int) -> None:
        """Go on in a new line; an empty one is taken as it is."""
        if any(part.strip() for part in self.lines[-1]):
            self.lines.append([])
            self.indents.append(indent)
        else:
            self.lines[-1], self.indents[-1] = [], indent

    def text(self) -> str:
        pairs = zip(self.indents, self.lines, strict=True)
        return "\n".join(line for indent, parts in pairs for line in _folded(parts, indent))


def laid_out(sql: str) -> str:
    """The same statement in lines of at most 120 characters wherever it can be folded; only blanks are changed."""
    parts = [" " if part.isspace() else part for part in TOKEN.findall(sql.strip())]
    page, levels = _Page(), [_Level(clause="START")]
    for place, part in enumerate(parts):
        _put(page, levels, part, islice(parts, place + 1, None))
    return page.text()


def _put(page: _Page, levels: list[_Level], part: str, rest: Iterator[str]) -> None:
    depth = sum(bool(level.clause) for level in levels) - 1
    level, word = levels[-1], part.upper()
    if part == "(":
        page.lines[-1].append(part)
        is_query = _first_word(rest) in LISTS
        levels.append(_Level(clause="START" if is_query else ""))
        if is_query:
            page.begin(2 * (depth + 1))
    elif part == ")" and len(levels) > 1:
        levels.pop()
        if level.clause:
            page.begin(2 * (depth - 1) + 1)
        page.lines[-1].append(part)
    elif part == ",":
        page.lines[-1].append(part)
        if level.clause in LISTS:
            page.begin(2 * depth + (level.clause == "SELECT"))
    elif level.clause and word in CLAUSES | LISTS:
        # "UNION ALL" and "LEFT OUTER JOIN" are one word each.
        if word != "JOIN" or level.clause != "LEFT":
            page.begin(2 * depth)
        level.clause = word
        page.lines[-1].append(part)
    elif level.clause == "WHERE" and word in {"AND", "OR"}:
        page.begin(2 * depth + 1)
        page.lines[-1].append(part)
    else:
        page.lines[-1].append(part)


def _first_word(parts: Iterator[str]) -> str:
    return next((part.upper() for part in parts if part != " "), "")


def _folded(parts: list[str], indent: int) -> Iterator[str]:
    """A line, cut before the last word that may begin one wherever it would be too long."""
    start, pieces = INDENT * indent, _pieces(parts)
    line = start
    for piece in pieces:
        if line.strip() and len(line) + len(piece.rstrip()) > WIDTH:
            yield line.rstrip()
            line = start + INDENT * 2
        line += piece if line.strip() else piece.lstrip()
    if line.strip():
        yield line.rstrip()


def _pieces(parts: list[str]) -> list[str]:
    """Runs of parts between which a line may be cut; the AS of a cast stays where it is."""
    pieces, depth = [""], 0
    for part in parts:
        depth += (part == "(") - (part == ")")
        if part.upper() in FOLDS and pieces[-1].endswith(" ") and not (part.upper() == "AS" and depth > 0):
            pieces.append("")
        pieces[-1] += part
    return pieces
