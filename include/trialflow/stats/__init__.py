"""Numbers in, frozen results out: no dates, no SQL, no experiment, and never a judgment.

Everything works on moments of any broadcast shape, so a thousand comparisons are one call. Estimators return an
`Estimate`; tests turn it into an `Effect` (one planned look) or a `SequentialEffect` (many looks). Where there is no
number, `estimable` is False and the number NaN; it is never NaN unmarked.
"""

from trialflow.stats.aa import AaResult, rerandomise
from trialflow.stats.confidence_sequence import asymptotic
from trialflow.stats.cuped import CupedAdjustment, adjust
from trialflow.stats.decay import novelty_contrast
from trialflow.stats.fixed_horizon import critical_value, fixed_horizon, normal_score, student_quantile
from trialflow.stats.group_sequential import (
    Boundaries,
    ExitProbabilities,
    boundaries,
    exit_probabilities,
    inflation,
    next_boundary,
    repeated_confidence,
)
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import JointMoments, Moments
from trialflow.stats.multiplicity import bonferroni, holm
from trialflow.stats.non_inferiority import margin_contrast
from trialflow.stats.power import (
    achieved_power,
    minimum_detectable_effect,
    non_inferiority_units,
    planned_information,
    proportion_std_dev,
    units_per_variant,
)
from trialflow.stats.proportions import difference_in_proportions, pooled_z_test
from trialflow.stats.ratio import difference_in_ratios
from trialflow.stats.relative import relative_effect
from trialflow.stats.results import Alternative, Effect, Estimate, Interval, Scale, SequentialEffect
from trialflow.stats.spending import SpendingFunction, alpha_spent
from trialflow.stats.srm import SequentialSplit, SplitTest, chi_square, ramp_shares, sequential_split

__all__ = [
    "AaResult",
    "Alternative",
    "Boundaries",
    "CupedAdjustment",
    "Effect",
    "Estimate",
    "ExitProbabilities",
    "Interval",
    "JointMoments",
    "Moments",
    "Scale",
    "SequentialEffect",
    "SequentialSplit",
    "SpendingFunction",
    "SplitTest",
    "achieved_power",
    "adjust",
    "alpha_spent",
    "asymptotic",
    "bonferroni",
    "boundaries",
    "chi_square",
    "critical_value",
    "difference_in_means",
    "difference_in_proportions",
    "difference_in_ratios",
    "exit_probabilities",
    "fixed_horizon",
    "holm",
    "inflation",
    "margin_contrast",
    "minimum_detectable_effect",
    "next_boundary",
    "non_inferiority_units",
    "normal_score",
    "novelty_contrast",
    "planned_information",
    "pooled_z_test",
    "proportion_std_dev",
    "ramp_shares",
    "relative_effect",
    "repeated_confidence",
    "rerandomise",
    "sequential_split",
    "student_quantile",
    "units_per_variant",
]
