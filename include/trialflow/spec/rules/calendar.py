"""Rules about days: order, future, full weeks, time zone, looks."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from trialflow.spec.experiment import Policy
from trialflow.spec.promise import Promise
from trialflow.spec.rules.rule import Circumstances, Complaint
from trialflow.spec.translation import did_you_mean

WEEK = 7


def order(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """The calendar has at least one day."""
    calendar = promise.experiment.calendar
    if calendar.last_day < calendar.first_day:
        message, cure = f"lies before first_day {calendar.first_day}", "choose a later day; both days are inclusive"
        yield Complaint(field="calendar.last_day", value=calendar.last_day, message=message, cure=cure)


def future(promise: Promise, circumstances: Circumstances) -> Iterator[Complaint]:
    """A promise is made before the first unit is exposed; an amendment may keep the day that was registered."""
    first = promise.experiment.calendar.first_day
    if promise.experiment.replay or first > circumstances.today or first == circumstances.registered_first_day:
        return
    message = f"is not in the future (today is {circumstances.today})"
    cure = "choose a later day; for historical data write replay: true"
    yield Complaint(field="calendar.first_day", value=first, message=message, cure=cure)


def full_weeks(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Every weekday counts equally often."""
    calendar = promise.experiment.calendar
    if promise.experiment.replay or calendar.days < 1:
        return
    if calendar.days % WEEK:
        message, cure = f"the calendar has {calendar.days} days, not full weeks", _nearest_weeks(promise)
        yield Complaint(field="calendar.last_day", value=calendar.last_day, message=message, cure=cure)


def extension(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """An extension adds full weeks."""
    calendar = promise.experiment.calendar
    if calendar.max_extension_days % WEEK and not promise.experiment.replay:
        message, cure = "is not a number of full weeks", "give a multiple of 7, or 0"
        value = calendar.max_extension_days
        yield Complaint(field="calendar.max_extension_days", value=value, message=message, cure=cure)


def time_zone(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Days begin and end somewhere."""
    zone = promise.experiment.calendar.time_zone
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        cure = did_you_mean(zone, available_timezones(), otherwise="give an IANA name, as in Europe/Berlin, or UTC")
        yield Complaint(field="calendar.time_zone", value=zone, message="is not a time zone", cure=cure)


def looks_fit_policy(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Interim looks belong to group_sequential, which needs at least one."""
    stopping = promise.experiment.analysis.stopping
    if stopping.policy is Policy.GROUP_SEQUENTIAL and not stopping.looks:
        message, cure = "is empty, but group_sequential stops at interim looks", "list days, as in [7, 14, 21]"
        yield Complaint(field="analysis.stopping.looks", value=[], message=message, cure=cure)
    if stopping.policy is not Policy.GROUP_SEQUENTIAL and stopping.looks:
        message = f"interim looks mean nothing under policy {stopping.policy.value}"
        cure = "write policy: group_sequential, or leave out looks"
        yield Complaint(field="analysis.stopping.looks", value=list(stopping.looks), message=message, cure=cure)


def looks_ascend(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Looks come in order."""
    before = None
    for field, look in _interim_looks(promise):
        if before is not None and look <= before:
            message, cure = f"does not come after {before}", "list looks in order"
            yield Complaint(field=field, value=look, message=message, cure=cure)
        before = look


def looks_before_the_final_one(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Interim looks come before the final one."""
    calendar = promise.experiment.calendar
    final = calendar.days + calendar.maturity_days
    for field, look in _interim_looks(promise) if calendar.days >= 1 else ():
        if look == final:
            message, cure = "is the final look, which is implied", "leave it out"
            yield Complaint(field=field, value=look, message=message, cure=cure)
        if look > final:
            message, cure = f"lies after the final look on day {final}", f"choose days before {final}"
            yield Complaint(field=field, value=look, message=message, cure=cure)


def looks_close_full_weeks(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Every weekday counts equally often at a look."""
    for field, look in _interim_looks(promise):
        if look % WEEK and not promise.experiment.replay:
            message, cure = "does not close a full week", "choose multiples of 7"
            yield Complaint(field=field, value=look, message=message, cure=cure)


def looks_after_maturity(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """At the first look somebody's window must have closed."""
    experiment = promise.experiment
    metric = promise.metrics.get(experiment.metrics.primary.metric)
    looks = experiment.analysis.stopping.looks
    if metric is None or metric.window is None or not looks or min(looks) > metric.window.to_day:
        return
    message = f"no unit's window of {metric.name} (to day {metric.window.to_day}) has closed by then"
    cure = f"look on day {metric.window.to_day + 1} at the earliest"
    yield Complaint(field="analysis.stopping.looks.0", value=min(looks), message=message, cure=cure)


def _interim_looks(promise: Promise) -> Iterator[tuple[str, int]]:
    stopping = promise.experiment.analysis.stopping
    if stopping.policy is Policy.GROUP_SEQUENTIAL:
        for index, look in enumerate(stopping.looks):
            yield f"analysis.stopping.looks.{index}", look


def _nearest_weeks(promise: Promise) -> str:
    calendar = promise.experiment.calendar
    shorter = calendar.last_day.toordinal() - calendar.days % WEEK
    choices = [day for day in (shorter, shorter + WEEK) if day >= calendar.first_day.toordinal()]
    days = " or ".join(str(type(calendar.last_day).fromordinal(day)) for day in choices)
    return f"choose {days}"
