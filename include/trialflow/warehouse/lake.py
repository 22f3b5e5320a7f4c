"""The embedded default for facts: a folder of Parquet by day, read by DuckDB in memory.

`<root>/<table>/day=YYYY-MM-DD/part-0.parquet`, where the day is the UTC day of the rows, and an empty file
`<root>/_complete/<source>/YYYY-MM-DD` for each day that is all there. Any number of processes read at once; a day is
replaced atomically, so a reader sees the old rows or the new ones.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from trialflow.warehouse.dialects import prepare

if TYPE_CHECKING:
    import pyarrow as pa

COMPLETE = "_complete"
TEMPORARY = "_temporary"


@dataclass(frozen=True, slots=True)
class Lake:
    """A folder of tables. It needs not exist before the first write."""

    root: Path

    def write(self, table: str, day: date, frame: pa.Table) -> Path:
        """Replace one day of one table and return the file.

        A column named `day` is dropped: the folder's name holds it. Raises ValueError for a name that is no plain word.
        """
        import pyarrow.parquet as parquet

        target = self._folder(table) / f"day={day.isoformat()}" / "part-0.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        waiting = self.root / TEMPORARY
        waiting.mkdir(parents=True, exist_ok=True)
        rows = frame.drop_columns(["day"]) if "day" in frame.column_names else frame
        with NamedTemporaryFile(dir=waiting, suffix=".parquet", delete=False) as part:
            parquet.write_table(rows, part.name, compression="zstd")
        Path(part.name).chmod(0o644)
        os.replace(part.name, target)  # noqa: PTH105 (atomic within one file system, which is the point)
        return target

    def mark_complete(self, source: str, day: date) -> None:
        """Say that every table of `source` has all rows of `day`."""
        marker = self.root / COMPLETE / source / day.isoformat()
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()

    def is_complete(self, source: str, day: date) -> bool:
        """Whether `day` was marked complete for `source`."""
        return (self.root / COMPLETE / source / day.isoformat()).is_file()

    def tables(self) -> Iterator[str]:
        """Names of tables that hold at least one day, ascending."""
        folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        own = (folder for folder in folders if not folder.name.startswith("_"))
        return (folder.name for folder in own if any(folder.glob("day=*/*.parquet")))

    def engine(self, *, threads: int = 1, only: Collection[str] | None = None) -> sa.Engine:
        """An in-memory DuckDB that sees every table (or those in `only`) as a view with the extra column `day`.

        Views are made when a connection opens; a table that is new after that needs a new engine. One thread by
        default: floating-point sums then come out the same every time.
        """
        engine = sa.create_engine("duckdb:///:memory:")

        def opened(connection: Any, _record: object) -> None:  # noqa: ANN401 (a DBAPI connection)
            connection.execute(f"SET threads = {int(threads)}")
            connection.execute("SET parquet_metadata_cache = true")  # a view reads every footer, and the query again
            prepare(connection)
            for table in self.tables():
                if only is None or table in only:
                    connection.execute(self._view(table))

        event.listen(engine, "connect", opened)
        return engine

    def _folder(self, table: str) -> Path:
        if not table.replace("_", "").isalnum() or table.startswith("_"):
            raise ValueError(f"{table!r} cannot be a table of the lake: use letters, digits and underscores")
        return self.root / table

    def _view(self, table: str) -> str:
        files = str(self._folder(table) / "day=*" / "*.parquet").replace("'", "''")
        scan = f"read_parquet('{files}', hive_partitioning = true, hive_types = {{'day': DATE}}, union_by_name = true)"
        return f'CREATE VIEW "{table}" AS SELECT * FROM {scan}'  # noqa: S608 (plain words only, quotes doubled)
