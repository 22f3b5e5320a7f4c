"""Every reference case is either recomputed by our code or named below with the reason why not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.stats.reference import Case, case, cases, compare, derived, derived_joint, small_data, small_joint
from trialflow.stats import (
    Alternative,
    Estimate,
    Interval,
    JointMoments,
    Moments,
    SpendingFunction,
    achieved_power,
    adjust,
    asymptotic,
    boundaries,
    chi_square,
    critical_value,
    difference_in_means,
    difference_in_proportions,
    difference_in_ratios,
    exit_probabilities,
    fixed_horizon,
    margin_contrast,
    minimum_detectable_effect,
    non_inferiority_units,
    pooled_z_test,
    proportion_std_dev,
    relative_effect,
    repeated_confidence,
    sequential_split,
    units_per_variant,
)
from trialflow.stats.aa import rate_interval, uniformity, wilson_interval
from trialflow.stats.bayes import BetaPosterior, beta_posterior, compare_normal, compare_shares, probability_best
from trialflow.stats.bernoulli_sequence import bernoulli_sequence
from trialflow.stats.classical import wang_tsiatis
from trialflow.stats.confidence_sequence import boundary, tuned_rho
from trialflow.stats.cuped import adjust_ratios, linearised, total_slope, with_missing_indicator, within_slope
from trialflow.stats.decay import DailyEffects, fit_decay, late_minus_early, overall_mean, rank_correlation, slope
from trialflow.stats.equivalence import equivalence
from trialflow.stats.exact import binomial_test, fisher_exact
from trialflow.stats.futility import futility_design
from trialflow.stats.group_sequential import NEGLIGIBLE_ALPHA, Boundaries, boundary_inflation
from trialflow.stats.many_variants import total_units
from trialflow.stats.means import difference_in_means_equal_variance, paired_difference
from trialflow.stats.mixture import log_ratio, mixture_sprt
from trialflow.stats.monitoring import conditional_power, expected_information, power_over_time
from trialflow.stats.multiplicity import Correction, fixed_sequence, levels, sidak, weighted_bonferroni
from trialflow.stats.multiplicity import adjusted as family_p_values
from trialflow.stats.power import drift
from trialflow.stats.proportion_intervals import agresti_caffo, newcombe, score_interval, score_test
from trialflow.stats.proportion_power import (
    ProportionFormula,
    non_inferiority_share_units,
    proportion_minimum_effect,
    proportion_power,
    proportion_units,
    rule_of_sixteen,
)
from trialflow.stats.quantile import difference_in_quantiles, quantile_of_units
from trialflow.stats.ranks import kolmogorov_smirnov, mann_whitney
from trialflow.stats.relative import delta_lift, fieller_g, log_lift, log_ratio_df
from trialflow.stats.repeated import repeated_p_values
from trialflow.stats.simpson import simpson
from trialflow.stats.split_detail import exact_split
from trialflow.stats.stagewise import stagewise
from trialflow.stats.stratified import heterogeneity, mantel_haenszel, post_stratified
from trialflow.stats.student_power import student_minimum_effect, student_power, student_units
from trialflow.stats.unit_spread import cuped_variance_ratio, design_effect, ratio_variance
from trialflow.stats.values import Interpolation, ValueCounts

Got = Mapping[str, Any]
NORMAL_95 = float(critical_value(np.asarray(np.inf), 0.95))

SPENDING = {
    "lan_demets_obf": SpendingFunction.OBRIEN_FLEMING,
    "lan_demets_pocock": SpendingFunction.POCOCK,
    "hwang_shih_decani": SpendingFunction.HWANG_SHIH_DECANI,
    "power": SpendingFunction.POWER,
}
CLASSICAL_SHAPE = {"obf_classic": 0.0, "pocock_classic": 0.5}


# --- two arms -------------------------------------------------------------------------------------------------------


def arms(inputs: Mapping[str, Any]) -> tuple[Moments, Moments]:
    control = Moments.from_proportion(n=inputs["n_control"], successes=inputs["x_control"])
    return control, Moments.from_proportion(n=inputs["n_treatment"], successes=inputs["x_treatment"])


def ends(result: Any) -> tuple[float, float]:
    return both(result.interval)


def both(interval: Interval) -> tuple[float, float]:
    return float(interval.lower), float(interval.upper)


def z_of(estimate: Estimate) -> float:
    return float(estimate.estimate / estimate.std_error)


def delta_interval(estimate: Estimate) -> tuple[float, float]:
    return ends(delta_lift(estimate, critical=NORMAL_95, level=0.95))


def two_proportions(c: Case) -> Got:
    if "rejections" in c.inputs:
        rejections, runs = c.inputs["rejections"], c.inputs["runs"]
        exact, wilson = rate_interval(rejections, runs, 0.95), wilson_interval(rejections, runs, 0.95)
        return {
            "rate": rejections / runs,
            "wilson_95": (wilson.lower, wilson.upper),
            "clopper_pearson_95": (exact.lower, exact.upper),
            "binom_test_p": float(binomial_test(rejections, runs, share=c.inputs["nominal"])),
        }
    control, treatment = arms(c.inputs)
    estimate = difference_in_proportions(control, treatment)
    if "margin_absolute" in c.inputs:
        margin = margin_contrast(estimate, direction_sign=1, absolute=c.inputs["margin_absolute"])
        null = -c.inputs["margin_absolute"]
        score = score_test(control, treatment, null=null, corrected=False, alternative=Alternative.GREATER)
        return {
            "z_farrington_manning": score.statistic,
            "p_one_sided_farrington_manning": score.p_value,
            "z_wald": z_of(margin),
            "p_one_sided_wald": fixed_horizon(margin, level=0.9, alternative=Alternative.GREATER).p_value,
            "lower_95_one_sided": fixed_horizon(estimate, level=0.9).interval.lower,
            "lower_975": fixed_horizon(estimate, level=0.95).interval.lower,
        }
    test, yates = pooled_z_test(control, treatment), pooled_z_test(control, treatment, yates=True)
    fisher = {"p_fisher": fisher_exact(control, treatment)} if "p_fisher" in c.expected else {}
    return fisher | {
        "p_greater": pooled_z_test(control, treatment, alternative=Alternative.GREATER).p_value,
        "chi2_yates": yates.statistic**2,
        "p_yates": yates.p_value,
        "ci_newcombe": both(newcombe(control, treatment, level=0.95)),
        "ci_agresti_caffo": both(agresti_caffo(control, treatment, level=0.95)),
        "ci_score": both(score_interval(control, treatment, level=0.95)),
        "p_treatment": estimate.treatment,
        "p_control": estimate.control,
        "difference": estimate.estimate,
        "z_pooled": test.statistic,
        "p_two_sided": test.p_value,
        "z_unpooled": z_of(estimate),
        "ci_wald": ends(fixed_horizon(estimate, level=0.95)),
        "relative_lift": relative_effect(estimate, critical=NORMAL_95, level=0.95).estimate,
        "lift_ci_delta": delta_interval(estimate),
        "lift_ci_log": ends(log_lift(estimate, critical=NORMAL_95, level=0.95)),
        "lift_ci_fieller": ends(relative_effect(estimate, critical=NORMAL_95, level=0.95)),
    }


def from_summary(values: Mapping[str, Any], arm: str) -> Moments:
    return Moments.from_variance(n=values[f"n_{arm}"], mean=values[f"mean_{arm}"], variance=values[f"sd_{arm}"] ** 2)


def mean_arms(c: Case) -> tuple[Moments, Moments]:
    """Rows where we have them, else the published mean, deviation and count."""
    if str(c.inputs.get("data", "")).startswith("ab_small.csv column "):
        control, treatment = small_joint(c.inputs["data"].split()[2].rstrip(","))
        return control.variable(0), treatment.variable(0)
    if "treatment" in c.inputs:
        return Moments.from_rows(c.inputs["control"]), Moments.from_rows(c.inputs["treatment"])
    values = c.inputs if "mean_control" in c.inputs else case("two_sample_means", c.id).expected
    return from_summary(values, "control"), from_summary(values, "treatment")


def equal_variances(c: Case) -> Got:
    estimate = difference_in_means_equal_variance(*mean_arms(c))
    effect = fixed_horizon(estimate, level=0.95)
    return {"t_equal_var": z_of(estimate), "p_equal_var": effect.p_value, "ci_equal_var": ends(effect)}


def paired(c: Case) -> Got:
    if "paired_t" not in c.expected:
        return {}
    rows = np.column_stack([c.inputs["control"], c.inputs["treatment"]])
    estimate = paired_difference(JointMoments.from_rows(rows))
    return {"paired_t": z_of(estimate), "paired_p": fixed_horizon(estimate, level=0.95).p_value}


def small_values(column: str) -> tuple[ValueCounts, ValueCounts]:
    data = small_data()
    control, treatment = (
        ValueCounts.from_rows(data[column][data["variant"] == name]) for name in ("control", "treatment")
    )
    return control, treatment


def counted(c: Case) -> tuple[ValueCounts, ValueCounts]:
    """Rows where we have them, else how many units of each arm share the first, second … distinct value."""
    if c.inputs["data"].startswith("ab_small.csv column "):
        return small_values(c.inputs["data"].split()[2].rstrip(","))
    table = derived(f"{c.id}-ranks")
    place = np.arange(float(len(table["control"])))
    control, treatment = (
        ValueCounts(values=place, counts=np.asarray(table[arm], dtype=float)) for arm in ("control", "treatment")
    )
    return control, treatment


def by_rank(c: Case) -> Got:
    if "W" not in c.expected:
        return {}
    control, treatment = counted(c)
    plain, moved = (mann_whitney(control, treatment, level=0.95, continuity=way) for way in (False, True))
    return {
        "W": plain.statistic,
        "p_mann_whitney": plain.p_value,
        "p_mann_whitney_cc": moved.p_value,
        "prob_superiority": plain.probability,
        "ks": kolmogorov_smirnov(control, treatment).distance,
    }


def quantile_difference(c: Case) -> Got:
    found: dict[str, Any] = {}
    for name, way in (("type7", Interpolation.LINEAR), ("type1", Interpolation.INVERTED)):
        control, treatment = (
            quantile_of_units(values, probability=c.inputs["quantile"], interpolation=way)
            for values in small_values(c.inputs["data"].split()[2])
        )
        estimate = difference_in_quantiles(control, treatment)
        found[name] = {"treatment": estimate.treatment, "control": estimate.control, "difference": estimate.estimate}
        found["se_order_stat"] = estimate.std_error
        found["ci_order_stat"] = {
            arm: (one.lower, one.upper) for arm, one in (("treatment", treatment), ("control", control))
        }
    return found


def two_sample_means(c: Case) -> Got:
    control, treatment = mean_arms(c)
    estimate = difference_in_means(control, treatment)
    if "low" in c.inputs:
        test = equivalence(estimate, low=c.inputs["low"], high=c.inputs["high"], alpha=0.05)
        return {
            "t_lower": test.t_lower,
            "t_upper": test.t_upper,
            "p_lower": test.p_lower,
            "p_upper": test.p_upper,
            "p_tost": test.p_value,
        }
    effect = fixed_horizon(estimate, level=0.95)
    got = {
        "mean_treatment": estimate.treatment,
        "mean_control": estimate.control,
        "n_treatment": treatment.n,
        "n_control": control.n,
        "sd_treatment": np.sqrt(treatment.variance),
        "sd_control": np.sqrt(control.variance),
        "difference": effect.estimate,
        "se": effect.std_error,
        "t": z_of(estimate),
        "df": effect.df,
        "p_two_sided": effect.p_value,
        "ci": ends(effect),
    } | {name: value for one in (equal_variances, by_rank, paired) for name, value in one(c).items()}
    return {name: value for name, value in got.items() if name in c.expected}


def relative_lift(c: Case) -> Got:
    control, treatment = mean_arms(c)
    estimate = difference_in_means(control, treatment)
    lift = relative_effect(estimate, critical=NORMAL_95, level=0.95)
    student = critical_value(estimate.df, 0.95)
    on_logs = critical_value(log_ratio_df(control, treatment), 0.95)
    return {
        "relative_lift": lift.estimate,
        "se_delta": lift.std_error,
        "ci_delta_z": delta_interval(estimate),
        "ci_delta_welch_t": ends(delta_lift(estimate, critical=student, level=0.95)),
        "ci_log_z": ends(log_lift(estimate, critical=NORMAL_95, level=0.95)),
        "ci_log_t": ends(log_lift(estimate, critical=on_logs, level=0.95)),
        "ci_fieller_z": ends(lift),
        "fieller_g": fieller_g(estimate, critical=NORMAL_95),
    }


def cuped_arms(c: Case) -> tuple[JointMoments, JointMoments]:
    if c.id in ("hillstrom-spend-history", "anorexia-ft"):
        return derived_joint(c.id)
    if c.id == "small-two-covariates":
        return small_joint("minutes", "pre_minutes", "pre_spend")
    outcome = "spend" if c.id == "small-spend" else "minutes"
    return small_joint(outcome, f"pre_{outcome}")


def without_every_seventh() -> tuple[JointMoments, JointMoments]:
    """Joint moments (minutes, pre) where every seventh user has no pre-period and gets the mean of the others."""
    data = small_data()
    known = np.arange(len(data["minutes"])) % 7 != 0
    centre = data["pre_minutes"][known].mean()
    arms = []
    for name in ("control", "treatment"):
        chosen = data["variant"] == name
        rows = np.column_stack([data["minutes"], data["pre_minutes"] - centre])
        with_it = with_missing_indicator(
            JointMoments.from_rows(rows[chosen & known]), Moments.from_rows(data["minutes"][chosen & ~known])
        )
        arms.append(JointMoments(n=with_it.n, mean=with_it.mean[:2], m2=with_it.m2[:2, :2]))
    return arms[0], arms[1]


def cuped(c: Case) -> Got:
    """`cuped_*` of the references uses the slope over both arms together; ours, from within them, is `theta_within`."""
    control, treatment = without_every_seventh() if "missing" in c.id else cuped_arms(c)
    raw = difference_in_means(control.variable(0), treatment.variable(0))
    variants = stacked(control, treatment)
    together = total_slope(variants)
    pooled = adjust(variants, theta=together).moments
    estimate = difference_in_means(pooled.take(0), pooled.take(1))
    effect = fixed_horizon(estimate, level=0.95)
    everyone = control + treatment
    spread = everyone.m2[:2, :2]
    ours = adjust(variants)
    got = {
        "unadjusted_difference": raw.estimate,
        "unadjusted_se": raw.std_error,
        "theta_pooled": together[0],
        "theta": together if len(together) > 1 else together[0],
        "cuped_difference": effect.estimate,
        "cuped_se": effect.std_error,
        "cuped_t": z_of(estimate),
        "cuped_df": effect.df,
        "cuped_p": effect.p_value,
        "cuped_ci": ends(effect),
        "variance_reduction": 1.0 - (effect.std_error / raw.std_error) ** 2,
        "correlation": spread[0, 1] / math.sqrt(spread[0, 0] * spread[1, 1]),
        "theta_within": ours.theta[0],
        "ancova_difference": ours.moments.mean[1] - ours.moments.mean[0],
    }
    return {name: value for name, value in got.items() if name in c.expected}


def stacked(*variants: JointMoments) -> JointMoments:
    return JointMoments(
        n=np.stack([one.n for one in variants]),
        mean=np.stack([one.mean for one in variants]),
        m2=np.stack([one.m2 for one in variants]),
    )


def by_cluster(*columns: str) -> tuple[JointMoments, JointMoments]:
    data = small_data()

    def totals(arm: str) -> JointMoments:
        chosen = data["variant"] == arm
        clusters = np.unique(data["cluster"][chosen])
        sums = [[data[name][chosen & (data["cluster"] == one)].sum() for name in columns] for one in clusters]
        return JointMoments.from_rows(sums)

    return totals("control"), totals("treatment")


def ratio_cuped(c: Case) -> Got:
    """tea-tasting's: the slope of the ratio linearised over both arms together, on a covariate with denominator 1."""
    control, treatment = (
        with_ones(one) for one in small_joint(c.inputs["numerator"], c.inputs["denominator"], c.inputs["covariate"])
    )
    variants, everyone = stacked(control, treatment), stacked(control + treatment)
    adjusted = adjust_ratios(variants, theta=within_slope(linearised(everyone))).moments
    effect = fixed_horizon(difference_in_means(adjusted.take(0), adjusted.take(1)), level=0.95)
    return {"difference": effect.estimate, "ci_t": ends(effect), "p_t": effect.p_value}


