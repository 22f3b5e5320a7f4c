"""Which days to replay: the calendars of the registered samples, merged into windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.spec.experiment import Experiment, Role

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Days from `first` to `last`, both inclusive."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    def holds(self, day: date) -> bool:
        """Whether a day lies inside."""
        return self.first <= day <= self.last


def keeps_holdout(experiment: Experiment) -> bool:
    """Whether this is a holdout: it is compared once a quarter, so its months of days are not replayed one by one."""
    return experiment.control.role is Role.HOLDOUT


def window_of(experiment: Experiment, yesterday: date) -> Window | None:
    """The days to look at one experiment, its extension included; None while none of them is over."""
    calendar = experiment.calendar
    last = min(calendar.final_day(extended=True), yesterday)
    return Window(calendar.first_day, last) if last >= calendar.first_day else None


def windows(experiments: Iterable[Experiment], yesterday: date) -> tuple[Window, ...]:
    """Windows that together hold every day of every replayed experiment but holdouts; gaps between them are left out."""
    found = sorted(
        window
        for experiment in experiments
        if experiment.replay and not keeps_holdout(experiment)
        if (window := window_of(experiment, yesterday)) is not None
    )
    merged: list[Window] = []
    for window in found:
        if merged and window.first <= merged[-1].last + DAY:
            merged[-1] = Window(merged[-1].first, max(merged[-1].last, window.last))
        else:
            merged.append(window)
    return tuple(merged)
