"""A source: how the user's own tables are read, so that nobody copies data into our shape."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from trialflow.spec.document import Column, Document, Name, Table, Text


class Grain(StrEnum):
    """What a source can give; a check that needs more than that is NOT_APPLICABLE."""

    UNITS = "units"
    DAILY_MOMENTS = "daily_moments"
    TOTALS = "totals"


class CompleteBy(StrEnum):
    """How a source says that a day's data is all there."""

    MARKER = "marker"
    MAX_TIMESTAMP = "max_timestamp"
    SQL = "sql"
    ASSET = "asset"


class Completeness(Document):
    """When a day counts as complete.

    marker: the lake's marker file of that day. max_timestamp: the newest row of `table` is at least `lag_hours` past
    the end of the day. sql: `expression`, a query with the bind `:day`, returns true. asset: an Airflow asset event.
    """

    by: CompleteBy
    table: Table | None = None
    timestamp: Column | None = None
    lag_hours: float = Field(default=0.0, ge=0.0, le=240.0)
    expression: str | None = Field(default=None, max_length=2000)


class ExposureTable(Document):
    """Who was exposed to which variant, and when. `experiment` names the column that holds the slug, if any does."""

    table: Table
    unit: Column
    variant: Column
    timestamp: Column
    experiment: Column | None = None
    filter: str | None = Field(default=None, max_length=500)
    segments: dict[Name, Column] = Field(default_factory=dict)


class FactTable(Document):
    """What units did: one row per event."""

    table: Table
    unit: Column
    timestamp: Column
    filter: str | None = Field(default=None, max_length=500)


class UnitSource(Document):
    """Tables with one row per exposure and per event."""

    name: Name
    grain: Literal[Grain.UNITS]
    connection: str = "lake"
    description: Text
    simulated: bool = False
    exposures: ExposureTable
    facts: dict[Name, FactTable]
    population: FactTable | None = None
    complete: Completeness
    restate_days: int = Field(default=0, ge=0, le=90)


class MomentsTable(Document):
    """n, mean and sample variance per day, variant and metric; `cumulative` rows hold everything up to their day."""

    table: Table
    experiment: Column | None = None
    day: Column = "day"
    variant: Column = "variant"
    metric: Column = "metric"
    n: Column = "n"
    mean: Column = "mean"
    variance: Column = "variance"
    segment_dimension: Column | None = None
    segment_value: Column | None = None
    cumulative: bool = False


class ExposureCounts(Document):
    """Units exposed per day and variant; `cumulative` rows hold everything up to their day."""

    table: Table
    experiment: Column | None = None
    day: Column = "day"
    variant: Column = "variant"
    units: Column = "units"
    cumulative: bool = False


class MomentsSource(Document):
    """Tables that already hold moments: by day, or one total for the whole experiment on its last day."""

    name: Name
    grain: Literal[Grain.DAILY_MOMENTS, Grain.TOTALS]
    connection: str = "lake"
    description: Text
    simulated: bool = False
    moments: MomentsTable
    exposures: ExposureCounts
    complete: Completeness
    restate_days: int = Field(default=0, ge=0, le=90)


Source = Annotated[UnitSource | MomentsSource, Field(discriminator="grain")]
SOURCE_ADAPTER: TypeAdapter[UnitSource | MomentsSource] = TypeAdapter(Source)