def with_ones(moments: JointMoments) -> JointMoments:
    m2 = np.zeros((4, 4))
    m2[:3, :3] = moments.m2
    return JointMoments(n=moments.n, mean=np.append(moments.mean, 1.0), m2=m2)


def ratio_metrics(c: Case) -> Got:
    if "covariate" in c.inputs:
        return ratio_cuped(c)
    if c.id.startswith("udacity"):
        control, treatment = derived_joint(c.id)
    else:
        make = by_cluster if c.id.endswith("cluster") else small_joint
        control, treatment = make(c.inputs["numerator"], c.inputs["denominator"])
    estimate = difference_in_ratios(control, treatment)
    normal = fixed_horizon(replace(estimate, df=np.asarray(np.inf)), level=0.95)
    got = {
        "ratio_treatment": estimate.treatment,
        "ratio_control": estimate.control,
        "se_treatment": estimate.treatment_std_error,
        "se_control": estimate.control_std_error,
        "difference": estimate.estimate,
        "se": estimate.std_error,
        "se_delta_day_unit": estimate.std_error,
        "z": z_of(estimate),
        "p_z": normal.p_value,
        "ci_z": ends(normal),
        "df_welch": estimate.df,
        "p_t": fixed_horizon(estimate, level=0.95).p_value,
        "relative_lift": relative_effect(estimate, critical=NORMAL_95, level=0.95).estimate,
        "lift_ci_delta_z": delta_interval(estimate),
    } | counted_ratio(c, control, treatment)
    return {name: value for name, value in got.items() if name in c.expected}


