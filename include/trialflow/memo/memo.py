"""A memo: a decision told in words, tables and charts. No Slack, HTML or Markdown in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from trialflow.memo.inputs import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells are finished texts; the first column names the row. `caption` says what is shown and in which unit."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectPath:
    """Effect over time: per day the estimate and its bounds (None where there is none), and the looks taken.

    Numbers are in the unit of the chart's axis (percentage points, not shares).
    """

    variant: str
    days: tuple[date, ...]
    estimate: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    look_days: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectOverTime:
    """One path per treatment; `axis` labels the values with their unit, `minimum_effect` is signed."""

    paths: tuple[EffectPath, ...]
    axis: str
    good_direction: int
    minimum_effect: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One interval of a forest plot, as a relative effect in percent, with the (signed) margin to draw.

    `text` says the numbers as the tables do.
    """

    label: str
    role: str
    good_direction: int
    estimate: float
    lower: float
    upper: float
    margin: float | None = None
    text: str = ""


CLIP = 4.0
"""An interval that reaches further than so many times the typical one is cut at the edge of a forest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Intervals under one another on one axis."""

    rows: tuple[ForestRow, ...]
    axis: str

    @property
    def reach(self) -> tuple[float, float]:
        """Both ends of the axis: zero, and everything that fits within CLIP times the typical interval."""
        wide = sorted(max(abs(row.lower), abs(row.upper)) for row in self.rows)
        typical = wide[len(wide) // 2] or 1.0
        ends = [end for row in self.rows for end in (row.lower, row.upper, row.margin) if end is not None]
        inside = [0.0, *(end for end in ends if math.isfinite(end) and abs(end) <= CLIP * typical)]
        low, high = min(inside), max(inside)
        room = 0.12 * ((high - low) or 1.0)
        return low - room, high + room


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Units per variant against the plan; by day the evidence of an uneven split (a p-value that only ever falls)."""

    variants: tuple[str, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    unit: str
    days: tuple[date, ...] = ()
    p_values: tuple[float | None, ...] = ()
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimePath:
    """Effect of one treatment by day since first exposure (day 0 is the day of exposure)."""

    variant: str
    days: tuple[int, ...]
    estimate: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """One lifetime path per treatment on a balanced cohort."""

    paths: tuple[LifetimePath, ...]
    axis: str
    good_direction: int


ChartKind = Literal["effect_over_time", "forest", "allocation", "lifetime"]
ChartData = EffectOverTime | Forest | Allocation | Lifetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What to draw and what it says in words (`alt`); `data` has the type that its `kind` names."""

    kind: ChartKind
    title: str
    alt: str
    data: ChartData


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with paragraphs, bullet points, tables and charts, in that order; all plain text without markup.

    A section that is not `essential` is left out where space is short (Slack), with a pointer to the whole memo.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    essential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """The whole memo. `labels` are the words that must be visible wherever it is shown ("simulated data").

    `verdict` is one or two words, `summary` one plain sentence, `highlights` a few named figures, `provenance` what it
    rests on in words, `inputs` the same as references (None for messages that are never made again).
    """

    experiment: str
    as_of: date
    title: str
    verdict: str
    summary: str
    labels: tuple[str, ...]
    sections: tuple[Section, ...]
    provenance: Mapping[str, str]
    highlights: Mapping[str, str] = field(default_factory=dict)
    inputs: Inputs | None = None

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every chart in the order of the sections."""
        return tuple(chart for section in self.sections for chart in section.charts)
