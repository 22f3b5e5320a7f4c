"""When a split looks wrong: exact tests of small counts, and where in the population it is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlogy

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.multiplicity import holm
from trialflow.stats.srm import chi_square

# Cochran's rule: below this many expected units in an arm the chi-square approximation is not trusted.
SMALLEST_EXPECTED = 5.0

# Outcomes that may be listed for one exact test; more units than that need no exact test.
MOST_OUTCOMES = 2_000_000

# Outcomes as likely as the one seen, up to rounding, count as at least as extreme.
_TIE = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitByGroup:
    """The split within each group (country, device …), each of shape (group,).

    `adjusted_p_value` is corrected for the number of groups (Holm), so that the drill-down as a whole keeps its level.
    `imbalance` is the largest distance of a variant's share from its promise; `excess` (group, k) the units of each variant
    above their promised number, which sums to 0: where the largest ones are is where to look. `exact` says whose p-value is
    the exact one.
    """

    p_value: Floats
    adjusted_p_value: Floats
    imbalance: Floats
    excess: Floats
    exact: Bools


def split_by_group(observed: ArrayLike, shares: ArrayLike) -> SplitByGroup:
    """Split of counts (group, k) against shares (k,) or (group, k), group by group, after an alarm or beside it.

    Groups of several dimensions may be stacked: the correction is over all of them. Where fewer than five units are
    expected in a variant the test is exact. This looks for the cause; it is no second alarm with a level of its own.
    Raises StatisticsError as `chi_square` does and for counts of another shape.
    """
    count = not_negative("observed", observed)
    if count.ndim != 2:
        raise StatisticsError(f"observed has shape {count.shape}: need one row of counts per group")
    share = np.broadcast_to(not_negative("shares", shares), count.shape)
    test = chi_square(count, share)
    expected = count.sum(axis=-1, keepdims=True) * share
    small = ((expected < SMALLEST_EXPECTED) & (share > 0.0)).any(axis=-1) & (count.sum(axis=-1) > 0.0)
    exact = small & (_outcomes(count, share) <= MOST_OUTCOMES) & (count == np.round(count)).all(axis=-1)
    p_value = np.array(test.p_value)
    for group in np.flatnonzero(exact):
        p_value[group] = exact_split(count[group], share[group])
    return SplitByGroup(
        p_value=p_value,
        adjusted_p_value=holm(p_value) if len(p_value) else p_value,
        imbalance=test.imbalance,
        excess=count - expected,
        exact=exact,
    )


def exact_split(observed: ArrayLike, shares: ArrayLike) -> float:
    """Exact multinomial p-value of whole counts (k,) against shares (k,): all outcomes no more likely than the one seen.

    Two variants give the exact binomial test, as R and scipy have it. 1 without units, 0 where a variant without a share
    has some. Raises StatisticsError for counts that are not whole and where there are too many outcomes to list: then
    `chi_square` is accurate.
    """
    count, share = not_negative("observed", observed), not_negative("shares", shares)
    chi_square(count, share)  # refuses what is no split
    if count.ndim != 1 or np.any(count != np.round(count)):
        raise StatisticsError(f"observed = {count.tolist()!r} must be one row of whole counts")
    if np.any((share <= 0.0) & (count > 0.0)):
        return 0.0
    count, share = count[share > 0.0], share[share > 0.0]
    outcomes = float(_outcomes(count[None], share[None])[0])
    if outcomes > MOST_OUTCOMES:
        raise StatisticsError(f"{outcomes:.3g} outcomes are too many to list: use chi_square")
    n = int(count.sum())
    log_chance = _log_chances(n, share)
    seen = gammaln(n + 1.0) + float((xlogy(count, share) - gammaln(count + 1.0)).sum())
    return float(min(np.exp(log_chance[log_chance <= seen + _TIE]).sum(), 1.0))


def _outcomes(count: Floats, share: Floats) -> Floats:
    """How many ways the units of each group can fall, (group,): n + k − 1 over k − 1."""
    n, arms = count.sum(axis=-1), (share > 0.0).sum(axis=-1)
    return np.asarray(np.exp(gammaln(n + arms) - gammaln(n + 1.0) - gammaln(arms * 1.0)), dtype=np.float64)


def _log_chances(n: int, share: Floats) -> Floats:
    """Log probability of every outcome of `n` units, in no particular order."""
    left, log_chance = np.asarray([float(n)]), np.asarray([gammaln(n + 1.0)])
    for one in share[:-1]:
        # Every number of units this arm may have, given what the arms before it left.
        repeats = (left + 1.0).astype(np.int64)
        ends = np.cumsum(repeats)
        taken = np.arange(ends[-1]) - np.repeat(ends - repeats, repeats)
        log_chance = np.repeat(log_chance, repeats) + xlogy(taken, one) - gammaln(taken + 1.0)
        left = np.repeat(left, repeats) - taken
    return np.asarray(log_chance + xlogy(left, share[-1]) - gammaln(left + 1.0), dtype=np.float64)
