"""Which days are looks, and which share of the alpha may be spent by each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from trialflow.checks.contrasts import Contrast
from trialflow.spec.experiment import Experiment, Policy
from trialflow.spec.promise import Promise
from trialflow.stats.confidence_sequence import boundary
from trialflow.stats.moments import Floats

FULL_WEEK = 7
DEFAULT_TUNING_UNITS = 10_000
BURN_IN_UNITS = 100  # a confidence sequence is asymptotic: below this many units in the smaller arm it does not speak


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an experiment stands in its calendar, one answer for all treatments.

    `extended` says that the last day was reached short of the planned information with extension days left; `final_day`
    is the as_of of the last look that follows from it.
    """

    extended: bool
    final_day: date


def progress(experiment: Experiment, *, short: bool) -> Progress:
    """The state of the calendar when the last day was reached `short` of the planned information, or not."""
    extended = short and experiment.calendar.max_extension_days > 0
    return Progress(extended=extended, final_day=experiment.calendar.final_day(extended=extended))


def efficacy_fractions(
    experiment: Experiment, planned: float | None, information: Mapping[date, float], *, extended: bool
) -> list[float]:
    """Spending time of each efficacy look: its share of the planned information, 1 at the final look whatever it reached.

    An interim look never spends faster than the regular calendar passes: traffic above the plan must not use up the alpha
    before the final look, which has the most data. Without planned information interim looks spend nothing.
    """
    days = efficacy_looks(experiment, extended=extended)
    first, regular = experiment.calendar.first_day, experiment.calendar.final_day()
    length = (regular - first).days + 1
    shares = [information.get(day, 0.0) / planned if planned else 0.0 for day in days]
    passed = [((day - first).days + 1) / length for day in days]
    return [
        1.0 if day == days[-1] else min(share, gone, 1.0) for day, share, gone in zip(days, shares, passed, strict=True)
    ]


def calendar_fractions(experiment: Experiment, days: Sequence[date]) -> list[float]:
    """Spending time by the calendar (gsDesign's `usTime`): share of the longest possible run that has passed.

    The correlation between looks still follows their information. Used for harm and non-inferiority, whose planned
    information nobody promises.
    """
    calendar = experiment.calendar
    last = calendar.final_day(extended=calendar.max_extension_days > 0)
    total = (last - calendar.first_day).days + 1
    return [min(((day - calendar.first_day).days + 1) / total, 1.0) for day in days]


def week_is_full(experiment: Experiment, day: date) -> date:
    """The first day on or after `day` that closes a full week of the calendar; replays are decided at once."""
    if experiment.replay:
        return day
    elapsed = (day - experiment.calendar.first_day).days + 1
    return day + timedelta(days=-elapsed % FULL_WEEK)


def efficacy_looks(experiment: Experiment, *, extended: bool) -> tuple[date, ...]:
    """Days on which the success metric is tested: only the last for a fixed horizon, none for always-valid."""
    policy = experiment.analysis.stopping.policy
    if policy is Policy.ALWAYS_VALID:
        return ()
    looks = experiment.look_days(extended=extended)
    return looks[-1:] if policy is Policy.FIXED else looks


def band(promise: Promise, contrast: Contrast, alpha: float) -> Floats:
    """Half-width in standard errors of the asymptotic confidence sequence, shape (day,); inf before the burn-in.

    The tuning sample size was fixed at registration; without a plan a constant keeps the band a function of its own day.
    """
    n = contrast.n_control + contrast.n_treatment
    tuning = float(promise.plan.tuning_units or DEFAULT_TUNING_UNITS)
    enough = np.minimum(contrast.n_control, contrast.n_treatment) >= BURN_IN_UNITS
    return np.where(enough, boundary(np.where(enough, n, 2.0), tuning_n=tuning, alpha=alpha), np.inf)
