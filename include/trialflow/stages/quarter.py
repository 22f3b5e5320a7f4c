"""The quarter in which a holdout is compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from trialflow.errors import NotSupportedError
from trialflow.spec.promise import Promise


def quarter_of(day: date) -> tuple[date, date]:
    """First and last day of the calendar quarter that holds `day`."""
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    following = date(first.year + (first.month == 10), (first.month + 3 - 1) % 12 + 1, 1)
    return first, following - timedelta(days=1)


def within(promise: Promise, first: date, last: date) -> Promise:
    """The promise with its enrolment cut to the days from `first` to `last`."""
    calendar = promise.experiment.calendar
    if calendar.last_day < first or last < calendar.first_day:
        message = (
            f"{promise.slug} enrols from {calendar.first_day} to {calendar.last_day}, not between {first} and {last}: "
            "ask for a day of a quarter in which it does"
        )
        raise NotSupportedError(message)
    days = {"first_day": max(calendar.first_day, first), "last_day": min(calendar.last_day, last)}
    shorter = calendar.model_copy(update=days)
    return replace(promise, experiment=promise.experiment.model_copy(update={"calendar": shorter}))
