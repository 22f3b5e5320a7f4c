"""A memo as Markdown (GitHub flavour): for files, pull requests and Airflow's own pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trialflow.memo.charts import file_name
from trialflow.memo.memo import Chart, Memo, Section, Table
from trialflow.memo.words import day

SPECIAL = re.compile(r"([\\`*\[\]<>|~])|(?<![A-Za-z0-9])(_)|(_)(?![A-Za-z0-9])")
LEADING = re.compile(r"^(\s*)([#+-]|\d+[.)])(?=\s)")


def markdown(memo: Memo, *, chart_folder: str | None = None) -> str:
    """The memo as Markdown text.

    Without a `chart_folder` charts are told in words; with one they are linked as SVG files named as in `charts.files`
    inside that folder ("" is the memo's own).
    """
    return "\n\n".join(_parts(memo, chart_folder)) + "\n"


def _parts(memo: Memo, chart_folder: str | None) -> Iterator[str]:
    yield f"# {escape(memo.title)}"
    if memo.labels:
        yield " · ".join(f"**{escape(label).upper()}**" for label in memo.labels)
    yield f"**{escape(memo.verdict)}** · {_experiment(memo)}as of {day(memo.as_of)}"
    yield f"> {escape(memo.summary)}"
    if memo.highlights:
        yield "\n".join(f"- **{escape(name)}**: {escape(value)}" for name, value in memo.highlights.items())
    charts = iter(enumerate(memo.charts, start=1))
    for section in memo.sections:
        yield from _section(section, [next(charts) for _ in section.charts], chart_folder)
    if memo.provenance:
        yield "## Provenance"
        yield "\n".join(f"- {escape(name)}: {escape(value)}" for name, value in memo.provenance.items())


def _experiment(memo: Memo) -> str:
    return f"{escape(memo.experiment)} · " if memo.experiment else ""


def _section(section: Section, charts: list[tuple[int, Chart]], chart_folder: str | None) -> Iterator[str]:
    yield f"## {escape(section.title)}"
    yield from (escape(paragraph) for paragraph in section.paragraphs)
    if section.points:
        yield "\n".join(f"- {escape(point)}" for point in section.points)
    yield from (_table(table) for table in section.tables)
    yield from (_chart(index, chart, chart_folder) for index, chart in charts)


def _chart(index: int, chart: Chart, chart_folder: str | None) -> str:
    if chart_folder is None:
        return f"*{escape(chart.title)}.* {escape(chart.alt)}"
    folder = f"{chart_folder.rstrip('/')}/" if chart_folder else ""
    return f"![{escape(chart.alt)}]({folder}{file_name(index, chart, 'svg')})\n\n*{escape(chart.title)}.*"


def _table(table: Table) -> str:
    head = _row(table.columns)
    rule = _row(["---"] * len(table.columns), raw=True)
    return "\n".join([f"*{escape(table.caption)}.*\n", head, rule, *(_row(row) for row in table.rows)])


def _row(cells: tuple[str, ...] | list[str], *, raw: bool = False) -> str:
    return "| " + " | ".join(cell if raw else escape(cell) for cell in cells) + " |"


def escape(text: str) -> str:
    """Text from people as text: no markup, no HTML, on one line."""
    line = " ".join(text.split())
    escaped = SPECIAL.sub(lambda found: "\\" + found.group(0), line)
    return LEADING.sub(r"\1\\\2", escaped)
