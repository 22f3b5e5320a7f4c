"""The sample experiments' data in the embedded lake: real ones from their files, simulated ones from their worlds."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from trialflow import simulation
from trialflow.simulation import SimulatedDay, SimulationSpec, simulate
from trialflow.stages.workspace import Workspace
from trialflow.warehouse.lake import COMPLETE, Lake

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Iterator[tuple[str, date, "pa.Table"]]
"""One day of one table at a time: the table's name, the day, its rows."""

STAMPS = "_samples"
SIMULATED = "simulated_shop"
TRAFFIC = "shop_traffic"  # the world that is only visited: what was known before the experiments


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The data of one source: the folder below `include/samples`, its rows, and the days that are all there."""

    source: str
    folder: str
    read: Callable[[Path], Rows]
    complete: Callable[[Path], Iterable[date]]


def load_samples(workspace: Workspace) -> tuple[str, ...]:
    """Put every sample's data into the lake, by day, and mark the days complete.

    Returns the sources that were written: none when all of it lies there already in its present form, which a stamp of the
    samples' files and of the code that reads them tells. A change of content replaces the source's tables as a whole.
    """
    return tuple(sample.source for sample in SAMPLES if _load(workspace.lake, sample, workspace.include / "samples"))


def _load(lake: Lake, sample: Sample, samples: Path) -> bool:
    folder, stamp = samples / sample.folder, lake.root / STAMPS / sample.source
    content = _stamp(folder)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == content:
        return False
    _forget(lake, sample.source, stamp)
    for table, day, rows in sample.read(folder):
        lake.write(table, day, rows)
    for day in sample.complete(folder):
        lake.mark_complete(sample.source, day)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(content, encoding="utf-8")
    return True


def _stamp(folder: Path) -> str:
    """SHA-256 of the sample's files, of this module and of the simulator: whatever the rows depend on."""
    code = [Path(__file__), *sorted(Path(simulation.__path__[0]).glob("*.py"))]
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".csv", ".parquet", ".yaml"})
    digest = hashlib.sha256()
    for path in (*code, *files):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _forget(lake: Lake, source: str, stamp: Path) -> None:
    """Remove what an earlier form of the sample left behind, the stamp first: a broken load is begun again."""
    stamp.unlink(missing_ok=True)
    for table in [name for name in lake.tables() if name in TABLES[source]]:
        shutil.rmtree(lake.root / table)
    shutil.rmtree(lake.root / COMPLETE / source, ignore_errors=True)


TABLES: Mapping[str, frozenset[str]] = {
    "udacity": frozenset({"udacity_moments", "udacity_exposures"}),
    "cookie_cats": frozenset({"cookie_cats_totals", "cookie_cats_exposures"}),
    "hillstrom": frozenset({"hillstrom_totals", "hillstrom_exposures"}),
    "asos": frozenset({"asos_moments", "asos_exposures"}),
    "open_bandit": frozenset({"open_bandit_exposures", "open_bandit_events"}),
    SIMULATED: frozenset({"simulated_exposures", "simulated_events", "simulated_visits"}),
}
"""Source → the tables of the lake that belong to it alone."""


def _published(tables: Mapping[str, str]) -> Callable[[Path], Rows]:
    """Rows of published moments: CSV files with a column `day`, by the name of their table."""

    def read(folder: Path) -> Rows:
        for table, name in tables.items():
            yield from _by_day(table, _csv(folder / name))

    return read


def _asos(folder: Path) -> Rows:
    for table, name in (("asos_moments", "cumulative_moments.csv"), ("asos_exposures", "exposures.csv")):
        parts = [_named(_csv(path), f"asos_{path.parent.name}") for path in sorted(folder.glob(f"*/{name}"))]
        yield from _by_day(table, _stacked(parts))


def _open_bandit(folder: Path) -> Rows:
    """Both campaigns in one table each; a unit's id begins with its campaign, since ids count from 0 in both."""
    import pyarrow.parquet as parquet
    from pyarrow import compute

    for name, instant in (("exposures", "exposed_at"), ("events", "occurred_at")):
        parts = []
        for path in sorted(folder.glob(f"*/{name}.parquet")):
            rows = _distinct(parquet.read_table(path), path.parent.name)
            day = compute.cast(compute.floor_temporal(rows[instant], unit="day"), "date32")
            own = _named(rows, f"open_bandit_{path.parent.name}") if name == "exposures" else rows
            parts.append(own.append_column("day", day))
        yield from _by_day(f"open_bandit_{name}", _stacked(parts))