def counted_ratio(c: Case, control: JointMoments, treatment: JointMoments) -> Got:
    """What treats every session, or every click, as independent: right only where it is."""
    low, high = (
        Moments.from_proportion(n=one.n * one.mean[1], successes=one.n * one.mean[0]) for one in (control, treatment)
    )
    got: dict[str, Any] = {"naive_se": difference_in_proportions(low, high).std_error}
    if c.id.startswith("udacity"):
        days = derived(f"{c.id}-days")
        pooled = float((high.mean - low.mean) / pooled_z_test(low, high).statistic)
        middle = float(high.mean - low.mean)
        got |= {
            "se_pooled": pooled,
            "ci_pooled_1.96": (middle - 1.96 * pooled, middle + 1.96 * pooled),
            "days": days["days"],
            "days_treatment_higher": days["treatment_higher"],
            "sign_test_p": float(binomial_test(days["treatment_higher"], days["days"])),
        }
    return got


# --- looks ----------------------------------------------------------------------------------------------------------


def nominal_p(z: Any, sides: int) -> Any:
    return sides * fixed_horizon(unit_estimate(z), level=0.95, alternative=Alternative.GREATER).p_value


def unit_estimate(value: Any, std_error: Any = 1.0) -> Estimate:
    """An estimate with a known standard error and a normal reference."""
    value = np.asarray(value, dtype=float)
    error = np.broadcast_to(np.asarray(std_error, dtype=float), value.shape)
    moments = Moments.from_variance(n=2.0, mean=0.0, variance=1.0)
    template = difference_in_means(moments, moments)
    return replace(
        template, estimate=value, std_error=error, df=np.full(value.shape, np.inf), estimable=np.ones(value.shape, bool)
    )


