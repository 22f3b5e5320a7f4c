"""Novelty and primacy: whether the effect on a unit's late days differs from that on its early days."""

from __future__ import annotations

from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Moments
from trialflow.stats.results import Estimate

METHOD = "novelty contrast, late minus early"


def novelty_contrast(control: Moments, treatment: Moments) -> Estimate:
    """mean_T(D) − mean_C(D) where D is a unit's mean over its late days minus its mean over its early days.

    Days count from the unit's first exposure and all units are observed over all of them (a balanced cohort), so this
    is a difference in differences: seasons cancel, and Welch's standard error on D holds the correlation within units
    (Sadeghi et al. 2021, arXiv 2102.12893). Below 0 for a benefit that fades (novelty), above 0 for one that grows.
    """
    return difference_in_means(control, treatment, method=METHOD)