def _shop(folder: Path) -> Rows:
    """All simulated worlds in three shared tables, day by day: visits of the traffic before, exposures and events of all."""
    worlds = _worlds(folder)
    days = {world.slug: {one.day: _apart(one, world) for one in simulate(world)} for world in worlds}
    for day in sorted(set(chain.from_iterable(days.values()))):
        there = {slug: of[day] for slug, of in days.items() if day in of}
        experiments = [one.exposures for slug, one in there.items() if slug != TRAFFIC and one.exposures.num_rows]
        if experiments:
            yield "simulated_exposures", day, _stacked(experiments)
        yield "simulated_events", day, _stacked([one.events for one in there.values()])
        if TRAFFIC in there:
            yield "simulated_visits", day, there[TRAFFIC].visits


def _worlds(folder: Path) -> list[SimulationSpec]:
    return [SimulationSpec.read(path) for path in sorted(folder.glob("*.yaml"))]


def _apart(one: SimulatedDay, world: SimulationSpec) -> SimulatedDay:
    """The same day with ids that no other world uses."""
    return SimulatedDay(
        day=one.day,
        exposures=_distinct(one.exposures, world.slug),
        events=_distinct(one.events, world.slug),
        visits=_distinct(one.visits, world.slug),
    )


def _rows_days(folder: Path) -> Iterator[date]:
    """From the first to the last day of the rows of published files; each is all there, as it was published."""
    for path in sorted(folder.rglob("exposures.csv")):
        days = [date.fromisoformat(line.partition(",")[0]) for line in path.read_text().splitlines()[1:]]
        yield from _through(min(days), max(days))


def _campaign_days(_folder: Path) -> Iterator[date]:
    yield from _through(date(2019, 11, 24), date(2019, 11, 30))


def _simulated_days(folder: Path) -> Iterator[date]:
    worlds = _worlds(folder)
    first = min(world.first_day - timedelta(days=world.pre_days) for world in worlds)
    yield from _through(first, max(world.last_day + timedelta(days=world.follow_days) for world in worlds))


def _through(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _csv(path: Path) -> pa.Table:
    from pyarrow import csv

    # Segment values such as "0" are texts, and an empty dimension is the whole variant, not a missing one.
    texts = {"variant": "string", "metric": "string", "segment_dimension": "string", "segment_value": "string"}
    options = csv.ConvertOptions(column_types={**texts, "day": "date32"}, strings_can_be_null=False)
    return csv.read_csv(path, convert_options=options)


def _named(rows: pa.Table, experiment: str) -> pa.Table:
    import pyarrow as pa

    return rows.add_column(0, "experiment", pa.array([experiment] * rows.num_rows, pa.string()))


def _distinct(rows: pa.Table, prefix: str) -> pa.Table:
    from pyarrow import compute

    place = rows.column_names.index("unit_id")
    return rows.set_column(place, "unit_id", compute.binary_join_element_wise(prefix, rows["unit_id"], "-"))


def _stacked(parts: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(parts, promote_options="default")


def _by_day(table: str, rows: pa.Table) -> Rows:
    from pyarrow import compute

    for day in sorted(rows["day"].unique().to_pylist()):
        yield table, day, rows.filter(compute.equal(rows["day"], day))


SAMPLES: tuple[Sample, ...] = (
    Sample(
        source="udacity",
        folder="udacity_free_trial",
        read=_published({"udacity_moments": "daily_moments.csv", "udacity_exposures": "exposures.csv"}),
        complete=_rows_days,
    ),
    Sample(
        source="cookie_cats",
        folder="cookie_cats",
        read=_published({"cookie_cats_totals": "totals.csv", "cookie_cats_exposures": "exposures.csv"}),
        complete=_rows_days,
    ),
    Sample(
        source="hillstrom",
        folder="hillstrom",
        read=_published({"hillstrom_totals": "totals.csv", "hillstrom_exposures": "exposures.csv"}),
        complete=_rows_days,
    ),
    Sample(source="asos", folder="asos_experiments", read=_asos, complete=_rows_days),
    Sample(source="open_bandit", folder="open_bandit", read=_open_bandit, complete=_campaign_days),
    Sample(source=SIMULATED, folder="simulated", read=_shop, complete=_simulated_days),
)
