"""Differences of two means: Welch's unequal-variances contrast, Student's and the paired one."""

from __future__ import annotations

import numpy as np

from trialflow.stats.contrast import SPREAD_FLOOR, difference, welch_df
from trialflow.stats.moments import Floats, JointMoments, Moments
from trialflow.stats.results import Estimate

METHOD = "Welch"
STUDENT = "Student, equal variances"
PAIRED = "paired t"


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def difference_in_means(control: Moments, treatment: Moments, *, method: str = METHOD) -> Estimate:
    """Treatment − control mean with the Welch standard error, of the broadcast shape of both moments.

    Variances have n − 1 in the denominator and degrees of freedom are Welch–Satterthwaite's (Welch, Biometrika 34,
    1947). Not estimable where a variant has fewer than two units or where no value differs from its variant's mean.
    """
    control_variance, treatment_variance = _variance_of_mean(control), _variance_of_mean(treatment)
    return difference(
        control=control.mean,
        treatment=treatment.mean,
        control_variance=control_variance,
        treatment_variance=treatment_variance,
        dust=SPREAD_FLOOR * (_per_unit(control.mean**2, control.n) + _per_unit(treatment.mean**2, treatment.n)),
        df=welch_df(control_variance, treatment_variance, control.n, treatment.n),
        known=(control.n >= 2.0) & (treatment.n >= 2.0),
        method=method,
    )


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def difference_in_means_equal_variance(control: Moments, treatment: Moments) -> Estimate:
    """Treatment − control mean with Student's pooled variance and n_C + n_T − 2 degrees of freedom.

    Only right where both variants vary alike, which a treatment need not respect: Welch's is the one to report. Not
    estimable where a variant is empty, both have a single unit, or no value differs.
    """
    df = control.n + treatment.n - 2.0
    pooled = (np.maximum(control.m2, 0.0) + np.maximum(treatment.m2, 0.0)) / np.where(df > 0.0, df, np.nan)
    return difference(
        control=control.mean,
        treatment=treatment.mean,
        control_variance=_per_unit(pooled, control.n),
        treatment_variance=_per_unit(pooled, treatment.n),
        dust=SPREAD_FLOOR * (_per_unit(control.mean**2, control.n) + _per_unit(treatment.mean**2, treatment.n)),
        df=np.asarray(df, dtype=np.float64),
        known=(control.n > 0.0) & (treatment.n > 0.0) & (df > 0.0),
        method=STUDENT,
    )


def paired_difference(pairs: JointMoments) -> Estimate:
    """Treatment − control mean of pairs, from joint moments with variables (control value, treatment value).

    The standard error is that of the mean of the differences within pairs, with n − 1 degrees of freedom (Student,
    Biometrika 6, 1908). `control_std_error` is 0 and the treatment's holds all of it, since the two are not
    independent. Not estimable below two pairs or where no difference differs from another.
    """
    m2 = pairs.m2[..., 0, 0] - 2.0 * pairs.m2[..., 0, 1] + pairs.m2[..., 1, 1]
    variance = np.maximum(m2, 0.0) / np.where(pairs.n > 1.0, pairs.n - 1.0, np.nan)
    size = pairs.m2[..., 0, 0] + pairs.m2[..., 1, 1] + (pairs.mean**2).sum(axis=-1)
    return difference(
        control=pairs.mean[..., 0],
        treatment=pairs.mean[..., 1],
        control_variance=np.zeros_like(variance),
        treatment_variance=_per_unit(variance, pairs.n),
        dust=SPREAD_FLOOR * _per_unit(size, pairs.n),
        df=np.asarray(pairs.n - 1.0, dtype=np.float64),
        known=pairs.n > 1.0,
        method=PAIRED,
    )


def _variance_of_mean(moments: Moments) -> Floats:
    # Below two units `variance` is NaN; `known` marks the place.
    return _per_unit(np.maximum(moments.variance, 0.0), moments.n)


def _per_unit(square: Floats, n: Floats) -> Floats:
    return square / np.maximum(n, 1.0)
