"""Differences of quantiles, without estimating a density: the standard error comes from order statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share
from trialflow.stats.contrast import difference
from trialflow.stats.moments import Bools, Floats, JointMoments
from trialflow.stats.ratio import ratio_of_sums
from trialflow.stats.results import Estimate, Gap
from trialflow.stats.values import Interpolation, ValueCounts

METHOD = "quantiles, order statistics"
MID_METHOD = "mid-quantiles, order statistics"
# Fewer distinct values than this between the two order statistics, and the standard error moves in steps so coarse that
# the test errs in up to 6.2 % instead of 5 % (from 6 on: at most 5.1 %; docs/statistics.md).
FEWEST_DISTINCT = 6.0
# Where more than this share of units has the very value of the quantile, an interpolated one says nothing about them.
LARGEST_HEAP = 0.25
# q - floor(q) of a whole number is often a rounding error below 1.
_RANK_DUST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantileSummary:
    """One sample quantile of each variant, all arrays of shape S.

    `point` is the quantile at `probability`, `lower` and `upper` the order statistics at `lower_rank` and `upper_rank`
    of the `n` ranked values: a distribution-free interval of `level`. The ranks are kept as computed, so that one below
    1 or above `n` shows that there are too few units. `distinct` counts the values from `lower` to `upper`, None where the
    source cannot tell. A quantile cannot be merged; `ValueCounts` can.
    """

    probability: float
    level: float
    n: Floats
    point: Floats
    lower: Floats
    upper: Floats
    lower_rank: Floats
    upper_rank: Floats
    distinct: Floats | None = None
    method: str = METHOD

    @property
    def std_error(self) -> Floats:
        """(upper − lower) / 2z, S."""
        return (self.upper - self.lower) / (2.0 * _score(self.level))

    @property
    def sufficient(self) -> Bools:
        """Where both ranks exist among the n values."""
        return (self.lower_rank >= 1.0) & (self.upper_rank <= self.n)

    @property
    def tied(self) -> Bools:
        """Where the quantile moves in steps too coarse for its interval to measure its spread.

        It shares its value with one of the two order statistics: a heap of equal values reaches to the edge of the
        interval. Or fewer than `FEWEST_DISTINCT` values lie from one edge to the other.
        """
        heaped = (self.lower >= self.point) | (self.point >= self.upper)
        return heaped if self.distinct is None else heaped | (self.distinct < FEWEST_DISTINCT)


def order_ranks(
    n: Floats, *, probability: float, level: float, share_std_error: Floats | None = None
) -> tuple[Floats, Floats]:
    """1-based ranks n p ∓ z √(n p (1 − p)), rounded outwards, whose order statistics enclose the quantile.

    `n` of any shape counts ranked values. Where units bring several values each (latency of requests), the binomial
    √(p (1 − p) / n) is replaced by `share_std_error`, the standard error of the share of values at or below the quantile
    with units as the independent pieces (Deng, Knoblich & Lu, KDD 2018, §4.2; Yao, Li & Lu 2024, arXiv 2401.14549,
    algorithm 1). Ranks below 1 or above n say that there are too few units.
    """
    p, z = open_share("probability", probability), _score(level)
    error = np.sqrt(p * (1.0 - p) / np.maximum(n, 1.0)) if share_std_error is None else share_std_error
    half = z * n * error
    lower, upper = n * p - half, n * p + half
    return np.floor(lower + _RANK_DUST), np.ceil(upper - _RANK_DUST) + 1.0


def quantile_of_units(
    values: ValueCounts,
    *,
    probability: float,
    level: float = 0.95,
    interpolation: Interpolation = Interpolation.LINEAR,
) -> QuantileSummary:
    """The quantile of unit-level values S + (v,): every unit brings one value."""
    return _summary(
        values, order_ranks(values.n, probability=probability, level=level), probability, level, interpolation
    )


def mid_quantile_of_units(values: ValueCounts, *, probability: float, level: float = 0.95) -> QuantileSummary:
    """The mid-quantile of unit-level values S + (v,): the quantile for counts and other values with many ties.

    Equal values are spread evenly over the ranks they share, the middle one keeping the value: the inverse of the
    mid-distribution function P(X < x) + P(X = x) / 2, interpolated (Ma, Genton & Parzen, Ann. Inst. Statist. Math. 63, 2011).
    It moves smoothly where the plain quantile steps, so its error can be measured; without ties it is the plain one. A
    number like 20.4 for a count says how near the median is to 20. The interval is a little wide where heaps are large.
    Marked as tied where more than a quarter of the units has the very value of the quantile.
    """
    lower_rank, upper_rank = order_ranks(values.n, probability=probability, level=level)
    heap = _heap(values, 1.0 + (values.n - 1.0) * probability)
    return QuantileSummary(
        probability=probability,
        level=level,
        n=values.n,
        point=_at_mid_rank(values, 1.0 + (values.n - 1.0) * probability),
        lower=_at_mid_rank(values, lower_rank),
        upper=_at_mid_rank(values, upper_rank),
        lower_rank=lower_rank,
        upper_rank=upper_rank,
        distinct=np.where(heap > LARGEST_HEAP * values.n, 0.0, np.inf),
        method=MID_METHOD,
    )


def quantile_of_events(
    values: ValueCounts,
    at_or_below: JointMoments,
    *,
    probability: float,
    level: float = 0.95,
    interpolation: Interpolation = Interpolation.LINEAR,
) -> QuantileSummary:
    """The quantile of event-level values S + (v,), several of them from each randomised unit.

    `at_or_below` (S) holds, per unit, the variables (events at or below the quantile, events): its ratio of sums has the
    delta-method standard error that widens the ranks. Take it at the very quantile that `values` give. Raises
    StatisticsError when the two disagree about the number of events.
    """
    events = at_or_below.n * at_or_below.mean[..., 1]
    if not np.allclose(events, values.n, rtol=1e-6, atol=0.5):
        raise StatisticsError(
            f"at_or_below counts {events!r} events, values hold {values.n!r}: summarise the same rows"
        )
    error = np.sqrt(ratio_of_sums(at_or_below).variance)
    ranks = order_ranks(values.n, probability=probability, level=level, share_std_error=error)
    return _summary(values, ranks, probability, level, interpolation)


def difference_in_quantiles(control: QuantileSummary, treatment: QuantileSummary) -> Estimate:
    """Treatment − control quantile, the variances of two independent variants added; df = inf.

    Not estimable where a rank does not exist (too extreme a quantile for so few units: p99 needs some 400 units and
    better 1,000) and where either variant is `tied`: on counts with many equal values such a test rejects in up to 45 %
    under the null (`mid_quantile_of_units` has a number there). Variance reduction by covariates does not apply. Raises
    StatisticsError for different probabilities or methods.
    """
    if (control.probability, control.method) != (treatment.probability, treatment.method):
        raise StatisticsError(
            f"quantiles at {control.probability!r} ({control.method}) and {treatment.probability!r} ({treatment.method}): "
            "compare the same probability by the same method"
        )
    sufficient = control.sufficient & treatment.sufficient
    return difference(
        control=control.point,
        treatment=treatment.point,
        control_variance=control.std_error**2,
        treatment_variance=treatment.std_error**2,
        dust=np.asarray(0.0),
        df=np.asarray(np.inf),
        known=sufficient & ~(control.tied | treatment.tied),
        method=control.method,
        unknown=np.where(sufficient, Gap.TIES, Gap.INSUFFICIENT_RANKS).astype(np.int8),
    )


def _summary(
    values: ValueCounts,
    ranks: tuple[Floats, Floats],
    probability: float,
    level: float,
    interpolation: Interpolation,
) -> QuantileSummary:
    lower, upper = ranks
    return QuantileSummary(
        probability=probability,
        level=level,
        n=values.n,
        point=values.quantile(probability, interpolation),
        lower=values.order_statistic(np.nan_to_num(lower)),
        upper=values.order_statistic(np.nan_to_num(upper)),
        lower_rank=lower,
        upper_rank=upper,
        distinct=_distinct(values, lower, upper),
    )


def _places(values: ValueCounts, rank: Floats) -> NDArray[np.intp]:
    """Index of the value at a 1-based rank, S, or at the nearest rank there is."""
    wanted = np.clip(np.nan_to_num(rank), 1.0, np.maximum(values.n, 1.0))
    below = (np.cumsum(values.counts, axis=-1) < wanted[..., None]).sum(axis=-1)
    return np.asarray(np.minimum(below, max(len(values.values) - 1, 0)))


def _distinct(values: ValueCounts, lower: Floats, upper: Floats) -> Floats:
    """How many different values occur from one rank to the other, S."""
    if not len(values.values):
        return np.zeros(values.n.shape)
    seen = np.cumsum(values.counts > 0.0, axis=-1)
    first, last = (
        np.take_along_axis(seen, _places(values, rank)[..., None], axis=-1)[..., 0] for rank in (lower, upper)
    )
    return np.asarray(last - first + 1.0, dtype=np.float64)


def _heap(values: ValueCounts, rank: Floats) -> Floats:
    """How many units have the value at a rank, S."""
    if not len(values.values):
        return np.zeros(values.n.shape)
    place = _places(values, np.round(rank))[..., None]
    return np.asarray(np.take_along_axis(values.counts, place, axis=-1)[..., 0], dtype=np.float64)


def _at_mid_rank(values: ValueCounts, rank: Floats) -> Floats:
    """The value at a 1-based rank, S, when equal values share their ranks evenly; NaN where there is no unit."""
    if not len(values.values):
        return np.full(values.n.shape, np.nan)
    wanted = np.nan_to_num(rank) - 0.5
    middle = np.cumsum(values.counts, axis=-1) - values.counts / 2.0
    occurs = values.counts > 0.0
    # Neighbouring values that occur: the last whose middle lies at or below, the first whose middle lies above.
    under = np.where(occurs & (middle <= wanted[..., None]), np.arange(len(values.values)), -1).max(axis=-1)
    over = np.where(occurs & (middle > wanted[..., None]), np.arange(len(values.values)), len(values.values)).min(
        axis=-1
    )
    low, high = np.where(under < 0, over, under), np.where(over >= len(values.values), under, over)
    low, high = (np.clip(place, 0, len(values.values) - 1) for place in (low, high))
    start, end = (np.take_along_axis(middle, place[..., None], axis=-1)[..., 0] for place in (low, high))
    share = np.clip((wanted - start) / np.where(end > start, end - start, 1.0), 0.0, 1.0)
    found = values.values[low] + share * (values.values[high] - values.values[low])
    return np.asarray(np.where(values.n > 0.0, found, np.nan), dtype=np.float64)


def _score(level: float) -> float:
    return float(ndtri(0.5 + open_share("level", level) / 2.0))