def without_the_unstoppable(z: Any, c: Case) -> list[float]:
    """Our inf where the reference itself says that a look spends nothing worth speaking of."""
    unstoppable = np.asarray(c.expected["cumulative_alpha"]) < NEGLIGIBLE_ALPHA
    assert np.isinf(np.asarray(z)[unstoppable]).all()
    return [float(value) for value in np.where(unstoppable, c.expected["z"], z)]


def group_sequential_boundaries(c: Case) -> Got:
    inputs, sides = c.inputs, c.inputs["sided"]
    if "looks" in inputs:
        information = np.arange(1.0, inputs["looks"] + 1.0)
        critical = critical_value(np.asarray(np.inf), 1.0 - inputs["alpha_each_look"])
        exits = exit_probabilities(critical, information, sides=sides)
        return {"overall_type_one_error": exits.upper.sum() + exits.lower.sum()}
    if "planned_information" in inputs:
        actual = np.asarray(inputs["actual_information"])
        times = np.minimum(actual / inputs["planned_information"], 1.0)
        times[-1] = 1.0
        bound = boundaries(
            actual, fractions=times, alpha=inputs["alpha"], sides=sides, spending=SPENDING[inputs["design"]]
        )
        rates = actual / actual[-1]
        return {
            "information_rates": rates,
            "spending_times": times,
            "cumulative_alpha": bound.alpha_spent,
            "z": bound.z,
        }
    bound = planned(inputs, np.asarray(inputs["information_rates"], dtype=float))
    z = without_the_unstoppable(bound.z, c)
    return {"z": z, "cumulative_alpha": bound.alpha_spent, "nominal_p": nominal_p(z, sides)}


def planned(inputs: Mapping[str, Any], information: Any) -> Boundaries:
    rates = {"alpha": inputs["alpha"], "sides": inputs["sided"]}
    if inputs["design"] in SPENDING:
        parameter = inputs.get("gamma", inputs.get("rho"))
        return boundaries(information, spending=SPENDING[inputs["design"]], parameter=parameter, **rates)
    return wang_tsiatis(information, shape=CLASSICAL_SHAPE.get(inputs["design"], inputs.get("delta")), **rates)


def group_sequential_power(c: Case) -> Got:
    inputs = c.inputs
    if "final_bound_z" in inputs:
        trend = None if inputs["assumption"] == "current trend" else inputs["drift_at_full_information"]
        power = conditional_power(
            z=inputs["z"],
            information=inputs["information_fraction"],
            final_information=1.0,
            final_boundary=inputs["final_bound_z"],
            effect=trend,
        )
        return {"conditional_power": power}
    information = np.asarray(inputs["information_rates"], dtype=float)
    if "cumulative_z" in inputs:
        return analysed(c, information)
    if "futility" in inputs:
        family = next(name for name in SPENDING if inputs["futility"].startswith(name))
        design = futility_design(
            information,
            alpha=inputs["alpha"],
            power=inputs["power"],
            spending=SPENDING[inputs["efficacy"]],
            futility_spending=SPENDING[family],
            futility_parameter=inputs.get("gamma_beta"),
        )
        return {
            "efficacy_z": design.efficacy_z,
            "futility_z": design.futility_z,
            "inflation_factor": design.inflation,
        }
    rates = {"alpha": inputs["alpha"], "power": inputs["power"], "sides": inputs["sided"]}
    z = planned(inputs, information).z
    factor = boundary_inflation(z, information, **rates)
    effect = drift(**rates) * math.sqrt(factor)
    exits = {truth: exit_probabilities(z, information, effect=truth, sides=inputs["sided"]) for truth in (0.0, effect)}
    return {
        "inflation_factor": factor,
        "drift_at_full_information": effect,
        "asn_ratio_h1": factor * expected_information(exits[effect], information),
        "asn_ratio_h0": factor * expected_information(exits[0.0], information),
        "cumulative_power": power_over_time(z, information, effect=effect, sides=inputs["sided"]),
    }


def analysed(c: Case, rates: Any) -> Got:
    inputs = c.inputs
    looks, spending = len(inputs["cumulative_z"]), SPENDING[inputs["design"]]
    bound = planned(inputs, rates)
    path = unit_estimate(inputs["estimate"], inputs["standard_error"])
    effect = repeated_confidence(
        path,
        boundary_z=bound.z[:looks],
        spent=bound.alpha_spent[:looks],
        level=inputs["confidence_level"],
        alternative=Alternative.GREATER,
    )
    crossed = np.flatnonzero(effect.crossed)
    repeated = repeated_p_values(
        inputs["cumulative_z"], path.information, fractions=rates[:looks], sides=inputs["sided"], spending=spending
    )
    final = stagewise(
        unit_estimate(inputs["estimate"][-1], inputs["standard_error"][-1]),
        past_information=path.information[:-1],
        past_boundaries=bound.z[: looks - 1],
        level=inputs["confidence_level"],
        alternative=Alternative.GREATER,
    )
    return {
        "bounds": bound.z[: len(c.expected["bounds"])],
        "repeated_p": repeated.repeated_p_value,
        "sequential_p": repeated.always_valid_p_value,
        "repeated_ci_lower": effect.interval.lower,
        "repeated_ci_upper": effect.interval.upper,
        "reject_at_look": int(crossed[0]) + 1 if len(crossed) else None,
        "final_p_stagewise": final.stagewise_p_value,
        "final_ci_stagewise": ends(final),
        "median_unbiased": final.median_unbiased,
    }


