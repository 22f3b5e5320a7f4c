"""The chance that a planned experiment can end in a SHIP: that the primary metric and every guardrail show what they should.

Truth is taken to be the smallest effect worth having on the primary metric and no change of any guardrail. How the metrics
hang together is not known before the start, so the chance of all of them is told by its bounds (Bonferroni, Fréchet):
1 − Σ (1 − p) ≤ P(all) ≤ min p.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from trialflow.checks.schedule import BURN_IN_UNITS, DEFAULT_TUNING_UNITS, calendar_fractions, efficacy_looks
from trialflow.spec.experiment import Guardrail, Policy
from trialflow.spec.promise import MetricPlan, Plan, Promise
from trialflow.stats.confidence_sequence import boundary
from trialflow.stats.group_sequential import boundaries
from trialflow.stats.moments import Floats
from trialflow.stats.monitoring import power_over_time
from trialflow.stats.non_inferiority_power import non_inferiority_units
from trialflow.stats.power import drift

REFERENCE = 0.8  # any power would do: units and drift at it tell how much one unit adds


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Between which chances that of all tests lies; they are equal for one test."""

    lower: float
    upper: float


def together(chances: Iterable[float | None]) -> Together | None:
    """Bounds of the chance that all succeed; None where one chance is not known."""
    told = tuple(chances)
    known = [one for one in told if one is not None]
    if not known or len(known) < len(told):
        return None
    upper = min(1.0, *known)
    return Together(lower=min(max(1.0 - sum(1.0 - one for one in known), 0.0), upper), upper=upper)


def guardrail_chance(promise: Promise, made: Plan, guardrail: Guardrail) -> float | None:
    """Chance that a guardrail which does not move is shown to be within its margin by the last look.

    For the treatment that gets the fewest units; None without a baseline or traffic. Tested on the looks of the primary
    metric with a budget of its own (ADR 0019). Under `always_valid` the last day alone counts, which is a little less
    than the chance of any day.
    """
    experiment, known = promise.experiment, made.of(guardrail.metric)
    if known is None or not known.units_per_variant or not made.units_per_day:
        return None
    shares = experiment.weights_on(experiment.calendar.first_day)
    control = shares[experiment.control.name]
    ratio = min(shares[one.name] for one in experiment.treatments) / control
    always = experiment.analysis.stopping.policy is Policy.ALWAYS_VALID
    looks = (experiment.calendar.final_day(),) if always else efficacy_looks(experiment, extended=False)
    units = made.units_per_day * control * _days_matured(promise, guardrail.metric, looks)
    grown = np.flatnonzero(np.diff(units, prepend=0.0) > 0.0)
    information = (units * _per_unit(promise, guardrail, known, ratio))[grown]
    if not len(grown):
        return 0.0
    alpha = experiment.analysis.guardrail_alpha
    if always:
        bound = _band(made, units[grown], ratio, alpha)
    else:
        fractions = np.asarray([*calendar_fractions(experiment, looks)[:-1], 1.0])
        bound = boundaries(information, fractions=fractions[grown], alpha=alpha, sides=1).z
    return min(float(power_over_time(bound, information, effect=1.0, sides=1)[-1]), 1.0)


def _days_matured(promise: Promise, metric: str, looks: tuple[date, ...]) -> Floats:
    """Days of enrolment whose units have closed their window at each look, shape (look,)."""
    calendar, window = promise.experiment.calendar, promise.metrics[metric].window
    passed = np.asarray([(look - calendar.first_day).days + 1 for look in looks])
    closed = np.clip(passed - (window.to_day if window else 0), 0, calendar.days)
    return np.asarray(closed, dtype=np.float64)


def _per_unit(promise: Promise, guardrail: Guardrail, known: MetricPlan, ratio: float) -> float:
    """Squared z-statistic that one unit in control adds when the metric does not move."""
    alpha = promise.experiment.analysis.guardrail_alpha
    units = non_inferiority_units(
        std_dev=known.baseline_std_dev,
        absolute=guardrail.margin.absolute,
        relative=guardrail.margin.relative,
        mean=known.baseline_mean,
        direction_sign=promise.metrics[guardrail.metric].direction.sign,
        alpha=alpha,
        power=REFERENCE,
        ratio=ratio,
    )
    return drift(alpha=alpha, power=REFERENCE, sides=1) ** 2 / float(units)


def _band(made: Plan, control: Floats, ratio: float, alpha: float) -> Floats:
    """The confidence sequence's half-width, in all units of the pair; inf before its burn-in."""
    enough = np.minimum(control, control * ratio) >= BURN_IN_UNITS
    tuning = float(made.tuning_units or DEFAULT_TUNING_UNITS)
    pair = control * (1.0 + ratio)
    return np.where(enough, boundary(np.where(enough, pair, 2.0), tuning_n=tuning, alpha=alpha), np.inf)
