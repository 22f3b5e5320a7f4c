"""Difference of two means: Welch's unequal-variances contrast."""

from __future__ import annotations

from trialflow.stats.contrast import difference, welch_df, without_dust
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
        df=welch_df(control_variance, treatment_variance, control.n, treatment.n),
        known=(control.n >= 2.0) & (treatment.n >= 2.0),
        method=method,
    )


def _variance_of_mean(moments: Moments) -> Floats:
    # `variance` is NaN below two units; NaN compares as no spread, and `known` marks the place.
    return without_dust(moments.variance, moments.mean**2) / _at_least_one(moments.n)


def _at_least_one(n: Floats) -> Floats:
    return n.clip(min=1.0)