def confidence_sequence(c: Case) -> Got:
    inputs = c.inputs
    if "successes" in inputs:
        tuning = {"tuning_n": inputs["t_opt"], "tuning_alpha": inputs["alpha_opt"]}
        interval = bernoulli_sequence(inputs["successes"], inputs["trials"], alpha=inputs["alpha"], **tuning)
        return {"ci": (interval.lower, interval.upper)}
    rho = tuned_rho(inputs["n_opt"], inputs["alpha"])
    if "data" in inputs:
        control, treatment = (joint.variable(0) for joint in small_joint(inputs["data"].split()[2]))
        estimate = difference_in_means(control, treatment)
        effect = asymptotic(estimate, n=control.n + treatment.n, tuning_n=inputs["n_opt"], alpha=inputs["alpha"])
        return {"estimate": effect.estimate, "ci": ends(effect), "p": effect.always_valid_p_value, "rho": rho}
    n = np.atleast_1d(np.asarray(inputs["n"], dtype=float))
    error = inputs["sd"] / np.sqrt(n)
    return {
        "half_width": error * boundary(n, inputs["n_opt"], inputs["alpha"]),
        "fixed_n_half_width": error * critical_value(np.asarray(np.inf), 1.0 - inputs["alpha"]),
        "rho": rho,
    }


def always_valid_msprt(c: Case) -> Got:
    inputs = c.inputs
    if "x_control" in inputs:
        estimate = difference_in_proportions(*arms(inputs))
    else:
        variance = inputs["V"] if "V" in inputs else inputs["variance_per_pair"] / inputs["n_pairs"]
        estimate = unit_estimate(inputs["estimate"], np.sqrt(variance))
    level, tau = 1.0 - inputs["alpha"], inputs["tau2"]
    effect = mixture_sprt(estimate, mixing_variance=tau, alpha=inputs["alpha"])
    naive = fixed_horizon(estimate, level=level).p_value
    got = {
        "estimate": effect.estimate,
        "V": effect.std_error**2,
        "log_lambda": log_ratio(effect.estimate / effect.std_error, tau / effect.std_error**2),
        "p": effect.always_valid_p_value,
        "ci": ends(effect) if not effect.estimate.ndim else None,
        "fixed_horizon_p": naive,
    }
    if "time_since_start" in inputs:
        days = inputs["time_since_start"]
        got["first_look_rejected"] = first(effect.always_valid_p_value <= inputs["alpha"], days)
        got["first_naive_rejection"] = first(naive <= inputs["alpha"], days)
    return {name: value for name, value in got.items() if name in c.expected}


def first(happened: Any, times: Any) -> Any:
    return times[int(np.argmax(happened))] if np.any(happened) else None


def sample_ratio_mismatch(c: Case) -> Got:
    inputs = c.inputs
    if "batches" in inputs:
        shares = np.tile(inputs["null_probabilities"], (len(inputs["batches"]), 1))
        path = sequential_split(inputs["batches"], shares, concentration=inputs["dirichlet_concentration"])
        return {"log_bayes_factor": path.log_bayes_factor, "p": path.p_value}
    if c.id == "upworthy-window":
        return upworthy_replay(inputs["alpha"])
    test = chi_square(inputs["observed"], inputs["expected_ratio"])
    got = {
        "chi2": test.statistic,
        "df": test.df,
        "p_value": test.p_value,
        "observed_share": test.observed_share,
        "srm_at_0.01": bool(test.p_value < 0.01),
        "srm_at_0.001": bool(test.p_value < 0.001),
    }
    if "exact_binomial_p" in c.expected:
        got["exact_binomial_p"] = exact_split(inputs["observed"], inputs["expected_ratio"])
    return got


def upworthy_replay(alpha: float) -> Got:
    """The archive's tests in groups; the extreme splits of a group, rebuilt, decide for all tests between them."""
    found = {(window, flag): 0 for window in (True, False) for flag in (True, False)}
    for group in derived("upworthy-splits"):
        extremes = [split_with(group[f"chi2_{end}"], group["packages"]) for end in ("smallest", "largest")]
        flags = chi_square(np.stack(extremes), np.full(group["packages"], 1.0 / group["packages"])).p_value < alpha
        assert flags[0] == flags[1], f"the group straddles the threshold: {group}"
        found[bool(group["in_window"]), bool(flags[0])] += group["tests"]
    inside, outside = (found[window, True] + found[window, False] for window in (True, False))
    return {
        "tests": inside + outside,
        "tests_in_window": inside,
        "srm_in_window": found[True, True],
        "share_in_window": found[True, True] / inside,
        "srm_outside": found[False, True],
        "share_outside": found[False, True] / outside,
    }


def split_with(statistic: float, arms: int) -> Any:
    """Counts of equal promised shares, some 1e6 per arm, whose chi-square is `statistic`."""
    counts = np.full(arms, 1e6)
    step = math.sqrt(statistic * 1e6 / 2.0)
    counts[:2] += step, -step
    return counts


# --- planning, A/A and families --------------------------------------------------------------------------------------


def sample_size(c: Case) -> Got:
    return PLANS[c.id.split("-")[0]](c)


def rates_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: inputs[key] for name, key in (("alpha", "alpha"), ("power", "power"), ("sides", "sided")) if key in inputs
    }


def proportion_plan(c: Case) -> Got:
    inputs = c.inputs
    control, treatment = inputs["p_control"], inputs["p_treatment"]
    if inputs["formula"] == "rule_of_16":
        units = rule_of_sixteen(control=control, minimum_effect=treatment - control)
    else:
        ratio = inputs.get("allocation_treatment_to_control", 1.0)
        formula = ProportionFormula(inputs["formula"])
        units = proportion_units(control=control, treatment=treatment, ratio=ratio, formula=formula, **rates_of(inputs))
    if "allocation_treatment_to_control" in inputs:
        total = total_units(control_units=units, treatments=1, ratio=ratio)
        return {"n_control": units, "n_treatment": ratio * units, "n_total": total}
    return {"n_per_arm": units, "n_per_arm_ceil": np.ceil(np.round(units, 6))}


def mean_plan(c: Case) -> Got:
    inputs = c.inputs
    ratio = inputs.get("allocation_treatment_to_control", 1.0)
    plan = {"std_dev": inputs["sd"], "minimum_effect": inputs["delta"], "ratio": ratio, **rates_of(inputs)}
    normal, student = units_per_variant(**plan), student_units(**plan)
    if ratio == 1.0:
        return {"n_per_arm_normal": normal, "n_per_arm_t": student}
    return {
        "n_control_normal": normal,
        "n_treatment_normal": ratio * normal,
        "n_control_t": student,
        "n_treatment_t": ratio * student,
    }


