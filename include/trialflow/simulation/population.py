"""The simulated units: who they are, when they come, what they are assigned to."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trialflow.simulation.specification import SimulationSpec

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """Units as arrays of one shape (unit,). Days and instants count from first_day, 00:00 UTC; instants in seconds.

    `arm` is what a unit is assigned to and served; `logged` whether its exposure is written down; `segments` hold the
    place of a unit's value in the dimension's list. `place` is where a unit's hash lies between 0 and 1 (empty without a
    ramp).
    """

    entered: NDArray[np.int64]
    exposed_at: NDArray[np.float64]
    arm: NDArray[np.int64]
    logged: NDArray[np.bool_]
    newcomer: NDArray[np.bool_]
    segments: dict[str, NDArray[np.int64]]
    place: NDArray[np.float64]


def arm_on(
    spec: SimulationSpec, people: Population, unit: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The arm that units are served on days counted from first_day; both of one shape (row,)."""
    if not spec.ramp:
        return np.asarray(people.arm[unit], dtype=np.int64)
    return _placed(spec, people.place[unit], day)


def _placed(spec: SimulationSpec, place: NDArray[np.float64], day: NDArray[np.int64]) -> NDArray[np.int64]:
    """The arm at a place of the hash under the shares of each day."""
    begins = np.asarray([(step.day - spec.first_day).days for step in spec.ramp])
    shares = np.asarray(
        [[arm.weight for arm in spec.arms], *([step.weights[arm.name] for arm in spec.arms] for step in spec.ramp)]
    )
    # Steps come in order: as many as have begun are over.
    edges = np.cumsum(shares, axis=1)[np.searchsorted(begins, day, side="right"), :-1]
    return np.asarray((place[:, None] >= edges).sum(axis=1), dtype=np.int64)


def stream(seed: int, name: str) -> np.random.Generator:
    """An own stream of random numbers per purpose: one more behaviour leaves all other rows as they were."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())])))


def population(spec: SimulationSpec, seed: int) -> Population:
    """Draw the units of a world."""
    draw = stream(seed, "population")
    days = (spec.last_day - spec.first_day).days + 1
    share = np.exp(-spec.front_loading * np.arange(days))
    entered = draw.choice(days, size=spec.units, p=share / share.sum()).astype(np.int64)
    weights = np.asarray([arm.weight for arm in spec.arms])
    arm = draw.choice(len(weights), size=spec.units, p=weights / weights.sum()).astype(np.int64)
    place = stream(seed, "hash").random(spec.units) if spec.ramp else np.zeros(0)
    if spec.ramp:
        arm = _placed(spec, place, entered)
    kept = np.asarray([one.logged for one in spec.arms])[arm]
    segments = {}
    for dimension, values in spec.segments.items():
        shares = np.asarray(list(values.values()), dtype=np.float64)
        chosen = stream(seed, f"segment {dimension}").choice(len(shares), size=spec.units, p=shares / shares.sum())
        segments[dimension] = chosen.astype(np.int64)
    return Population(
        entered=entered,
        exposed_at=entered * DAY_S + draw.random(spec.units) * DAY_S,
        arm=arm,
        logged=draw.random(spec.units) < kept,
        newcomer=draw.random(spec.units) < spec.newcomers,
        segments=segments,
        place=place,
    )
