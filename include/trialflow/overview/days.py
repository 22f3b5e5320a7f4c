"""Days in texts: memos write them out, the pages write them short."""

from __future__ import annotations

import re
from dataclasses import replace

from trialflow.memo.memo import Section, Table
from trialflow.memo.words import MONTHS, rewritten_days, short_day

WRITTEN_OUT = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(MONTHS)})\b")


def short_days(text: str) -> str:
    """`28 Jan 2026` for `28 January 2026` and `2026-01-28`; no other word changes."""
    told = rewritten_days(text, short_day)
    return WRITTEN_OUT.sub(lambda found: f"{found.group(1)} {found.group(2)[:3]}", told)


def with_short_days(section: Section) -> Section:
    """The section with every day short."""
    return replace(
        section,
        paragraphs=_each(section.paragraphs),
        points=_each(section.points),
        tables=tuple(shortened(table) for table in section.tables),
        charts=tuple(
            replace(chart, title=short_days(chart.title), alt=short_days(chart.alt)) for chart in section.charts
        ),
    )


def shortened(table: Table) -> Table:
    """The table with every day short."""
    return Table(
        caption=short_days(table.caption), columns=_each(table.columns), rows=tuple(_each(row) for row in table.rows)
    )


def _each(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(short_days(text) for text in texts)
