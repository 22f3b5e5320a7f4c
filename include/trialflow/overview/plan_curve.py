"""One plan over other durations: how many weeks are enough, and what runs of so many weeks can show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from scipy.special import ndtri

from trialflow.checks.comparison import number
from trialflow.checks.expected_power import power_by_day
from trialflow.checks.power import Baseline, plan
from trialflow.overview.plan_form import MOST_WEEKS, Draft, looks_in
from trialflow.spec.catalog import Catalog
from trialflow.spec.experiment import Policy, Stopping
from trialflow.spec.promise import MetricPlan, Plan, Promise
from trialflow.spec.rules.calendar import WEEK
from trialflow.stats.power import minimum_detectable_effect, planned_information

CURVE_WEEKS = 12
MOST_POINTS: Mapping[Policy, int] = {Policy.FIXED: MOST_WEEKS, Policy.GROUP_SEQUENTIAL: 16, Policy.ALWAYS_VALID: 10}
"""Points of a curve, by what one costs: a boundary for each look, and under `always_valid` every day is a look."""
FIRST_GUESS = (1.3, 3.0)  # effect over that of one look, and what 1 more of it adds to the chance's quantile
CLOSE_ENOUGH = 0.1  # of a quantile: the last step then errs by its square
MOST_STEPS = 12
NEARLY_THE_SAME = 0.01
SURELY = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A run of so many weeks.

    `effect` is the smallest it shows with the promised power, on the metric's own scale (`adjusted` with CUPED), None where
    it shows none; `chance` that of showing the smallest effect worth having by its last look.
    """

    weeks: int
    units: int
    effect: float | None
    adjusted: float | None
    chance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """A promise that can be asked about calendars of other lengths; `base` is its primary metric's.

    `power` is that of the primary metric's test. What was found for a number of weeks is kept.
    """

    promise: Promise
    drafted: Draft
    catalog: Catalog
    base: Baseline
    rate: float
    power: float
    made: dict[int, tuple[Promise, Plan]] = field(default_factory=dict)
    chances: dict[int, float | None] = field(default_factory=dict)
    effects: dict[int, float | None] = field(default_factory=dict)
    ratios: dict[int, float] = field(default_factory=dict)
    slopes: dict[int, float] = field(default_factory=dict)

    def over(self, weeks: int) -> tuple[Promise, Plan]:
        """The same promise over so many weeks with the looks that fit, and the plan of its primary metric."""
        if weeks not in self.made:
            longer = _over(self.promise, self.drafted, self.catalog, weeks)
            primary = longer.experiment.metrics.primary.metric
            self.made[weeks] = (longer, plan(longer, {primary: self.base}, units_per_day=self.rate))
        return self.made[weeks]

    def has_looks(self, weeks: int) -> bool:
        """Whether the policy has the interim looks that it needs."""
        sequential = self.drafted.form.policy == Policy.GROUP_SEQUENTIAL.value
        return not sequential or bool(looks_in(self.drafted, self.catalog, weeks))

    def enough(self, least: int) -> int:
        """The fewest full weeks whose traffic is what the primary metric's power asks for, as registration counts it.

        `least` are the units that one look needs; MOST_WEEKS + 1 for more weeks than can be planned.
        """
        shortest = max(self.drafted.least_weeks, min(int(least / (WEEK * self.rate)), MOST_WEEKS))
        for weeks in range(shortest, MOST_WEEKS + 1):
            _, made = self.over(weeks)
            if (made.expected_units or 0) >= (made.tuning_units or 0) and self.has_looks(weeks):
                return weeks
        return MOST_WEEKS + 1

    def enough_to_prove(self, known: MetricPlan, least: int) -> int | None:
        """The fewest full weeks, from `least` on, that bring what the power of a guardrail's test asks for.

        A longer run has more looks, which cost units themselves. None for more weeks than can be planned.
        """
        base = Baseline(mean=known.baseline_mean, std_dev=known.baseline_std_dev, origin=known.origin)
        for weeks in range(max(least, self.drafted.least_weeks), MOST_WEEKS + 1):
            longer, made = self.over(weeks)
            row = plan(longer, {known.metric: base}, units_per_day=self.rate).of(known.metric)
            if row and in_all(longer, row.units_per_variant or 0) <= (made.expected_units or 0):
                return weeks
        return None

    def curve(self, chosen: int, gain: float | None) -> Iterator[Point]:
        """Every week up to half as long again as the `chosen` number, and at least CURVE_WEEKS; fewer where it costs."""
        least = self.least
        if least is None:
            return
        longest = max(min(max(CURVE_WEEKS, chosen * 3 // 2), MOST_WEEKS), least)
        policy = self.promise.experiment.analysis.stopping.policy
        step = -(-(longest - least + 1) // MOST_POINTS[policy])
        durations = sorted({*range(least + max(chosen - least, 0) % step, longest + 1, step), chosen})
        for weeks in _outside_in(durations):
            self.effect(weeks)
        for weeks in durations:
            _, made = self.over(weeks)
            if not made.metrics or not made.expected_units:
                continue
            effect = self.effect(weeks)
            yield Point(
                weeks=weeks,
                units=made.expected_units,
                effect=effect,
                adjusted=with_cuped(effect, gain),
                chance=self.chance(weeks),
            )

    @property
    def least(self) -> int | None:
        """The shortest calendar that registration takes: with the looks that were typed, or one that the policy needs."""
        return next((weeks for weeks in range(self.drafted.least_weeks, MOST_WEEKS + 1) if self.has_looks(weeks)), None)

    def shown_after(self, points: Sequence[Point]) -> int | None:
        """The fewest weeks whose run shows the smallest effect worth having with the power; None beyond the points."""
        return self._first([one.weeks for one in points if (one.chance or 0.0) >= self.power], points, 0.0)

    def gained_after(self, points: Sequence[Point], gain: float) -> int | None:
        """The same with the share `gain` of the variance removed."""
        return self._first([one.weeks for one in points if self._shows(one.weeks, gain)], points, gain)

    def _first(self, showing: Sequence[int], points: Sequence[Point], gain: float) -> int | None:
        """The first week of all, also between the points: by halves, since what a run shows, a longer one shows too."""
        if not showing:
            return None
        found = showing[0]
        below = max((one.weeks for one in points if one.weeks < found), default=(self.least or 1) - 1)
        while found - below > 1:
            middle = (below + found) // 2
            found, below = (middle, below) if self._shows(middle, gain) else (found, middle)
        return found

    def _shows(self, weeks: int, gain: float) -> bool:
        """Whether a run of so many weeks shows the smallest effect worth having with the power."""
        _, made = self.over(weeks)
        minimum = next((one.minimum_effect for one in made.metrics if one.minimum_effect), 0.0)
        effect = self.effect(weeks)
        return effect is not None and effect * math.sqrt(1.0 - gain) <= minimum

    def chance(self, weeks: int) -> float | None:
        """The chance that a run of so many weeks shows the smallest effect worth having by its last look."""
        if weeks not in self.chances:
            promise, made = self.over(weeks)
            self.chances[weeks] = _last_chance(promise, made)
        return self.chances[weeks]

    def effect(self, weeks: int) -> float | None:
        """The smallest effect that a run of so many weeks, planned for it, shows with the power; None where it shows none."""
        if weeks not in self.effects:
            promise, made = self.over(weeks)
            primary = made.of(promise.experiment.metrics.primary.metric)
            alone = self._resolvable(promise, primary, made.expected_units) if primary and made.expected_units else None
            if alone and promise.experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
                ratio = self._between(weeks) or self._read_daily(weeks, alone)
                self.effects[weeks] = number(ratio * alone) if ratio else None
            else:
                self.effects[weeks] = alone
        return self.effects[weeks]

    def _resolvable(self, promise: Promise, primary: MetricPlan, units: int) -> float | None:
        """The smallest effect that so many units in all show: what `checks.power` calls resolvable."""
        experiment = promise.experiment
        shares = experiment.weights_on(experiment.calendar.first_day)
        control = shares[experiment.control.name]
        found = minimum_detectable_effect(
            std_dev=primary.baseline_std_dev,
            units_per_variant=units * control,
            alpha=experiment.alpha_per_treatment,
            power=self.power,
            ratio=min(shares[one.name] for one in experiment.treatments) / control,
            inflation=inflation(promise, primary, self.power),
        )
        return number(float(found))

    def _between(self, weeks: int) -> float | None:
        """The ratio of `_read_daily` between two runs whose ratios differ by little; it is all but straight in 1 / √weeks."""
        below = max((known for known in self.ratios if known < weeks), default=None)
        above = min((known for known in self.ratios if known > weeks), default=None)
        if below is None or above is None or abs(self.ratios[below] - self.ratios[above]) > NEARLY_THE_SAME:
            return None
        here, first, last = (1.0 / math.sqrt(one) for one in (weeks, below, above))
        part = (here - first) / (last - first)
        return self.ratios[below] * (1.0 - part) + self.ratios[above] * part

    def _read_daily(self, weeks: int, alone: float) -> float | None:
        """The effect that a confidence sequence tuned for it shows with the power, over that of one look, which is `alone`.

        The ratio hardly depends on the duration, so that of the nearest run found before is the first guess. The quantile of
        the chance is all but a straight line in the effect.
        """
        promise, made = self.over(weeks)
        near = min(self.ratios, key=lambda known: abs(known - weeks), default=None)
        guess, slope = (self.ratios[near], self.slopes[near]) if near else FIRST_GUESS
        wanted, before = float(ndtri(self.power)), None
        for _ in range(MOST_STEPS):
            chance = _last_chance(promise, _planned_for(made, guess * alone))
            short = wanted - float(ndtri(min(max(chance or 0.0, SURELY), 1.0 - SURELY)))
            if before is not None and before[0] != guess and (before[1] - short) / (guess - before[0]) > 0.0:
                slope = (before[1] - short) / (guess - before[0])
            before, off = (guess, short), abs(short)
            guess += min(max(short / slope, -0.3 * guess), guess)
            if off < CLOSE_ENOUGH:
                self.ratios[weeks], self.slopes[weeks] = guess, slope
                return guess
        return None


def with_cuped(effect: float | None, gain: float | None) -> float | None:
    """The effect with the share `gain` of the variance removed; a confidence sequence is tuned for it as well."""
    return effect * math.sqrt(1.0 - gain) if gain and effect is not None else None


def _outside_in(durations: Sequence[int]) -> Iterator[int]:
    """The ends first, then the middle of what lies between two, and so on."""
    yield from dict.fromkeys((durations[0], durations[-1]))
    between = [(0, len(durations) - 1)]
    while between:
        first, last = between.pop(0)
        if last - first > 1:
            middle = (first + last) // 2
            yield durations[middle]
            between += [(first, middle), (middle, last)]


def _last_chance(promise: Promise, made: Plan) -> float | None:
    by_day = power_by_day(replace(promise, plan=made), made)
    return by_day[-1]["power"] if by_day else None


def _planned_for(made: Plan, effect: float) -> Plan:
    """The plan of one look for another effect of the primary metric: units go with its square."""
    primary = next(one for one in made.metrics if one.minimum_effect)
    units = (made.tuning_units or 0) * (float(primary.minimum_effect or effect) / effect) ** 2
    return replace(made, metrics=(replace(primary, minimum_effect=effect),), tuning_units=max(up(units), 1))


def in_all(promise: Promise, units: int) -> int:
    """Units in all variants when control has so many, by the shares of the first day."""
    experiment = promise.experiment
    return up(units / experiment.weights_on(experiment.calendar.first_day)[experiment.control.name])


def up(units: float) -> int:
    """The next whole number, whatever rounding did to one that was whole."""
    return math.ceil(units * (1.0 - 1e-12))


def inflation(promise: Promise, primary: MetricPlan | None, power: float) -> float:
    """Planned information over that of one look with the same alpha and power: what the looks cost."""
    if primary is None or primary.planned_information is None or primary.minimum_effect is None:
        return 1.0
    alone = planned_information(
        minimum_effect=primary.minimum_effect, alpha=promise.experiment.alpha_per_treatment, power=power
    )
    return primary.planned_information / float(alone)


def one_look(promise: Promise, base: Baseline) -> int:
    """Units that one look at the end needs in all variants: the least that any policy does, whatever the calendar."""
    experiment = promise.experiment
    analysis = experiment.analysis.model_copy(update={"stopping": Stopping()})
    fixed = replace(promise, experiment=experiment.model_copy(update={"analysis": analysis}))
    return plan(fixed, {experiment.metrics.primary.metric: base}, units_per_day=None).tuning_units or 0


def _over(promise: Promise, drafted: Draft, catalog: Catalog, weeks: int) -> Promise:
    experiment = promise.experiment
    last = experiment.calendar.first_day + timedelta(days=WEEK * weeks - 1)
    calendar = experiment.calendar.model_copy(update={"last_day": last})
    final = WEEK * weeks + calendar.maturity_days
    looks = tuple(day for day in looks_in(drafted, catalog, weeks) if day < final)
    stopping = experiment.analysis.stopping.model_copy(update={"looks": looks})
    analysis = experiment.analysis.model_copy(update={"stopping": stopping})
    changed = experiment.model_copy(update={"calendar": calendar, "analysis": analysis})
    return replace(promise, experiment=changed)
