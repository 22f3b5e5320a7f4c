"""A seeded world with known truth, day by day, and its way into the lake. Whatever shows such data must say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trialflow.simulation.events import Rows, behave
from trialflow.simulation.population import DAY_S, Population, arm_on, population, stream
from trialflow.simulation.specification import SimulationSpec
from trialflow.warehouse.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedDay:
    """The rows of one UTC day, as `pyarrow` tables, sorted by instant.

    `exposures`: experiment, unit_id, variant, exposed_at and one column per dimension. `events`: unit_id, name,
    occurred_at, amount. `visits`: unit_id, occurred_at.
    """

    day: date
    exposures: pa.Table
    events: pa.Table
    visits: pa.Table


def simulate(spec: SimulationSpec, seed: int | None = None, *, through: date | None = None) -> Iterator[SimulatedDay]:
    """Every day from pre_days before first_day to follow_days after last_day, as known on the evening of `through`.

    Late rows whose day of arrival lies after `through` are not there yet (None: everything has arrived), and days after
    `through` are not given. The same spec and seed (default: the spec's own) give the same bytes.
    """
    chosen = spec.seed if seed is None else seed
    people = population(spec, chosen)
    last = (spec.last_day - spec.first_day).days + spec.follow_days
    seen = last if through is None else min(last, (through - spec.first_day).days)
    arrived = None if through is None else seen
    exposures = _split(_exposures(spec, people, chosen), -spec.pre_days, last)
    events = _split(_events(spec, people, chosen, arrived), -spec.pre_days, last)
    visits = _split(_visits(spec, people, chosen), -spec.pre_days, last)
    for number in range(-spec.pre_days, seen + 1):
        day = spec.first_day + timedelta(days=number)
        place = number + spec.pre_days
        yield SimulatedDay(
            day=day,
            exposures=_exposure_table(spec, people, exposures[place]),
            events=_event_table(spec, events[place]),
            visits=_table(spec, visits[place], "occurred_at"),
        )


def write(lake: Lake, spec: SimulationSpec, seed: int | None = None, *, through: date | None = None) -> None:
    """Put a world into the lake and mark its days complete.

    Written again with a later `through`, late rows restate the days that they belong to.
    """
    for one in simulate(spec, seed, through=through):
        lake.write(f"{spec.prefix}exposures", one.day, one.exposures)
        lake.write(f"{spec.prefix}events", one.day, one.events)
        lake.write(f"{spec.prefix}visits", one.day, one.visits)
        lake.mark_complete(spec.source, one.day)


Columns = dict[str, NDArray[Any]]


def _exposures(spec: SimulationSpec, people: Population, seed: int) -> Columns:
    draw = stream(seed, "exposures")
    end = ((spec.last_day - spec.first_day).days + 1) * DAY_S
    again = np.repeat(np.arange(spec.units), draw.poisson(spec.repeats, spec.units))
    crossing = np.flatnonzero(draw.random(spec.units) < spec.mixed)
    unit = np.concatenate([np.arange(spec.units), again, crossing])
    first = people.exposed_at[unit]
    at = first + (end - first) * np.where(np.arange(unit.size) < spec.units, 0.0, draw.random(unit.size))
    arm = arm_on(spec, people, unit, np.floor(at / DAY_S).astype(np.int64))
    arm[unit.size - crossing.size :] = (arm[unit.size - crossing.size :] + 1) % len(spec.arms)
    return _without_losses(spec, "exposures", people, {"unit": unit, "at": at, "arm": arm}, seed, people.logged[unit])


def _events(spec: SimulationSpec, people: Population, seed: int, arrived: int | None) -> Columns:
    made: list[Rows] = [behave(spec, behaviour, people, seed) for behaviour in spec.behaviours]
    name = np.repeat(np.arange(len(made)), [rows.unit.size for rows in made])
    columns: Columns = {
        "unit": np.concatenate([rows.unit for rows in made]),
        "at": np.concatenate([rows.at for rows in made]),
        "amount": np.concatenate([rows.amount for rows in made]),
        "name": name,
    }
    arrives = np.concatenate([rows.arrives for rows in made])
    there = np.ones(name.size, dtype=bool) if arrived is None else arrives <= arrived
    return _without_losses(spec, "events", people, columns, seed, there)


def _visits(spec: SimulationSpec, people: Population, seed: int) -> Columns:
    draw = stream(seed, "visits")
    begin = -spec.pre_days
    days = (spec.last_day - spec.first_day).days + 1 + spec.follow_days - begin
    unit = np.repeat(np.arange(spec.units), draw.poisson(spec.visits * days, spec.units))
    at = (begin + draw.random(unit.size) * days) * DAY_S
    there = ~(people.newcomer[unit] & (at < people.exposed_at[unit]))
    columns: Columns = {
        "unit": np.concatenate([unit[there], np.arange(spec.units)]),
        "at": np.concatenate([at[there], people.exposed_at]),
    }
    return _without_losses(spec, "visits", people, columns, seed, np.ones(columns["unit"].size, dtype=bool))


def _without_losses(
    spec: SimulationSpec, table: str, people: Population, columns: Columns, seed: int, there: NDArray[np.bool_]
) -> Columns:
    arms = [arm.name for arm in spec.arms]
    day = np.floor(columns["at"] / DAY_S).astype(np.int64)
    for place, loss in enumerate(spec.losses):
        if loss.table == table:
            hit = day == (loss.day - spec.first_day).days
            if loss.variant is not None:
                hit &= people.arm[columns["unit"]] == arms.index(loss.variant)
            there = there & ~(hit & (stream(seed, f"loss {place} {table}").random(day.size) < loss.share))
    return {name: values[there] for name, values in columns.items()}


def _split(columns: Columns, first: int, last: int) -> list[Columns]:
    """Rows by day, sorted by instant and unit."""
    order = np.lexsort((columns["unit"], columns["at"]))
    ordered = {name: values[order] for name, values in columns.items()}
    edges = np.searchsorted(ordered["at"], np.arange(first, last + 2) * DAY_S)
    return [{name: values[begin:end] for name, values in ordered.items()} for begin, end in pairwise(edges)]


def _table(spec: SimulationSpec, rows: Columns, instant: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import compute

    start = int(datetime.combine(spec.first_day, time.min, tzinfo=UTC).timestamp())
    micros = start * 1_000_000 + np.floor(rows["at"] * 1e6).astype(np.int64)
    number = compute.utf8_lpad(pa.array(rows["unit"]).cast(pa.string()), width=7, padding="0")
    unit = compute.binary_join_element_wise("u", number, "")
    return pa.table({"unit_id": unit, instant: pa.array(micros).cast(pa.timestamp("us", tz="UTC"))})


def _exposure_table(spec: SimulationSpec, people: Population, rows: Columns) -> pa.Table:
    import pyarrow as pa

    table = _table(spec, rows, "exposed_at")
    arms = np.asarray([arm.name for arm in spec.arms], dtype=object)
    table = table.add_column(0, "experiment", pa.array([spec.slug] * table.num_rows, pa.string()))
    table = table.add_column(2, "variant", pa.array(arms[rows["arm"]], pa.string()))
    for dimension, values in spec.segments.items():
        names = np.asarray(list(values), dtype=object)
        table = table.append_column(dimension, pa.array(names[people.segments[dimension][rows["unit"]]], pa.string()))
    return table


def _event_table(spec: SimulationSpec, rows: Columns) -> pa.Table:
    import pyarrow as pa

    table = _table(spec, rows, "occurred_at")
    names = np.asarray([behaviour.name for behaviour in spec.behaviours], dtype=object)
    table = table.add_column(1, "name", pa.array(names[rows["name"]], pa.string()))
    return table.append_column("amount", pa.array(rows["amount"], pa.float64()))
