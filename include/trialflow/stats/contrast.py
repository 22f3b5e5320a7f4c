"""Where every estimator ends: two point values and their variances become one Estimate, with its gaps marked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Estimate, Gap, Scale

# Second moments arrive as sums rounded to 12 significant digits, so a variance below about 1e-11 of the squared mean is
# rounding dust of a constant, and a z-statistic made of dust would be huge.
SPREAD_FLOOR = 1e-11


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def difference(
    *,
    control: Floats,
    treatment: Floats,
    control_variance: Floats,
    treatment_variance: Floats,
    dust: Floats,
    df: Floats,
    known: Bools,
    method: str,
    unknown: Gap | NDArray[np.int8] = Gap.TOO_FEW_UNITS,
) -> Estimate:
    """Treatment − control of two independent point values with the variances of these values, all of shape S.

    `known` says where the inputs mean anything, `dust` how much of the summed variances may be rounding. Where the
    inputs mean nothing, or nothing beyond dust varies, the result is NaN throughout, `estimable` is False and `gap` says
    why (`unknown`, one reason or one per cell, where `known` is False).
    """
    parts = np.broadcast_arrays(control, treatment, control_variance, treatment_variance, dust, df, known)
    control, treatment, control_variance, treatment_variance, dust, df, known = parts
    total = control_variance + treatment_variance
    finite = np.isfinite(total) & np.isfinite(control) & np.isfinite(treatment)
    estimable = known & finite & (total > dust) & (df > 0.0)
    return Estimate(
        estimate=masked(treatment - control, estimable),
        std_error=masked(_root(total), estimable),
        df=masked(df, estimable),
        control=masked(control, estimable),
        treatment=masked(treatment, estimable),
        control_std_error=masked(_root(control_variance), estimable),
        treatment_std_error=masked(_root(treatment_variance), estimable),
        estimable=estimable,
        scale=Scale.ABSOLUTE,
        method=method,
        gap=gaps(
            known=known, finite=finite, estimable=estimable, blurred=(total > 0.0) & (total <= dust), unknown=unknown
        ),
    )


def gaps(
    *, known: Bools, finite: Bools, estimable: Bools, blurred: Bools, unknown: Gap | NDArray[np.int8]
) -> NDArray[np.int8]:
    """The code of the reason why there is no number, of shape S.

    The first of: not known, not finite, `blurred` (something varies, but by no more than may be rounding), nothing varies.
    """
    conditions = [estimable, ~known, ~finite, blurred]
    reasons = [Gap.NONE, unknown, Gap.NO_VALUE, Gap.BELOW_PRECISION]
    return np.select(conditions, reasons, default=Gap.NO_VARIATION).astype(np.int8)


def masked(values: Floats, estimable: Bools) -> Floats:
    """`values` where estimable, NaN elsewhere."""
    return np.asarray(np.where(estimable, values, np.nan), dtype=np.float64)


def welch_df(a: Floats, b: Floats, n_a: Floats, n_b: Floats) -> Floats:
    """Welch–Satterthwaite degrees of freedom of a sum of two variances of means `a` and `b` (Welch 1947, eq. 28).

    `n_a` and `n_b` are the numbers of units; NaN where both variances are 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = a / (a + b)
        return np.asarray(1.0 / (_per_freedom(share**2, n_a) + _per_freedom((1.0 - share) ** 2, n_b)), dtype=np.float64)


def _per_freedom(square: Floats, n: Floats) -> Floats:
    # A variant whose variance is 0 has no part in the sum, however few units it has.
    return np.where(square > 0.0, square / np.maximum(n - 1.0, 0.0), 0.0)


def _root(variance: Floats) -> Floats:
    return np.sqrt(np.maximum(variance, 0.0))
