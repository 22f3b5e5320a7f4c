"""A metric: what is measured per unit, from which fact of which source, and which direction is good."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from trialflow.spec.document import Column, Document, Name, Share, Text


class MetricKind(StrEnum):
    """How a unit's facts become its value."""

    PROPORTION = "proportion"
    MEAN = "mean"
    COUNT = "count"
    RATIO = "ratio"
    QUANTILE = "quantile"
    RETENTION = "retention"


class Ranked(StrEnum):
    """What a quantile ranks: one total per unit, or every event."""

    UNITS = "units"
    EVENTS = "events"


class Direction(StrEnum):
    """Which change of a metric is good."""

    INCREASE = "increase"
    DECREASE = "decrease"

    @property
    def sign(self) -> int:
        """+1 where more is better, -1 where less is better."""
        return 1 if self is Direction.INCREASE else -1


class Window(Document):
    """Days since the unit's exposure that count, both inclusive; day 0 is the day of exposure."""

    from_day: int = Field(default=0, ge=0, le=400)
    to_day: int = Field(ge=0, le=400)

    @property
    def days(self) -> int:
        """How many days the window holds."""
        return self.to_day - self.from_day + 1


class Cap(Document):
    """Winsorisation of the per-unit value (of a ratio: of its numerator), by exactly one of the two.

    `value` is in the metric's own unit. `quantile` is resolved at registration from everybody's values before the start
    and is a fixed value from then on (`Promise.cap_of`).
    """

    value: float | None = Field(default=None, gt=0)
    quantile: float | None = Field(default=None, gt=0, lt=1)


class Measure(Document):
    """One column of one fact, filtered: the raw material of a metric. `value` is needed wherever amounts are summed."""

    fact: Name
    value: Column | None = None
    filter: str | None = Field(default=None, max_length=500)


class Metric(Document):
    """A metric definition, one file each under `include/metrics/`.

    Unit-level sources: `measure` (and `denominator` for ratios) name facts of the source. Sources that hold moments
    already: `measure.fact` is the name in their metric column. Role and margin belong to the experiment.
    """

    name: Name
    kind: MetricKind
    source: Name
    measure: Measure
    denominator: Measure | None = None
    direction: Direction
    unit: str = Field(default="", max_length=30)
    cap: Cap | None = None
    quantile: Share | None = None
    ranked: Ranked = Ranked.UNITS
    window: Window | None = None
    owner: Text
    description: Text
