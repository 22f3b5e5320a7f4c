"""Sample size, power and detectable effect of two shares, by each formula that is in use, named.

Programs differ here by formula, not by error: for 10 % against 12 % at two-sided .05 and power .8 they ask for 3,532 to
3,842 units per variant. `UNPOOLED` plans for the test this package runs. Everywhere the estimate is normal, and power is
the chance of rejecting on the side of the true effect: Φ((δ √n − z_{1−α/sides} s₀) / s₁) with n units in control, where
s₀² and s₁² are n times the variance of the difference that the test uses and that is true.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import one_or_two, open_share, positive
from trialflow.stats.moments import Floats, Moments
from trialflow.stats.proportion_intervals import score_test

_HALVINGS = 60


class ProportionFormula(StrEnum):
    """Which variance the plan uses under the null and under the alternative, p_C and p_T the two shares.

    `UNPOOLED`: p_C q_C + p_T q_T in both. `POOLED_NULL`: that of the pooled share under the null (Fleiss 1981 without
    continuity correction; R's power.prop.test, rpact, gsDesign). `AVERAGE_RATE`: that of the mean share in both.
    `BASELINE_RATE`: that of the control share in both, too small for rising shares below ½. `COHEN_H`: the arcsine scale
    (Cohen 1988; R's pwr).
    """

    UNPOOLED = "unpooled"
    POOLED_NULL = "pooled_null"
    AVERAGE_RATE = "average_rate"
    BASELINE_RATE = "baseline_rate"
    COHEN_H = "cohen_h"


def proportion_units(
    *,
    control: ArrayLike,
    treatment: ArrayLike,
    alpha: float,
    power: float,
    sides: int = 2,
    ratio: ArrayLike = 1.0,
    inflation: ArrayLike = 1.0,
    formula: ProportionFormula = ProportionFormula.UNPOOLED,
) -> Floats:
    """Units in control, not rounded, to find shares `control` against `treatment`; treatment gets `ratio` times as many.

    `inflation` is that of a group-sequential design. Raises StatisticsError for shares outside (0, 1) and equal ones.
    """
    p_c, p_t = _share("control", control), _share("treatment", treatment)
    effect, null, true = _parts(p_c, p_t, positive("ratio", ratio), formula)
    z_a, z_b = _quantiles(alpha, power, sides)
    distance = positive("treatment - control", np.abs(effect))
    return np.asarray(((z_a * null + z_b * true) / distance) ** 2 * positive("inflation", inflation), dtype=np.float64)


def proportion_power(
    *,
    control: ArrayLike,
    treatment: ArrayLike,
    units: ArrayLike,
    alpha: float,
    sides: int = 2,
    ratio: ArrayLike = 1.0,
    formula: ProportionFormula = ProportionFormula.UNPOOLED,
) -> Floats:
    """Power with `units` in control and `ratio` times as many in treatment. Raises as `proportion_units`."""
    p_c, p_t = _share("control", control), _share("treatment", treatment)
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    return _power(p_c, p_t, positive("units", units), a, positive("ratio", ratio), formula)


def proportion_minimum_effect(
    *,
    control: ArrayLike,
    units: ArrayLike,
    alpha: float,
    power: float,
    sides: int = 2,
    ratio: ArrayLike = 1.0,
    direction_sign: int = 1,
    inflation: ArrayLike = 1.0,
    formula: ProportionFormula = ProportionFormula.UNPOOLED,
) -> Floats:
    """Smallest absolute rise (`direction_sign` 1) or fall (−1) of the share found with `power`, as a positive number.

    inf where no share is far enough away. Raises StatisticsError as `proportion_units` and for another sign.
    """
    if direction_sign not in (-1, 1):
        raise StatisticsError(f"direction_sign = {direction_sign!r} must be 1 (a rise) or -1 (a fall)")
    p_c, n = _share("control", control), positive("units", units) / positive("inflation", inflation)
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    r = positive("ratio", ratio)
    open_share("power", power)
    p_c, n, r = (np.array(values) for values in np.broadcast_arrays(p_c, n, r))
    room = np.where(direction_sign > 0, 1.0 - p_c, p_c) * (1.0 - 1e-12)
    low, high = np.zeros(p_c.shape), room
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        enough = _power(p_c, p_c + direction_sign * middle, n, a, r, formula) >= power
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.asarray(np.where(high < room, high, np.inf), dtype=np.float64)


def rule_of_sixteen(*, control: ArrayLike, minimum_effect: ArrayLike) -> Floats:
    """16 p (1 − p) / δ² units per variant: the rule of thumb for two-sided .05 and power .8, for comparison only.

    It puts 16 for 2 (z + z)² = 15.7 and the control's variance for both, so rising shares below ½ get too few units.
    """
    p = _share("control", control)
    return 16.0 * p * (1.0 - p) / positive("minimum_effect", np.abs(np.asarray(minimum_effect, dtype=np.float64))) ** 2


def non_inferiority_share_units(
    *,
    control: ArrayLike,
    treatment: ArrayLike,
    margin: ArrayLike,
    alpha: float,
    power: float,
    direction_sign: int = 1,
    ratio: ArrayLike = 1.0,
    inflation: ArrayLike = 1.0,
) -> Floats:
    """Units in control for the score test of non-inferiority of a share, one-sided at `alpha`.

    The null variance is that of the shares most likely when the difference is the margin itself (Farrington & Manning,
    Statistics in Medicine 9, 1990; rpact and gsDesign do so). `direction_sign` is 1 where more is better, −1 where less
    is. `inflation` is that of a one-sided group-sequential design. For the Wald test see `non_inferiority_units`. Raises
    StatisticsError where the true shares lie beyond the margin.
    """
    distance, null, true = _score_parts(control, treatment, margin, direction_sign, ratio)
    z_a, z_b = _quantiles(alpha, power, 1)
    fixed = ((z_a * null + z_b * true) / positive("distance from the margin", distance)) ** 2
    return np.asarray(fixed * positive("inflation", inflation), dtype=np.float64)


def non_inferiority_share_power(
    *,
    control: ArrayLike,
    treatment: ArrayLike,
    margin: ArrayLike,
    units: ArrayLike,
    alpha: float,
    direction_sign: int = 1,
    ratio: ArrayLike = 1.0,
) -> Floats:
    """Power of one look of that score test with `units` in control and `ratio` times as many in treatment.

    Arguments as for `non_inferiority_share_units`. About alpha or less where the true shares lie on the margin or beyond.
    """
    distance, null, true = _score_parts(control, treatment, margin, direction_sign, ratio)
    a = open_share("alpha", alpha)
    return np.asarray(ndtr((distance * np.sqrt(positive("units", units)) + ndtri(a) * null) / true), dtype=np.float64)


def _score_parts(
    control: ArrayLike, treatment: ArrayLike, margin: ArrayLike, direction_sign: int, ratio: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Distance of the true shares from the margin, and the deviations s0 and s1 of one unit in control."""
    if direction_sign not in (-1, 1):
        raise StatisticsError(f"direction_sign = {direction_sign!r} must be 1 (more is better) or -1 (less is better)")
    p_c, p_t, r, allowed = np.broadcast_arrays(
        _share("control", control), _share("treatment", treatment), positive("ratio", ratio), positive("margin", margin)
    )
    distance = direction_sign * (p_t - p_c) + allowed
    true = np.sqrt(p_c * (1.0 - p_c) + p_t * (1.0 - p_t) / r)
    # The score statistic of one unit in control is the distance over s0; on the margin the true shares are the null ones.
    one, some = Moments(n=np.ones(p_c.shape), mean=p_c, m2=p_c), Moments(n=np.array(r), mean=p_t, m2=p_t)
    score = score_test(one, some, null=-direction_sign * allowed, corrected=False).statistic
    null = np.where(score == 0.0, true, distance / np.where(score == 0.0, 1.0, score * direction_sign))
    return distance, null, true


def _power(p_c: Floats, p_t: Floats, units: Floats, a: float, ratio: Floats, formula: ProportionFormula) -> Floats:
    effect, null, true = _parts(p_c, p_t, ratio, formula)
    return np.asarray(ndtr((np.abs(effect) * np.sqrt(units) + ndtri(a) * null) / true), dtype=np.float64)


def _parts(p_c: Floats, p_t: Floats, ratio: Floats, formula: ProportionFormula) -> tuple[Floats, Floats, Floats]:
    """The effect on the formula's scale and the deviations s0 and s1."""
    share = 1.0 + 1.0 / ratio
    unpooled = np.sqrt(p_c * (1.0 - p_c) + p_t * (1.0 - p_t) / ratio)
    match formula:
        case ProportionFormula.UNPOOLED:
            return p_t - p_c, unpooled, unpooled
        case ProportionFormula.POOLED_NULL:
            pooled = (p_c + ratio * p_t) / (1.0 + ratio)
            return p_t - p_c, np.sqrt(pooled * (1.0 - pooled) * share), unpooled
        case ProportionFormula.AVERAGE_RATE:
            mean = 0.5 * (p_c + p_t)
            deviation = np.sqrt(mean * (1.0 - mean) * share)
        case ProportionFormula.BASELINE_RATE:
            deviation = np.sqrt(p_c * (1.0 - p_c) * share)
        case ProportionFormula.COHEN_H:
            h = 2.0 * (np.arcsin(np.sqrt(p_t)) - np.arcsin(np.sqrt(p_c)))
            return h, np.sqrt(share), np.sqrt(share)
    return p_t - p_c, deviation, deviation


def _quantiles(alpha: float, power: float, sides: int) -> tuple[float, float]:
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    return -float(ndtri(a)), float(ndtri(open_share("power", power)))


def _share(name: str, value: ArrayLike) -> Floats:
    share = np.asarray(value, dtype=np.float64)
    if not np.all((share > 0.0) & (share < 1.0)):
        raise StatisticsError(f"{name} = {value!r} must lie strictly between 0 and 1")
    return share
