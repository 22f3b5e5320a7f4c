"""What leaves a warehouse: moments per variant, metric, segment and day. Never anything smaller than a variant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from trialflow.stats.moments import Floats, JointMoments
from trialflow.stats.quantile import QuantileSummary


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Segment:
    """One value of one pre-registered dimension; both empty for everybody."""

    dimension: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.dimension} = {self.value}" if self.dimension else "everybody"


EVERYBODY = Segment()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExposureGroup:
    """Newly exposed units with one value of one dimension of the source, shape (day, variant)."""

    segment: Segment
    new_units: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExposureSummary:
    """Newly exposed units, counted once each, shape (day, variant).

    `mixed_units` were seen in two variants by as_of and are left out of every day; `unknown_units` were first seen in a
    variant that the promise does not name and are left out too. `groups` split the units by every dimension that the
    source has; they are only asked for when the split looks wrong.
    """

    days: tuple[date, ...]
    variants: tuple[str, ...]
    new_units: NDArray[np.int64]
    mixed_units: int = 0
    unknown_units: int = 0
    groups: tuple[ExposureGroup, ...] = ()

    @property
    def totals(self) -> NDArray[np.int64]:
        """Units so far on the last day, shape (variant,)."""
        return np.asarray(self.new_units.sum(axis=0), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MetricSummary:
    """Cumulative moments of one metric in one segment, shape (day, variant): row d holds all units matured by day d.

    A unit without facts has 0, before its exposure as after. Of a quantile metric these are the moments of its per-unit
    values. `variables` names the columns of the moments: ("value",), ("value", "pre"), ("numerator", "denominator") or
    ("numerator", "denominator", "pre_numerator", "pre_denominator"). Where the source names a population, "known" follows
    the covariates: 1 for units that were seen before their exposure, whose empty past is a 0, and 0 for newcomers, who have
    none.
    """

    metric: str
    segment: Segment
    variables: tuple[str, ...]
    moments: JointMoments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MetricQuantile:
    """A quantile metric on one `day` for everybody, arrays of shape (variant,).

    A quantile has no daily path, since it cannot be added up: it is known on `as_of` and, of a guardrail, on the looks
    before. `day` None stands for `as_of`.
    """

    metric: str
    quantile: QuantileSummary
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """All that the checks of one experiment need, up to and including `as_of`. `data_fingerprint` hashes the numbers."""

    experiment: str
    as_of: date
    days: tuple[date, ...]
    variants: tuple[str, ...]
    exposures: ExposureSummary
    metrics: tuple[MetricSummary, ...]
    data_fingerprint: str = ""
    quantiles: tuple[MetricQuantile, ...] = ()

    def of(self, metric: str, segment: Segment = EVERYBODY) -> MetricSummary | None:
        """The summary of one metric in one segment, or None where the source gave nothing."""
        return next((found for found in self.metrics if found.metric == metric and found.segment == segment), None)

    def quantile_of(self, metric: str) -> QuantileSummary | None:
        """The quantiles of one metric on `as_of`, or None where it has none."""
        return self.quantile_path(metric).get(self.as_of)

    def quantile_path(self, metric: str) -> dict[date, QuantileSummary]:
        """The quantiles of one metric by day, on the few days on which they are known."""
        return {found.day or self.as_of: found.quantile for found in self.quantiles if found.metric == metric}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LifetimeSummary:
    """A metric by days since first exposure on a balanced cohort: units observed for the whole horizon, nobody else.

    `daily` has shape (day since exposure, variant), one variable. `contrast` has shape (variant,), one variable: the
    unit's mean over the late window minus its mean over the early window.
    """

    metric: str
    variants: tuple[str, ...]
    horizon_days: int
    daily: JointMoments
    contrast: JointMoments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BucketSummary:
    """Moments of a metric's pre-period in hash buckets of units, shape (bucket,): the raw material of A/A splits."""

    metric: str
    variables: tuple[str, ...]
    moments: JointMoments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HistorySummary:
    """A metric's per-unit moments in a past window, shape (), and units seen a day: what a plan is made from."""

    metric: str
    variables: tuple[str, ...]
    moments: JointMoments
    units_per_day: Floats
