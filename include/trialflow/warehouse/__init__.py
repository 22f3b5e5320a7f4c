"""Facts: rows → summaries. SQLAlchemy Core, so DuckDB on a folder of Parquet and PostgreSQL run the same statements."""

from trialflow.warehouse.buckets import buckets
from trialflow.warehouse.completeness import complete_through, is_complete
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.history import history
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.lifetime import lifetime
from trialflow.warehouse.sql_text import sql_of
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import (
    EVERYBODY,
    BucketSummary,
    ExposureSummary,
    HistorySummary,
    LifetimeSummary,
    MetricSummary,
    Segment,
    Summary,
)

__all__ = [
    "EVERYBODY",
    "BucketSummary",
    "Connections",
    "ExposureSummary",
    "HistorySummary",
    "Lake",
    "LifetimeSummary",
    "MetricSummary",
    "Segment",
    "Summary",
    "buckets",
    "complete_through",
    "history",
    "is_complete",
    "lifetime",
    "sql_of",
    "summarise",
]
