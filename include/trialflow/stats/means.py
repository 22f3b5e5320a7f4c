"""Difference of two means: Welch's unequal-variances contrast."""

from __future__ import annotations

import numpy as np

from trialflow.stats.contrast import SPREAD_FLOOR, difference, welch_df
from trialflow.stats.moments import Floats, Moments
from trialflow.stats.results import Estimate

METHOD = "Welch"


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


def _variance_of_mean(moments: Moments) -> Floats:
    # Below two units `variance` is NaN; `known` marks the place.
    return _per_unit(np.maximum(moments.variance, 0.0), moments.n)


def _per_unit(square: Floats, n: Floats) -> Floats:
    return square / np.maximum(n, 1.0)
