"""How likely a benefit is still to be shown, and when: for planning only, no test and no reason to stop."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.contrasts import information_of
from trialflow.checks.effects import PrimaryPath, efficacy_budget
from trialflow.checks.ledger import boundaries_ahead
from trialflow.checks.schedule import efficacy_fractions, efficacy_looks
from trialflow.spec.promise import Promise
from trialflow.stats.monitoring import decision_time, remaining_exits
from trialflow.warehouse.summary import Summary


def forecast(promise: Promise, summary: Summary, path: PrimaryPath) -> dict[str, Any] | None:
    """The row of one treatment; None once it has crossed, without looks to come, or without a number today.

    Information is taken to grow with the days on which matured units came so far. Conditional power counts crossings in
    the good direction at the looks to come: under the current trend, and under the promised minimum effect.
    """
    experiment, contrast = promise.experiment, path.contrast
    ahead = [day for day in efficacy_looks(experiment, extended=path.progress.extended) if day > summary.as_of]
    z, now = float(contrast.good_z[-1]), float(information_of(contrast.estimate)[-1])
    so_far = _paid_days(promise, summary.as_of, extended=path.progress.extended)
    if path.crossed_on is not None or not ahead or not np.isfinite(z) or so_far <= 0:
        return None
    expected = {day: now * _paid_days(promise, day, extended=path.progress.extended) / so_far for day in ahead}
    if not all(np.diff([now, *expected.values()]) > 0.0):
        return None
    known = dict(zip(summary.days, information_of(contrast.estimate).tolist(), strict=True)) | expected
    looks = efficacy_looks(experiment, extended=path.progress.extended)
    fractions = efficacy_fractions(experiment, path.planned, known, extended=path.progress.extended)
    bounds = boundaries_ahead(
        efficacy_budget(experiment),
        path.series.taken,
        list(expected.values()),
        [share for day, share in zip(looks, fractions, strict=True) if day in expected],
    )
    plan = promise.plan.of(contrast.metric.name)
    least = plan.minimum_effect if plan else None

    def exits(effect: float | None) -> Any:  # noqa: ANN401 (ExitProbabilities)
        return remaining_exits(
            z=z,
            information=now,
            boundary_z=bounds,
            remaining_information=list(expected.values()),
            effect=effect,
            sides=1,
        )

    trend = exits(None)
    when = decision_time(trend, [(day - experiment.calendar.first_day).days for day in ahead])
    return {
        "variant": contrast.variant,
        "conditional_power": number(float(trend.upper.sum())),
        "conditional_power_planned": number(float(exits(least).upper.sum())) if least is not None else None,
        "next_look": ahead[0].isoformat(),
        "last_look": ahead[-1].isoformat(),
        "expected_decision": _on(experiment.calendar.first_day, when.expected),
        "median_decision": _on(experiment.calendar.first_day, when.median),
    }


def _paid_days(promise: Promise, day: date, *, extended: bool) -> int:
    """Days of enrolment whose units have matured by `day`."""
    calendar = promise.experiment.calendar
    window = promise.metrics[promise.experiment.metrics.primary.metric].window
    arrived = (day - calendar.first_day).days + 1 - (window.to_day if window else 0)
    return min(arrived, calendar.days + (calendar.max_extension_days if extended else 0))


def _on(first: date, days: float) -> str:
    return (first + timedelta(days=round(days))).isoformat()
