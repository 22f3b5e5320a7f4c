"""Numbers in, frozen results out: no dates, no SQL, no experiment, and never a judgment.

Everything works on moments of any broadcast shape, so a thousand comparisons are one call. Estimators return an
`Estimate`; tests turn it into an `Effect` (one planned look) or a `SequentialEffect` (many looks). Where there is no
number, `estimable` is False and the number NaN; it is never NaN unmarked.
"""

from trialflow.stats.aa import AaResult, rerandomise
from trialflow.stats.bernoulli_sequence import bernoulli_sequence
from trialflow.stats.classical import wang_tsiatis
from trialflow.stats.confidence_sequence import asymptotic
from trialflow.stats.cuped import CupedAdjustment, adjust
from trialflow.stats.decay import novelty_contrast
from trialflow.stats.duration import days_needed, detectable_over_time, information_over_time, matured_units
from trialflow.stats.fixed_horizon import critical_value, fixed_horizon, normal_score, student_quantile
from trialflow.stats.futility import FutilityBounds, FutilityDesign, futility_bounds, futility_design
from trialflow.stats.group_sequential import (
    Boundaries,
    ExitProbabilities,
    boundaries,
    boundary_inflation,
    exit_probabilities,
    inflation,
    next_boundary,
    repeated_confidence,
)
from trialflow.stats.many_variants import (
    VariantCorrection,
    comparison_alpha,
    dunnett_critical,
    square_root_ratio,
    total_units,
)
from trialflow.stats.means import difference_in_means
from trialflow.stats.mixture import mixing_variance, mixture_sprt
from trialflow.stats.moments import JointMoments, Moments
from trialflow.stats.monitoring import (
    DecisionTime,
    conditional_power,
    decision_time,
    expected_information,
    power_over_time,
    predictive_power,
    remaining_exits,
)
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
from trialflow.stats.proportion_power import (
    ProportionFormula,
    non_inferiority_share_units,
    proportion_minimum_effect,
    proportion_power,
    proportion_units,
    rule_of_sixteen,
)
from trialflow.stats.proportions import difference_in_proportions, pooled_z_test
from trialflow.stats.ratio import difference_in_ratios
from trialflow.stats.relative import relative_effect
from trialflow.stats.repeated import RepeatedPValues, repeated_p_values
from trialflow.stats.results import Alternative, AlwaysValidEffect, Effect, Estimate, Interval, Scale, SequentialEffect
from trialflow.stats.spending import SpendingFunction, alpha_spent
from trialflow.stats.split_detail import SplitByGroup, exact_split, split_by_group
from trialflow.stats.sprt import SprtPath, sprt
from trialflow.stats.srm import SequentialSplit, SplitTest, chi_square, ramp_shares, sequential_split
from trialflow.stats.stagewise import StagewiseEffect, stagewise
from trialflow.stats.student_power import student_minimum_effect, student_power, student_units
from trialflow.stats.unit_spread import (
    count_std_dev,
    cuped_variance_ratio,
    design_effect,
    pilot_std_dev,
    quantile_std_dev,
    ratio_std_dev,
    ratio_variance,
    relative_std_devs,
)

__all__ = [
    "AaResult",
    "Alternative",
    "AlwaysValidEffect",
    "Boundaries",
    "CupedAdjustment",
    "DecisionTime",
    "Effect",
    "Estimate",
    "ExitProbabilities",
    "FutilityBounds",
    "FutilityDesign",
    "Interval",
    "JointMoments",
    "Moments",
    "ProportionFormula",
    "RepeatedPValues",
    "Scale",
    "SequentialEffect",
    "SequentialSplit",
    "SpendingFunction",
    "SplitByGroup",
    "SplitTest",
    "SprtPath",
    "StagewiseEffect",
    "VariantCorrection",
    "achieved_power",
    "adjust",
    "alpha_spent",
    "asymptotic",
    "bernoulli_sequence",
    "bonferroni",
    "boundaries",
    "boundary_inflation",
    "chi_square",
    "comparison_alpha",
    "conditional_power",
    "count_std_dev",
    "critical_value",
    "cuped_variance_ratio",
    "days_needed",
    "decision_time",
    "design_effect",
    "detectable_over_time",
    "difference_in_means",
    "difference_in_proportions",
    "difference_in_ratios",
    "dunnett_critical",
    "exact_split",
    "exit_probabilities",
    "expected_information",
    "fixed_horizon",
    "futility_bounds",
    "futility_design",
    "holm",
    "inflation",
    "information_over_time",
    "margin_contrast",
    "matured_units",
    "minimum_detectable_effect",
    "mixing_variance",
    "mixture_sprt",
    "next_boundary",
    "non_inferiority_share_units",
    "non_inferiority_units",
    "normal_score",
    "novelty_contrast",
    "pilot_std_dev",
    "planned_information",
    "pooled_z_test",
    "power_over_time",
    "predictive_power",
    "proportion_minimum_effect",
    "proportion_power",
    "proportion_std_dev",
    "proportion_units",
    "quantile_std_dev",
    "ramp_shares",
    "ratio_std_dev",
    "ratio_variance",
    "relative_effect",
    "relative_std_devs",
    "remaining_exits",
    "repeated_confidence",
    "repeated_p_values",
    "rerandomise",
    "rule_of_sixteen",
    "sequential_split",
    "split_by_group",
    "sprt",
    "square_root_ratio",
    "stagewise",
    "student_minimum_effect",
    "student_power",
    "student_quantile",
    "student_units",
    "total_units",
    "units_per_variant",
    "wang_tsiatis",
]
