"""Small seeded worlds full of awkward rows, and promises that read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from trialflow.spec.experiment import Experiment
from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise
from trialflow.spec.source import UnitSource
from trialflow.warehouse.lake import Lake

FIRST = date(2024, 3, 28)  # the clocks of Berlin and New York change near here: 31 March and 10 March
SLUG = "small-world"
INSTANT = pa.timestamp("us", tz="UTC")

EXPOSURES = pa.schema(
    [
        ("experiment", pa.string()),
        ("unit_id", pa.string()),
        ("variant", pa.string()),
        ("exposed_at", INSTANT),
        ("device", pa.string()),
        ("country", pa.string()),
    ]
)
EVENTS = pa.schema(
    [("unit_id", pa.string()), ("name", pa.string()), ("occurred_at", INSTANT), ("amount", pa.float64())]
)
VISITS = pa.schema([("unit_id", pa.string()), ("occurred_at", INSTANT)])
SCHEMAS = {"exposures": EXPOSURES, "events": EVENTS, "visits": VISITS}


@dataclass(frozen=True, kw_only=True)
class World:
    """Rows of three tables, as mappings."""

    exposures: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    visits: list[dict[str, Any]] = field(default_factory=list)

    def rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = getattr(self, table)
        return found


def at(day: float, *, first: date = FIRST) -> datetime:
    """The instant `day` days after the start of FIRST in UTC."""
    return datetime.combine(first, datetime.min.time(), tzinfo=UTC) + timedelta(days=day)


def random_world(seed: int, *, units: int = 30, days: int = 7) -> World:
    """Late, repeated, mixed, simultaneous, foreign, unknown and early exposures; facts at edges, with holes and refunds."""
    draw = np.random.default_rng(seed)
    names = [f"u{number}" for number in range(units)]

    def moment(low: float, high: float) -> datetime:
        raw = draw.uniform(low, high)
        # On whole hours half of the time, so that ties and the edges of days really occur.
        return at(round(raw * 24) / 24 if draw.random() < 0.5 else raw)

    def pick(*values: Any) -> Any:
        return values[int(draw.integers(len(values)))]

    exposures = []
    for unit in names:
        arm = pick(
            "control", "control", "treatment", "treatment", "second", "unheard-of" if draw.random() < 0.2 else "control"
        )
        first = moment(-1.0, days + 1.0)
        for number in range(int(draw.integers(1, 4))):
            shown = pick("control", "treatment", None) if draw.random() < 0.1 else arm
            instant = first if number == 0 or draw.random() < 0.2 else moment(-1.0, days + 3.0)
            exposures.append(
                {
                    "experiment": SLUG if draw.random() < 0.95 else "another",
                    "unit_id": unit,
                    "variant": shown,
                    "exposed_at": instant,
                    "device": pick("ios", "android", "web", None),
                    "country": pick("de", "fr"),
                }
            )
    events = [
        {
            "unit_id": pick(*names, "stranger"),
            "name": pick("buy", "buy", "view", "click"),
            "occurred_at": moment(-6.0, days + 6.0),
            "amount": pick(None, -2.0, 0.0, 1.5, round(float(draw.lognormal(2.0, 1.0)), 2)),
        }
        for _ in range(units * 8)
    ]
    same = [row for row in exposures if draw.random() < 0.2]
    events += [
        {"unit_id": row["unit_id"], "name": "buy", "occurred_at": row["exposed_at"], "amount": 3.0} for row in same
    ]
    # Rows of nobody: they are no unit.
    exposures += [
        {**exposures[0], "unit_id": None, "variant": variant, "exposed_at": at(1.0)} for variant in ("control",) * 2
    ]
    events.append({"unit_id": None, "name": "buy", "occurred_at": at(1.5), "amount": 7.0})
    visits = [{"unit_id": pick(*names), "occurred_at": moment(-6.0, days + 2.0)} for _ in range(units * 2)]
    return World(exposures=exposures, events=events, visits=visits)


def source(connection: str = "lake", prefix: str = "") -> UnitSource:
    return UnitSource.model_validate(
        {
            "name": "small",
            "grain": "units",
            "connection": connection,
            "description": "a small world",
            "exposures": {
                "table": f"{prefix}exposures",
                "unit": "unit_id",
                "variant": "variant",
                "timestamp": "exposed_at",
                "experiment": "experiment",
                "segments": {"device": "device", "country": "country"},
            },
            "facts": {
                "events": {"table": f"{prefix}events", "unit": "unit_id", "timestamp": "occurred_at"},
                "deeds": {
                    "table": f"{prefix}events",
                    "unit": "unit_id",
                    "timestamp": "occurred_at",
                    "filter": "name <> 'view'",
                },
            },
            "population": {"table": f"{prefix}visits", "unit": "unit_id", "timestamp": "occurred_at"},
            "complete": {"by": "marker"},
        }
    )


def metric(name: str, kind: str, fact: str = "events", **given: Any) -> Metric:
    measure = {"fact": fact, "filter": given.pop("filter", None), "value": given.pop("value", None)}
    document = {
        "name": name,
        "kind": kind,
        "source": "small",
        "measure": measure,
        "direction": "increase",
        "owner": "us",
    }
    return Metric.model_validate({**document, "description": name, **given})


METRICS = (
    metric("bought", "proportion", filter="name = 'buy'"),
    metric("bought_soon", "proportion", filter="name = 'buy'", window={"to_day": 2}),
    metric("revenue", "mean", filter="name = 'buy'", value="amount"),
    metric("capped", "mean", filter="name = 'buy'", value="amount", cap={"value": 4.0}),
    metric("revenue_soon", "mean", filter="name = 'buy'", value="amount", window={"to_day": 2}, cap={"value": 9.0}),
    metric("clicks", "count", fact="deeds", filter="name = 'click'"),
    metric("anything_later", "count", window={"from_day": 1, "to_day": 3}),
    metric("deeds", "count", fact="deeds", cap={"value": 2.0}),
    metric(
        "revenue_per_view",
        "ratio",
        filter="name = 'buy'",
        value="amount",
        denominator={"fact": "events", "filter": "name = 'view'"},
    ),
    metric(
        "buys_per_deed_soon",
        "ratio",
        filter="name = 'buy'",
        denominator={"fact": "deeds"},
        window={"to_day": 1},
        cap={"value": 1.0},
    ),
    metric("came_back", "retention", window={"from_day": 1, "to_day": 3}),
)


def promise(
    *,
    metrics: Iterable[Metric] = METRICS,
    time_zone: str = "UTC",
    cuped: int | None = None,
    segmented: bool = True,
    days: int = 7,
    connection: str = "lake",
    prefix: str = "",
    **calendar: Any,
) -> Promise:
    """A promise over a small world: three variants, two segmentations."""
    chosen = tuple(metrics)
    reduction = {"method": "cuped", "pre_period_days": cuped} if cuped else {}
    experiment = Experiment.model_validate(
        {
            "slug": SLUG,
            "title": "small",
            "hypothesis": "h",
            "mechanism": "m",
            "owner": "us",
            "source": "small",
            "unit": "unit_id",
            "layer": "all",
            "audience": "all",
            "variants": [
                {"name": "control", "role": "control", "weight": 0.4},
                {"name": "treatment", "role": "treatment", "weight": 0.4},
                {"name": "second", "role": "treatment", "weight": 0.2},
            ],
            "metrics": {
                "primary": {"metric": chosen[0].name, "minimum_effect": {"absolute": 0.1}},
                "secondary": [one.name for one in chosen[1:]],
            },
            "segments": [
                {"dimension": "device", "values": ["ios", "android"]},
                {"dimension": "country", "values": ["de"]},
            ]
            if segmented
            else [],
            "calendar": {
                "first_day": FIRST,
                "last_day": FIRST + timedelta(days=days - 1),
                "time_zone": time_zone,
                **calendar,
            },
            "analysis": {"variance_reduction": reduction, "aa": {"pre_period_days": 5}},
        }
    )
    own = source(connection, prefix)
    return Promise(experiment=experiment, metrics={one.name: one for one in chosen}, sources={"small": own})


def into_lake(world: World, lake: Lake) -> Lake:
    """Rows by their UTC day; the first part-file holds only nulls where a column is empty, as in real life."""
    for table, schema in SCHEMAS.items():
        instant = "exposed_at" if table == "exposures" else "occurred_at"
        days: dict[date, list[dict[str, Any]]] = {}
        for row in world.rows(table):
            days.setdefault(row[instant].date(), []).append(row)
        for day, rows in (days or {FIRST: []}).items():
            lake.write(table, day, pa.Table.from_pylist(rows, schema=schema))
    return lake


def into_database(world: World, engine: sa.Engine, prefix: str, *, aware: bool = True) -> None:
    """Rows as tables of a database; `aware` False stores instants without a zone."""
    kinds = {
        "exposed_at": sa.DateTime(timezone=aware),
        "occurred_at": sa.DateTime(timezone=aware),
        "amount": sa.Double(),
    }
    metadata = sa.MetaData()
    tables = {
        table: sa.Table(
            f"{prefix}{table}", metadata, *(sa.Column(name, kinds.get(name, sa.String())) for name in schema.names)
        )
        for table, schema in SCHEMAS.items()
    }
    metadata.create_all(engine)
    with engine.begin() as connection:
        for name, table in tables.items():
            rows = [
                {
                    key: value.replace(tzinfo=None) if isinstance(value, datetime) and not aware else value
                    for key, value in row.items()
                }
                for row in world.rows(name)
            ]
            if rows:
                connection.execute(sa.insert(table), rows)
