"""What simulated units do, and what the variants change about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trialflow.simulation.population import DAY_S, Population, stream
from trialflow.simulation.specification import Behaviour, Change, SimulationSpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows as arrays of one shape (row,): the unit, the instant in seconds since first_day, amount, day of arrival."""

    unit: NDArray[np.int64]
    at: NDArray[np.float64]
    amount: NDArray[np.float64]
    arrives: NDArray[np.int64]


def strength(change: Change, age: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of a change's full size in force `age` days after exposure; 0 before it. Shape of `age`."""
    fading = change.settles_at + change.extra * np.exp(-np.maximum(age, 0) / change.fade_days)
    return np.where(age >= 0, fading, 0.0)


def behave(spec: SimulationSpec, behaviour: Behaviour, people: Population, seed: int) -> Rows:
    """All events of one behaviour, from pre_days before first_day to follow_days after last_day.

    A Poisson number of events per unit and day, spread evenly over the day; the day of exposure has the changed rate as
    a whole, and its events before the instant of exposure are no business of the experiment.
    """
    draw = stream(seed, f"behaviour {behaviour.name}")
    days = np.arange(-spec.pre_days, (spec.last_day - spec.first_day).days + 1 + spec.follow_days)
    own = np.exp(behaviour.spread * draw.standard_normal(people.arm.size) - behaviour.spread**2 / 2.0)
    age = days[None, :] - people.entered[:, None]
    rate = _changed(spec, behaviour, people, age, "rate", behaviour.rate) * own[:, None]
    rate = np.where(people.newcomer[:, None] & (age < 0), 0.0, np.maximum(rate, 0.0))
    count = draw.poisson(rate)
    unit, place = (index.astype(np.int64) for index in np.nonzero(count))
    times = count[unit, place]
    unit, place = np.repeat(unit, times), np.repeat(place, times)
    at = (days[place] + draw.random(unit.size)) * DAY_S
    noise = np.exp(behaviour.tail * draw.standard_normal(unit.size) - behaviour.tail**2 / 2.0)
    mean = _changed(spec, behaviour, people, age, "amount", behaviour.amount)[unit, place]
    arrives = days[place] + _delay(spec, unit.size, draw)
    return Rows(unit=unit, at=at, amount=np.round(mean * noise, 4), arrives=arrives)


def expected_total(spec: SimulationSpec, behaviour: str, variant: str, *, days: int) -> float:
    """Known truth: the mean sum of amounts per unit over days 0 … days − 1 since exposure, day 0 counted half.

    Exposures fall evenly into their day, so half of day 0 comes after them. Changes limited to a segment count with the
    segment's share; those limited to days (`from_day`) are left out, since they come at another age for each unit. Use
    `amount` 1 and no tail for expected counts.
    """
    kind = next(one for one in spec.behaviours if one.name == behaviour)
    age = np.arange(days)
    weight = np.where(age == 0, 0.5, 1.0)
    total = 0.0
    for share, chosen in _strata(spec, behaviour, variant):
        rate, amount = (_sized(chosen, age, on, base) for on, base in (("rate", kind.rate), ("amount", kind.amount)))
        total += share * float((weight * np.maximum(rate, 0.0) * amount).sum())
    return total


def _strata(spec: SimulationSpec, behaviour: str, variant: str) -> list[tuple[float, list[Change]]]:
    strata: list[tuple[float, dict[str, str]]] = [(1.0, {})]
    for dimension, values in spec.segments.items():
        whole = sum(values.values())
        strata = [(p * q / whole, {**of, dimension: value}) for p, of in strata for value, q in values.items()]
    own = [
        change
        for change in spec.changes
        if change.behaviour == behaviour and change.variant == variant and change.from_day is None
    ]
    return [
        (share, [change for change in own if change.dimension is None or of[change.dimension] == change.value])
        for share, of in strata
    ]


def _sized(changes: list[Change], age: NDArray[np.int64], on: str, base: float) -> NDArray[np.float64]:
    sized = np.full(age.shape, base)
    for change in changes:
        if change.on == on:
            sized = sized + _size(change, base) * strength(change, age)
    return sized


def _changed(
    spec: SimulationSpec, behaviour: Behaviour, people: Population, age: NDArray[np.int64], on: str, base: float
) -> NDArray[np.float64]:
    """Rate or mean amount by (unit, day)."""
    changed = np.full(age.shape, base, dtype=np.float64)
    arms = [arm.name for arm in spec.arms]
    for change in spec.changes:
        if change.behaviour == behaviour.name and change.on == on:
            who = people.arm == arms.index(change.variant)
            if change.dimension is not None:
                values = list(spec.segments[change.dimension])
                who &= people.segments[change.dimension] == values.index(str(change.value))
            changed[who] += _size(change, base) * strength(change, age[who]) * _in_force(spec, change, age.shape[1])
    return changed


def _in_force(spec: SimulationSpec, change: Change, days: int) -> NDArray[np.bool_]:
    """On which of the world's days, from pre_days before first_day on, a change is made at all; shape (day,)."""
    begin = 0 if change.from_day is None else (change.from_day - spec.first_day).days + spec.pre_days
    return np.arange(days) >= begin


def _size(change: Change, base: float) -> float:
    return change.absolute if change.absolute is not None else (change.relative or 0.0) * base


def _delay(spec: SimulationSpec, rows: int, draw: np.random.Generator) -> NDArray[np.int64]:
    if spec.late is None:
        return np.zeros(rows, dtype=np.int64)
    return np.where(draw.random(rows) < spec.late.share, spec.late.days, 0).astype(np.int64)
