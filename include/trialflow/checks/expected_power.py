"""What the expected traffic will show, and by when: the plan seen from the units that come, not from those that it needs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.schedule import (
    BURN_IN_UNITS,
    DEFAULT_TUNING_UNITS,
    FULL_WEEK,
    efficacy_fractions,
    efficacy_looks,
)
from trialflow.spec.experiment import Experiment, Guardrail, Policy
from trialflow.spec.promise import MetricPlan, Plan, Promise
from trialflow.stats.confidence_sequence import boundary
from trialflow.stats.group_sequential import boundaries
from trialflow.stats.moments import Floats
from trialflow.stats.monitoring import power_over_time
from trialflow.stats.non_inferiority_power import smallest_margin, smallest_relative_margin


def enrolled_shares(experiment: Experiment, treatment: str, days: int) -> tuple[Floats, Floats]:
    """Control's and the treatment's units so far on each of the first `days` (day,), in units of one day's units."""
    each = [experiment.weights_on(experiment.calendar.first_day + timedelta(days=day)) for day in range(days)]
    control, treated = (
        np.cumsum([day[name] for day in each], dtype=np.float64) for name in (experiment.control.name, treatment)
    )
    return control, treated


def paired(control: Floats, treated: Floats) -> Floats:
    """1 / (1 / n_C + 1 / n_T): information about a difference for a unit's variance of 1; 0 where a variant is empty."""
    return np.asarray(control * treated / np.maximum(control + treated, 1e-12), dtype=np.float64)


def provable_margin(
    promise: Promise, guardrail: Guardrail, plan: MetricPlan, *, units: float, ratio: float, power: float, cost: float
) -> float | None:
    """The smallest margin, of the promised kind, that `units` in control show with `power`; None where there is none."""
    alpha = promise.experiment.analysis.guardrail_alpha
    sign = promise.metrics[guardrail.metric].direction.sign
    if guardrail.margin.absolute is not None:
        found = smallest_margin(
            std_dev=plan.baseline_std_dev,
            units=units,
            alpha=alpha,
            power=power,
            ratio=ratio,
            inflation=cost,
            direction_sign=sign,
        )
    else:
        found = smallest_relative_margin(
            std_dev=plan.baseline_std_dev,
            mean=plan.baseline_mean,
            units=units,
            alpha=alpha,
            power=power,
            ratio=ratio,
            inflation=cost,
            direction_sign=sign,
        )
    return number(float(found))


def power_by_day(promise: Promise, made: Plan) -> list[dict[str, Any]]:
    """Chance that the smallest effect worth having is shown by each look, with the traffic that is expected.

    For the treatment that gets the fewest units. Under `always_valid`, whose every day is a look, the days are those that
    close a week and the last one. Empty without a plan or without known traffic.
    """
    experiment = promise.experiment
    plan = made.of(experiment.metrics.primary.metric)
    if plan is None or not plan.minimum_effect or not plan.planned_information or not made.units_per_day:
        return []
    window = promise.metrics[plan.metric].window
    first, last = experiment.calendar.first_day, experiment.calendar.final_day()
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    matured = np.arange(1, len(days) + 1) - (window.to_day if window else 0)
    matured = np.clip(matured, 0, experiment.calendar.days)
    control, treated = (
        made.units_per_day * np.append(0.0, so_far)[matured]
        for so_far in enrolled_shares(experiment, _smallest(experiment), experiment.calendar.days)
    )
    information = paired(control, treated) / plan.baseline_std_dev**2
    always = experiment.analysis.stopping.policy is Policy.ALWAYS_VALID
    looks = days if always else list(efficacy_looks(experiment, extended=False))
    place = [days.index(look) for look in looks]
    at = information[place]
    # A day that adds nobody is the look before it once more.
    grown = np.flatnonzero(np.diff(at, prepend=0.0) > 0.0)
    if not len(grown):
        return []
    if always:
        bound = _band(made, control + treated, np.minimum(control, treated), experiment.alpha_per_treatment)[grown]
    else:
        known = dict(zip(looks, at.tolist(), strict=True))
        shares = efficacy_fractions(experiment, plan.planned_information, known, extended=False)
        bound = boundaries(at[grown], fractions=np.asarray(shares)[grown], alpha=experiment.alpha_per_treatment).z
    by_then = np.append(0.0, power_over_time(bound, at[grown], effect=plan.minimum_effect))
    shown = by_then[np.searchsorted(grown, np.arange(len(looks)), side="right")]
    return [
        {"day": look.isoformat(), "power": number(float(f"{chance:.6g}"))}
        for look, chance in zip(looks, shown, strict=True)
        if not always or look == last or ((look - first).days + 1) % FULL_WEEK == 0
    ]


def _band(made: Plan, units: Floats, smaller: Floats, alpha: float) -> Floats:
    enough = smaller >= BURN_IN_UNITS
    tuning = float(made.tuning_units or DEFAULT_TUNING_UNITS)
    return np.where(enough, boundary(np.where(enough, units, 2.0), tuning_n=tuning, alpha=alpha), np.inf)


def _smallest(experiment: Experiment) -> str:
    """The treatment with the fewest units over the calendar."""
    ends = {
        variant.name: enrolled_shares(experiment, variant.name, experiment.calendar.days)[1][-1]
        for variant in experiment.treatments
    }
    return min(ends, key=lambda name: ends[name])