def non_inferiority_plan(c: Case) -> Got:
    inputs = c.inputs
    rates = {"alpha": inputs["alpha_one_sided"], "power": inputs["power"]}
    if "sd" in inputs:
        units = non_inferiority_units(
            std_dev=inputs["sd"], absolute=inputs["margin"], true_difference=inputs["true_difference"], **rates
        )
        return {"n_per_arm_normal": units}
    shares, sign = (inputs["p_control"], inputs["p_treatment"]), 1 if inputs["higher_is_better"] else -1
    wald = non_inferiority_units(
        std_dev=proportion_std_dev(shares[0]),
        treatment_std_dev=proportion_std_dev(shares[1]),
        absolute=inputs["margin"],
        true_difference=shares[1] - shares[0],
        direction_sign=sign,
        **rates,
    )
    score = non_inferiority_share_units(
        control=shares[0], treatment=shares[1], margin=inputs["margin"], direction_sign=sign, **rates
    )
    return {"n_per_arm_wald": wald, "n_per_arm_farrington_manning": score}


def achieved(c: Case) -> Got:
    inputs, rates = c.inputs, rates_of(c.inputs)
    if "p_control" in inputs:
        shares = {"control": inputs["p_control"], "treatment": inputs["p_treatment"], "units": inputs["n_per_arm"]}
        return {
            f"power_{formula.value}": proportion_power(formula=formula, **shares, **rates)
            for formula in ProportionFormula
            if f"power_{formula.value}" in c.expected
        }
    if "n_control" in inputs:
        units, ratio = inputs["n_control"], inputs["n_treatment"] / inputs["n_control"]
        return {
            "power_t": student_power(
                std_dev=1.0, effect=inputs["standardised_delta"], units=units, ratio=ratio, **rates
            )
        }
    information = inputs["n_per_arm"] / (2.0 * inputs["sd"] ** 2)
    student = student_power(std_dev=inputs["sd"], effect=inputs["delta"], units=inputs["n_per_arm"], **rates)
    return {
        "power_t": student,
        "power_normal": achieved_power(effect=inputs["delta"], information=information, **rates),
    }


def detectable(c: Case) -> Got:
    inputs, rates = c.inputs, rates_of(c.inputs)
    if "sd" in inputs:
        plan = {"std_dev": inputs["sd"], **rates}
        return {
            "mde_normal": minimum_detectable_effect(units_per_variant=inputs["n_per_arm"], **plan),
            "mde_t": student_minimum_effect(units=inputs["n_per_arm"], **plan),
        }
    sign = 1 if inputs["direction"] == "increase" else -1
    shares = {"control": inputs["p_control"], "units": inputs["n_per_arm"], "direction_sign": sign}
    return {
        f"mde_abs_{formula.value}": proportion_minimum_effect(formula=formula, **shares, **rates)
        for formula in ProportionFormula
        if f"mde_abs_{formula.value}" in c.expected
    }


def ratio_plan(c: Case) -> Got:
    inputs = c.inputs
    variance = ratio_variance(
        covariance=inputs["cov"],
        **{name: inputs[name] for name in ("mean_numerator", "mean_denominator", "var_numerator", "var_denominator")},
    )
    ratio = inputs["mean_numerator"] / inputs["mean_denominator"]
    effect = inputs["relative_mde"] * ratio
    units = units_per_variant(std_dev=np.sqrt(variance), minimum_effect=effect, **rates_of(inputs))
    return {"ratio": ratio, "delta_method_variance_per_unit": variance, "n_per_arm": units}


def cluster_plan(c: Case) -> Got:
    inputs = c.inputs
    size = inputs["mean_cluster_size"]
    effect = design_effect(mean_cluster_size=size, icc=inputs["icc"], size_variation=inputs["cluster_size_cv"])
    units = effect * inputs["n_per_arm_individual"]
    return {
        "design_effect": effect,
        "n_per_arm": units,
        "clusters_per_arm": units / size,
        "clusters_per_arm_ceil": np.ceil(units / size),
    }


def cuped_plan(c: Case) -> Got:
    left = cuped_variance_ratio(c.inputs["correlation_pre_post"])
    return {"variance_ratio": left, "n_per_arm_with_cuped": left * c.inputs["n_per_arm_without_cuped"]}


PLANS: dict[str, Callable[[Case], Got]] = {
    "prop": proportion_plan,
    "mean": mean_plan,
    "noninf": non_inferiority_plan,
    "power": achieved,
    "mde": detectable,
    "ratio": ratio_plan,
    "deff": cluster_plan,
    "cuped": cuped_plan,
}


def aa_validation(c: Case) -> Got:
    if "p_values" in c.inputs:
        distance, p_value = uniformity(c.inputs["p_values"])
        return {"ks_statistic": distance, "ks_p": p_value}
    counts = derived("hillstrom-control-visit")
    units, successes = np.asarray(counts["treatment_units_and_successes"], dtype=float).T
    control = Moments.from_proportion(n=counts["units"] - units, successes=counts["successes"] - successes)
    p_values = pooled_z_test(control, Moments.from_proportion(n=units, successes=successes)).p_value
    split = chi_square(np.stack([units, counts["units"] - units], axis=-1), [0.5, 0.5])
    rejections = int((p_values < 0.05).sum())
    wilson = wilson_interval(rejections, len(p_values), 0.95)
    distance, p_value = uniformity(p_values)
    return {
        "p_first_five": p_values[:5],
        "false_positives": rejections,
        "false_positive_rate": rejections / len(p_values),
        "wilson_95": (wilson.lower, wilson.upper),
        "ks_statistic": distance,
        "ks_p": p_value,
        "srm_flags_below_0.01": int((split.p_value < 0.01).sum()),
        "min_p": p_values.min(),
    }


FAMILIES = {
    "bonferroni": Correction.BONFERRONI,
    "holm": Correction.HOLM,
    "hochberg": Correction.HOCHBERG,
    "hommel": Correction.HOMMEL,
    "BH": Correction.BENJAMINI_HOCHBERG,
    "BY": Correction.BENJAMINI_YEKUTIELI,
    "sidak": Correction.SIDAK,
}


def multiple_testing(c: Case) -> Got:
    inputs = c.inputs
    if "independent_tests" in inputs:
        family = np.full(inputs["independent_tests"], inputs["alpha"])
        return {"family_wise_error": sidak(family)[0], "expected_false_positives": family.sum()}
    if "p_values_in_order" in inputs:
        return {"reject": fixed_sequence(inputs["p_values_in_order"]) <= inputs["alpha"]}
    if "weights" in inputs:
        return {
            "reject": weighted_bonferroni(inputs["p_values"], inputs["weights"]) <= inputs["alpha"],
            "levels": levels(inputs["weights"], inputs["alpha"]),
        }
    families = {name: family_p_values(inputs["p_values"], one) for name, one in FAMILIES.items()}
    return {name: {"adjusted": p, "reject": p <= inputs["alpha"]} for name, p in families.items()}


