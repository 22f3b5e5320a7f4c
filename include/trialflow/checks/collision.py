"""Two experiments in one layer at the same time would share units."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.errors import Problem
from trialflow.spec.experiment import Calendar, Experiment


def overlapping(experiment: Experiment, others: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """Other experiments of the same layer whose enrolment overlaps in time."""
    calendar = experiment.calendar
    return tuple(
        other
        for other in others
        if other.slug != experiment.slug
        and other.layer == experiment.layer
        and other.calendar.first_day <= _held_until(calendar)
        and calendar.first_day <= _held_until(other.calendar)
    )


def _held_until(calendar: Calendar) -> date:
    """The last day on which units may enter: the promised extension is the experiment's too, should it need it."""
    return calendar.last_day + timedelta(days=calendar.max_extension_days)


def collision_problems(experiment: Experiment, others: Sequence[Experiment], where: str) -> tuple[Problem, ...]:
    """One problem per experiment that already holds the layer in these days."""
    return tuple(
        Problem(
            where=where,
            field="layer",
            value=experiment.layer,
            message=(
                f"{other.slug} holds this layer from {other.calendar.first_day} to {_held_until(other.calendar)}, "
                "so both would share units"
            ),
            cure="choose another layer or other dates",
        )
        for other in overlapping(experiment, others)
    )


def collision(experiment: Experiment, others: Sequence[Experiment], as_of: date) -> Checked:
    """The finding kept with the registration: which experiments were looked at."""
    found = overlapping(experiment, others)
    names = [other.slug for other in found]
    return Checked(
        finding=Finding(
            experiment=experiment.slug,
            check="collision",
            as_of=as_of,
            status=Status.FAIL if found else Status.PASS,
            headline=f"Shares its layer with {', '.join(names)}." if found else "No other experiment shares its layer.",
            evidence={"layer": experiment.layer, "overlapping": names},
            next_step="Choose another layer or other dates." if found else "",
            blocks=bool(found),
        )
    )
