"""Registration rules that need no data: what a promise must hold besides its form."""

from __future__ import annotations

from datetime import date

from trialflow.errors import Problem
from trialflow.spec.promise import Promise
from trialflow.spec.rules import calendar, definitions, methods, metric_roles, not_yet, variants
from trialflow.spec.rules.rule import Circumstances, Rule

__all__ = ["RULES", "problems_of"]

RULES: tuple[Rule, ...] = (
    variants.roles,
    variants.names,
    variants.weights,
    calendar.order,
    calendar.future,
    calendar.full_weeks,
    calendar.time_zone,
    variants.ramp,
    metric_roles.used_once,
    metric_roles.amounts,
    metric_roles.window_has_matured,
    metric_roles.window_for_group_sequential,
    calendar.looks_fit_policy,
    calendar.look_days,
    calendar.looks_after_maturity,
    metric_roles.quantiles,
    metric_roles.baselines,
    metric_roles.rollout,
    methods.segments,
    methods.cuped,
    methods.aa,
    methods.novelty,
    methods.one_database,
    definitions.metrics,
    definitions.sources,
    not_yet.watch_days,
    not_yet.restate_days,
)


def problems_of(
    promise: Promise, *, today: date, where: str, registered_first_day: date | None = None
) -> tuple[Problem, ...]:
    """Every rule the promise breaks, in the order of `RULES`; empty when it may be registered.

    Metrics and sources that could not be resolved may be absent from the promise: rules about them are then silent.
    `registered_first_day` is the first day on record when this is an amendment: it may be kept although it has passed.
    """
    circumstances = Circumstances(today=today, registered_first_day=registered_first_day)
    return tuple(complaint.problem(where) for rule in RULES for complaint in rule(promise, circumstances))