def novelty_decay(c: Case) -> Got:
    if "data" in c.inputs:
        path = derived(c.id)
        lift = np.asarray(path["mean_t"]) / np.asarray(path["mean_c"]) - 1.0
        return {
            "first_relative_lift": lift[0],
            "last_relative_lift": lift[-1],
            "spearman_time_lift": rank_correlation(path["time_since_start"], lift).coefficient,
            "n_points": len(lift),
        }
    effects = DailyEffects.independent(c.inputs["day"], c.inputs["lift"], c.inputs["se"])
    trend, halves, fit = slope(effects), late_minus_early(effects), fit_decay(effects)
    assert fit.identified == ("tau_days" in c.expected)
    got = {
        "slope": trend.estimate,
        "slope_se_known_variance": trend.std_error,
        "z_slope": z_of(trend),
        "p_slope": fixed_horizon(trend, level=0.95).p_value,
        "early_mean": halves.control,
        "late_mean": halves.treatment,
        "late_minus_early": halves.estimate,
        "z_late_minus_early": z_of(halves),
        "overall_mean": overall_mean(effects).estimate,
        "asymptote": fit.asymptote,
        "novelty": fit.amplitude,
        "tau_days": fit.decay_days,
        "se_asymptote": fit.asymptote_std_error,
        "half_life_days": fit.half_life_days,
    }
    return {name: value for name, value in got.items() if name in c.expected}


def bayesian(c: Case) -> Got:
    inputs = c.inputs
    if "posteriors_alpha_beta" in inputs:
        alpha, beta = np.asarray(inputs["posteriors_alpha_beta"], dtype=float).T
        return {"prob_best": probability_best(BetaPosterior(alpha=alpha, beta=beta)).probability}
    if "x_a" in inputs:
        low, high = (
            beta_posterior(
                Moments.from_proportion(n=inputs[f"n_{arm}"], successes=inputs[f"x_{arm}"]),
                prior_alpha=inputs["prior_alpha"],
                prior_beta=inputs["prior_beta"],
            )
            for arm in "ab"
        )
        found = compare_shares(low, high)
        return {
            "posterior_a": (low.alpha, low.beta),
            "posterior_b": (high.alpha, high.beta),
            "mean_a": low.mean,
            "mean_b": high.mean,
            "prob_b_better": found.probability_better,
            "expected_loss_choose_b": found.loss_of_treatment,
            "expected_loss_choose_a": found.loss_of_control,
            "expected_difference": found.difference,
            "ci_p_a": both(low.interval(0.95)),
            "ci_p_b": both(high.interval(0.95)),
            "ci_difference": ends(found),
        }
    if "se_a" in inputs:
        effect, error = inputs["mean_b"] - inputs["mean_a"], math.hypot(inputs["se_a"], inputs["se_b"])
        found = compare_normal(unit_estimate(effect, error))
    else:
        prior = {"prior_mean": inputs["prior_mean"], "prior_std_dev": inputs["prior_sd"]}
        found = compare_normal(unit_estimate(inputs["estimate"], inputs["se"]), **prior)
    return {
        "posterior_mean": found.difference,
        "posterior_sd": found.std_dev,
        "prob_positive": found.probability_better,
        "expected_loss_choose_b": found.loss_of_treatment,
        "expected_loss_choose_a": found.loss_of_control,
    }


def by_country(outcome: Callable[[Mapping[str, Any]], Any]) -> tuple[Moments, Moments]:
    """Moments (country,) of an outcome in control and treatment, countries in alphabetical order."""
    data = small_data()
    arms = []
    for name in ("control", "treatment"):
        parts = [
            Moments.from_rows(outcome(data)[(data["variant"] == name) & (data["country"] == one)])
            for one in sorted(set(data["country"]))
        ]
        arms.append(Moments(**{key: np.stack([getattr(one, key) for one in parts]) for key in ("n", "mean", "m2")}))
    return arms[0], arms[1]


def stratified(c: Case) -> Got:
    if c.id == "simpson-kidney":
        small, large = ((81, 87), (234, 270)), ((192, 263), (55, 80))
        counts = np.asarray([small, large], dtype=float)
        surgery, keyhole = (Moments.from_proportion(n=counts[:, arm, 1], successes=counts[:, arm, 0]) for arm in (0, 1))
        check = simpson(keyhole, surgery)
        return {
            "rate_open_overall": check.crude.treatment,
            "rate_percutaneous_overall": check.crude.control,
            "rate_open_small": surgery.mean[0],
            "rate_percutaneous_small": keyhole.mean[0],
            "rate_open_large": surgery.mean[1],
            "rate_percutaneous_large": keyhole.mean[1],
            "paradox": bool(check.reversed),
        }
    if c.id == "small-cmh":
        found = mantel_haenszel(*by_country(lambda data: (data["orders"] > 0).astype(float)), level=0.95)
        return {
            "chi2_no_continuity": found.statistic,
            "p": found.p_value,
            "common_odds_ratio": found.odds_ratio,
            "ci": ends(found),
        }
    control, treatment = by_country(lambda data: data["minutes"])
    whole, each = post_stratified(control, treatment), difference_in_means(control, treatment)
    apart = heterogeneity(each)
    return {
        "difference": whole.estimate,
        "se": whole.std_error,
        "stratum_differences": dict(zip(("DE", "FR", "US"), each.estimate, strict=True)),
        "inverse_variance_difference": apart.estimate,
        "cochran_q": apart.statistic,
        "cochran_q_df": apart.df,
        "p_heterogeneity": apart.p_value,
    }


POOLED: dict[str, Any] = {"alpha": 0.05, "formula": ProportionFormula.POOLED_NULL}


def planned_share(inputs: Mapping[str, Any]) -> Got:
    effect = inputs.get("mde_absolute", inputs.get("minimum_detectable_effect"))
    baseline = inputs["baseline_rate"]
    shares = {"control": baseline, "treatment": baseline + effect, "alpha": inputs["alpha"], "power": inputs["power"]}
    units = proportion_units(formula=ProportionFormula(inputs["formula"].split()[0]), **shares)
    if "mde_absolute" not in inputs:
        return {"n_per_group": np.ceil(units), "n_unrounded": units}
    text = proportion_units(formula=ProportionFormula.BASELINE_RATE, **shares)
    return {"n_per_variant": np.ceil(units), "n_unrounded": units, "n_by_text_formula_2p(1-p)": text}


