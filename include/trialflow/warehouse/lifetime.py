"""A metric by days since first exposure, on the units that were observed for the whole horizon (methods §9)."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import sqlalchemy as sa

from trialflow.errors import NotSupportedError
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Floats, JointMoments
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.facts import touched
from trialflow.warehouse.increments import moments, rounded
from trialflow.warehouse.parts import layout, value_of
from trialflow.warehouse.summary import LifetimeSummary
from trialflow.warehouse.tables import Days, real, whole
from trialflow.warehouse.units import Cells, enrolment, exposed_units, unit_source

UNITS, CONTRAST, DAILY = 0, 1, 2


def lifetime(
    promise: Promise, metric: Metric, as_of: date, connections: Connections, *, extended: bool = False
) -> LifetimeSummary:
    """The balanced cohort's daily values and the late − early contrast per unit, of the promise's novelty policy.

    Day 0 runs from the instant of exposure to the end of that day; the metric's window is not used, its cap holds for
    the value of one day. A unit counts when all `horizon_days` days lie at or before `as_of` and it was seen in one
    variant only.
    Raises NotSupportedError for sources without unit-level rows and for ratio metrics.
    """
    if metric.kind is MetricKind.RATIO:
        raise NotSupportedError(
            f"metric {metric.name}: novelty of a ratio is not computed yet; name its numerator as a metric"
        )
    policy = promise.experiment.analysis.novelty
    statement = lifetime_query(promise, metric, as_of, extended=extended)
    rows = connections.rows(unit_source(promise).connection, statement)
    variants = tuple(variant.name for variant in promise.experiment.variants)
    n = np.zeros(len(variants))
    daily = np.zeros((policy.horizon_days, len(variants), 2))
    contrast = np.zeros((len(variants), 2))
    for kind, arm, age, units, total, squares in rows:
        if kind == UNITS:
            n[arm] = float(units)
        elif kind == CONTRAST:
            contrast[arm] = [total, squares]
        else:
            daily[age, arm] = [total, squares]
    return LifetimeSummary(
        metric=metric.name,
        variants=variants,
        horizon_days=policy.horizon_days,
        daily=_moments(np.broadcast_to(n, daily.shape[:-1]).copy(), daily),
        contrast=_moments(n, contrast),
    )


def lifetime_query(promise: Promise, metric: Metric, as_of: date, *, extended: bool = False) -> sa.Select[Any]:
    """SQL: rows `kind, arm, age, units, total, squares`; kind 0 counts the cohort, 1 is the contrast, 2 a day's values."""
    calendar, policy = promise.experiment.calendar, promise.experiment.analysis.novelty
    wanted = layout(promise, (metric,), pre_days=0)
    days = Days(origin=calendar.first_day, first=calendar.first_day, last=as_of, time_zone=calendar.time_zone)
    enrolled = exposed_units(
        unit_source(promise).exposures,
        slug=promise.slug,
        variants=[variant.name for variant in promise.experiment.variants],
        cells=Cells(),
        days=enrolment(promise, as_of_days=days, extended=extended),
    )
    latest = (as_of - calendar.first_day).days - policy.horizon_days + 1
    u = enrolled.c
    cohort = sa.select(enrolled).where(u.arm >= 0, u.left_on.is_(None), u.entered <= whole(latest)).cte("cohort")
    fact = touched(wanted, cohort, days)
    f = fact.c
    total = sa.func.sum(f.amount)
    per_day = (
        sa.select(f.unit, f.arm, f.age, value_of(wanted, total, whole(0), 0).label("value"))
        .where(f.age < whole(policy.horizon_days))
        .group_by(f.unit, f.arm, f.age)
        .cte("per_day")
    )
    d = per_day.c
    late = sa.case((d.age >= whole(policy.horizon_days - policy.late_days), d.value), else_=real(0.0))
    early = sa.case((d.age < whole(policy.early_days), d.value), else_=real(0.0))
    difference = sa.func.sum(late) / real(policy.late_days) - sa.func.sum(early) / real(policy.early_days)
    per_unit = sa.select(d.unit, d.arm, difference.label("value")).group_by(d.unit, d.arm).cte("per_unit")
    none, nothing = whole(0), real(0.0)
    c, p = cohort.c, per_unit.c
    answer = sa.union_all(
        sa.select(
            whole(UNITS).label("kind"),
            c.arm,
            none.label("age"),
            sa.func.count().label("units"),
            nothing.label("total"),
            nothing.label("squares"),
        ).group_by(c.arm),
        sa.select(whole(CONTRAST), p.arm, none, none, sa.func.sum(p.value), sa.func.sum(p.value * p.value)).group_by(
            p.arm
        ),
        sa.select(whole(DAILY), d.arm, d.age, none, sa.func.sum(d.value), sa.func.sum(d.value * d.value)).group_by(
            d.arm, d.age
        ),
    ).subquery("answer")
    return sa.select(answer).order_by(answer.c.kind, answer.c.arm, answer.c.age)


def _moments(n: Floats, terms: Floats) -> JointMoments:
    exact = rounded(terms)
    return moments(n, exact[..., :1], exact[..., 1:, None])
