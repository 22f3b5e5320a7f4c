"""Registration rules that need no data: what a promise must hold besides its form."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from trialflow.errors import Problem
from trialflow.spec.promise import Promise
from trialflow.spec.rules import calendar, definitions, methods, metric_roles, not_yet, rollout, variants
from trialflow.spec.rules.rule import Circumstances, Complaint, Rule, touch

__all__ = ["RULES", "problems_of"]

OWN = ""
_DAYS = ("calendar.first_day", "calendar.last_day")
_FINAL = (*_DAYS, "calendar.maturity_days")
_PRIMARY = "metrics.primary.metric"
_NAMES = (_PRIMARY, "metrics.secondary", "metrics.guardrails.*.metric", "metrics.diagnostics")

# Every rule with the fields its complaints rest on: OWN is the field complained of, * any entry.
RULES: Mapping[Rule, tuple[str, ...]] = {
    variants.roles: ("variants.*.role",),
    variants.names: ("variants.*.name",),
    variants.weights: ("variants.*.name", "variants.*.weight"),
    calendar.order: _DAYS,
    calendar.future: (OWN, "replay"),
    calendar.full_weeks: (*_DAYS, "replay"),
    calendar.extension: (OWN, "replay"),
    calendar.time_zone: (OWN,),
    variants.ramp_days: (OWN, *_DAYS),
    variants.ramp_order: ("calendar.ramp.*.day",),
    variants.ramp_names: (OWN, "variants.*.name"),
    variants.ramp_weights: (OWN,),
    metric_roles.used_once: (OWN,),
    metric_roles.amounts: (OWN,),
    metric_roles.quantiles: (OWN,),
    metric_roles.window_has_matured: (OWN, _PRIMARY),
    metric_roles.window_for_group_sequential: (OWN, "analysis.stopping.policy", "replay"),
    calendar.looks_fit_policy: ("analysis.stopping",),
    calendar.looks_ascend: ("analysis.stopping",),
    calendar.looks_before_the_final_one: (OWN, "analysis.stopping.policy", *_FINAL),
    calendar.looks_close_full_weeks: (OWN, "analysis.stopping.policy", "replay"),
    calendar.looks_after_maturity: ("analysis.stopping.looks", _PRIMARY),
    metric_roles.baselines: (OWN, *_NAMES),
    rollout.shares_rise: ("decision.rollout.*.share",),
    rollout.gates_need_units: ("decision.rollout", "decision.canary", "source", "replay"),
    rollout.watch_follows_a_rollout: (OWN, "decision.rollout"),
    rollout.canary_in_the_future: (OWN, "calendar.first_day", "replay"),
    methods.segments: (OWN, "segments.*.dimension", "source"),
    methods.cuped: (OWN, "source"),
    methods.aa: (OWN, "source", "replay"),
    methods.novelty: ("analysis.novelty", "source"),
    methods.novelty_within_the_calendar: ("analysis.novelty", *_FINAL),
    methods.one_database: ("source",),
    definitions.metrics: (),
    definitions.sources: (),
    not_yet.restate_days: (),
}


def problems_of(
    promise: Promise,
    *,
    today: date,
    where: str,
    registered_first_day: date | None = None,
    mended: Collection[str] = (),
) -> tuple[Problem, ...]:
    """Every rule the promise breaks, in the order of `RULES`; empty when it may be registered.

    Metrics and sources that could not be resolved may be absent from the promise: rules about them are then silent.
    `registered_first_day` is the first day on record when this is an amendment: it may be kept although it has passed.
    `mended` are dotted fields whose value is a stand-in: complaints that rest on one stay silent. A single value is
    complained of once; a section (the variants) may be wrong in several ways.
    """
    circumstances = Circumstances(today=today, registered_first_day=registered_first_day)
    sound = (
        complaint
        for rule, rests_on in RULES.items()
        for complaint in rule(promise, circumstances)
        if not _touched([field or complaint.field for field in rests_on], mended)
    )
    return tuple(complaint.problem(where) for complaint in _once(sound))


def _once(complaints: Iterable[Complaint]) -> Iterator[Complaint]:
    told: set[tuple[str, str]] = set()
    for complaint in complaints:
        place = (complaint.where, complaint.field)
        if place not in told or isinstance(complaint.value, list | dict):
            yield complaint
        told.add(place)


def _touched(fields: Iterable[str], mended: Collection[str]) -> bool:
    return any(touch(field, fault) for field in fields for fault in mended)