def seed_examples(c: Case) -> Got:
    inputs = c.inputs
    if "mde_absolute" in inputs or "minimum_detectable_effect" in inputs:
        return planned_share(inputs)
    if "delta" in inputs:
        units = rule_of_sixteen(control=inputs["p"], minimum_effect=inputs["delta"])
        return {"n_per_arm": units, "int_as_coded": np.round(units)}
    if "p1" in inputs:
        powers = {
            n: proportion_power(control=inputs["p1"], treatment=inputs["p2"], units=n, **POOLED) for n in (2000, 3600)
        }
        return {f"power_n{n}": power for n, power in powers.items()}
    if "p_values" in inputs:
        names = {"bonferroni": "bonferroni", "holm": "holm", "bh": "BH"}
        adjusted = {name: family_p_values(inputs["p_values"], FAMILIES[one]) for name, one in names.items()}
        return {f"{name}_adjusted": p for name, p in adjusted.items()} | {
            f"{name}_reject": p <= inputs["alpha"] for name, p in adjusted.items()
        }
    if "guardrail" in inputs:
        shift = unit_estimate(inputs["treatment"] - inputs["control"])
        latency = replace(shift, control=np.asarray(inputs["control"]), treatment=np.asarray(inputs["treatment"]))
        margin = margin_contrast(latency, direction_sign=-1, relative=1.0 - inputs["threshold_ratio"])
        lift = relative_effect(latency, critical=NORMAL_95, level=0.95)
        return {"violation": bool(margin.estimate < 0.0), "ratio": 1.0 + lift.estimate}
    if "power" in inputs:
        half = drift(alpha=0.5, power=0.8, sides=1), drift(alpha=0.5, power=0.9, sides=1)
        two_sided = float(critical_value(np.asarray(np.inf), 1.0 - inputs["alpha"]))
        return {"z_alpha_two_sided": two_sided, "z_beta_80": half[0], "z_beta_90": half[1]}
    sizes = (inputs.get("n_control", inputs.get("n_per_arm")), inputs.get("n_treatment", inputs.get("n_per_arm")))
    control = Moments.from_proportion(n=sizes[0], successes=inputs["conversions_control"])
    treatment = Moments.from_proportion(n=sizes[1], successes=inputs["conversions_treatment"])
    estimate, test = difference_in_proportions(control, treatment), pooled_z_test(control, treatment)
    wald = ends(fixed_horizon(estimate, level=0.95))
    got = {
        "rate_control": estimate.control,
        "rate_treatment": estimate.treatment,
        "relative_lift": relative_effect(estimate, critical=NORMAL_95, level=0.95).estimate,
        "z": test.statistic,
        "p_value": test.p_value,
        "significant_at_0.05": bool(test.p_value < 0.05),
        "ci95_abs": wald,
        "ci95_with_unpooled_se": wald,
    }
    return {name: value for name, value in got.items() if name in c.expected}


RECOMPUTED: dict[str, Callable[[Case], Got]] = {
    "aa_validation": aa_validation,
    "always_valid_msprt": always_valid_msprt,
    "asymptotic_confidence_sequence": confidence_sequence,
    "bayesian_beta_binomial": bayesian,
    "cluster_and_stratified": stratified,
    "cuped": cuped,
    "group_sequential_boundaries": group_sequential_boundaries,
    "group_sequential_power_and_analysis": group_sequential_power,
    "multiple_testing": multiple_testing,
    "novelty_decay": novelty_decay,
    "quantile_difference": quantile_difference,
    "ratio_metrics": ratio_metrics,
    "relative_lift": relative_lift,
    "sample_ratio_mismatch": sample_ratio_mismatch,
    "sample_size_power": sample_size,
    "seed_examples": seed_examples,
    "two_proportions": two_proportions,
    "two_sample_means": two_sample_means,
}

LEFT_OUT: dict[str, str] = {
    "cluster_and_stratified/small-minutes": "cluster-robust regression: a design of its own, needs rows",
    "cluster_and_stratified/social-insure-default": "cluster-robust regression: a design of its own, needs rows",
    "cluster_and_stratified/thornton-any": "cluster-robust regression: a design of its own, needs rows",
    "seed_examples/seed001-overstatement": "arithmetic, no function of ours",
    "seed_examples/seed001-team-draft": "later issue: interleaving",
    "seed_examples/seed003-hash-assignment": "belongs to assignment",
}

# Names of quantities in recomputed cases that this version does not compute.
OTHER_QUANTITIES: dict[str, str] = {
    "aa_validation": "",
    "always_valid_msprt": "",
    "asymptotic_confidence_sequence": "",
    "bayesian_beta_binomial": "",
    "cluster_and_stratified": "",
    # Regression's own standard errors; ours is Welch's on the adjusted values. Lin has one slope per variant.
    "cuped": "ancova_se_classic ancova_se_hc1 ancova_se_hc3 lin_difference lin_se_hc2",
    "group_sequential_boundaries": "",
    "group_sequential_power_and_analysis": "",
    "multiple_testing": "",
    "novelty_decay": "",
    "quantile_difference": "",
    "ratio_metrics": "",
    "relative_lift": "",
    "sample_ratio_mismatch": "",
    "sample_size_power": "",
    "seed_examples": "ci95_with_pooled_se",
    "two_proportions": "",
    "two_sample_means": "",
}

ALL = [found for topic in RECOMPUTED for found in cases(topic)]


@pytest.mark.parametrize("c", [found for found in ALL if str(found) not in LEFT_OUT], ids=str)
def test_a_reference_case_is_reproduced_at_its_own_tolerance(c: Case) -> None:
    got = RECOMPUTED[c.topic](c)
    others = OTHER_QUANTITIES[c.topic].split()
    unexplained = set(c.expected) - set(got) - set(others)
    assert not unexplained, f"neither computed nor listed: {unexplained}"
    for name, value in got.items():
        compare(value, c.expected[name], rtol=c.rtol, atol=c.atol, where=f"{c}.{name}")


def test_every_left_out_case_exists() -> None:
    assert set(LEFT_OUT) <= {str(found) for found in ALL}


@pytest.mark.parametrize("c", ALL, ids=str)
def test_every_reference_case_names_its_source(c: Case) -> None:
    assert c.source.strip()
