"""Differences of quantiles, without estimating a density: the standard error comes from order statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share
from trialflow.stats.contrast import difference
from trialflow.stats.moments import Bools, Floats, JointMoments
from trialflow.stats.ratio import ratio_of_sums
from trialflow.stats.results import Estimate, Gap
from trialflow.stats.values import Interpolation, ValueCounts

METHOD = "quantiles, order statistics"
# q - floor(q) of a whole number is often a rounding error below 1.
_RANK_DUST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuantileSummary:
    """One sample quantile of each variant, all arrays of shape S.

    `point` is the quantile at `probability`, `lower` and `upper` the order statistics at `lower_rank` and `upper_rank`
    of the `n` ranked values: a distribution-free interval of `level`. The ranks are kept as computed, so that one below
    1 or above `n` shows that there are too few units. A quantile cannot be merged; `ValueCounts` can.
    """

    probability: float
    level: float
    n: Floats
    point: Floats
    lower: Floats
    upper: Floats
    lower_rank: Floats
    upper_rank: Floats

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
        """Where the quantile shares its value with one of the two order statistics, so that it moves in steps.

        A heap of equal values then reaches from the quantile to the edge of its interval, (upper − lower) is a step or 0
        and no measure of spread.
        """
        return (self.lower >= self.point) | (self.point >= self.upper)


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
    under the null. Variance reduction by covariates does not apply. Raises StatisticsError for different probabilities.
    """
    if control.probability != treatment.probability:
        raise StatisticsError(
            f"quantiles at {control.probability!r} and {treatment.probability!r}: compare the same probability"
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
        method=METHOD,
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
    )


def _score(level: float) -> float:
    return float(ndtri(0.5 + open_share("level", level) / 2.0))
