"""Build the sample experiments in this folder from their published raw data.

    python build_samples.py PATH_OF_RAW_DATA [--out FOLDER]

The raw folder holds one sub-folder per data set (`udacity_free_trial`, `cookie_cats`, `hillstrom`,
`asos_experiments`, `open_bandit`); the README.md of each sample names the origin. The output is
deterministic: running this again on the same raw data writes the same bytes.

Every moments file is a long CSV, one row per day x variant x metric x segment:

    day, variant, metric, segment_dimension, segment_value, n, mean, variance

`variance` is the sample variance (ddof 1) of one unit's value, so for a proportion it is
n / (n - 1) * p * (1 - p). Beside it, `exposures.csv` holds the units newly exposed on each day:

    day, variant, units
"""

import argparse
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MOMENTS_COLUMNS = ["day", "variant", "metric", "segment_dimension", "segment_value", "n", "mean", "variance"]
EXPOSURE_COLUMNS = ["day", "variant", "units"]

UDACITY_YEAR = 2014
UDACITY_COUNT_COLUMNS = ["day", "variant", "pageviews", "clicks", "enrollments", "payments"]
UDACITY_VARIANTS = {"control": "control.csv", "screener": "experiment.csv"}

COOKIE_CATS_NOMINAL_DAY = date(2018, 1, 1)
COOKIE_CATS_METRICS = {
    "retention_1": "retention_1",
    "retention_7": "retention_7",
    "sum_gamerounds": "rounds",
}

HILLSTROM_NOMINAL_DAY = date(2008, 3, 20)
HILLSTROM_VARIANTS = {
    "No E-Mail": "no_email",
    "Mens E-Mail": "mens_email",
    "Womens E-Mail": "womens_email",
}
HILLSTROM_METRICS = {"visit": "visit", "conversion": "conversion", "spend": "spend"}
HILLSTROM_SEGMENTS = ("channel", "newbie")

ASOS_NOMINAL_FIRST_DAY = date(2019, 11, 4)
ASOS_EXPERIMENTS = ("fdaf62", "2203f3", "162a38")
ASOS_BINARY_METRIC = 1
ASOS_METRICS = {1: "metric_1_binary", 2: "metric_2_count", 3: "metric_3_count", 4: "metric_4_real"}

OPEN_BANDIT_CAMPAIGNS = ("men", "women")
OPEN_BANDIT_VARIANTS = {"random": "random", "thompson": "bts"}
OPEN_BANDIT_POSITIONS = {1: "left", 2: "centre", 3: "right"}

Row = dict[str, object]


def proportion_row(day: date, variant: str, metric: str, *, successes: int, n: int) -> Row:
    """One moments row of a proportion; its sample variance is n / (n - 1) * p * (1 - p)."""
    p = successes / n
    return moments_row(day, variant, metric, n=n, mean=p, variance=n / (n - 1) * p * (1 - p))


def moments_row(
    day: date,
    variant: str,
    metric: str,
    *,
    n: int,
    mean: float,
    variance: float,
    segment: tuple[str, str] = ("", ""),
) -> Row:
    """One moments row; `segment` is (dimension, value), both empty for the whole variant."""
    cells = (day.isoformat(), variant, metric, *segment, n, mean, variance)
    return dict(zip(MOMENTS_COLUMNS, cells, strict=True))


def exposure_row(day: date, variant: str, units: int) -> Row:
    """One exposures row: the units that `variant` received for the first time on `day`."""
    return dict(zip(EXPOSURE_COLUMNS, (day.isoformat(), variant, units), strict=True))


def write_csv(path: Path, rows: Iterable[Row], columns: list[str]) -> None:
    """Write `rows` with the shortest digits that give back the same floats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(list(rows), columns=columns).to_csv(path, index=False, lineterminator="\n")


def unit_moments(
    units: pd.DataFrame,
    metrics: dict[str, str],
    *,
    day: date,
    segment: tuple[str, str] = ("", ""),
) -> Iterator[Row]:
    """Moments of each metric over unit rows with a `variant` column, in the order of `metrics`."""
    for variant, group in units.groupby("variant", sort=False):
        for column, metric in metrics.items():
            values = group[column].astype(float)
            yield moments_row(
                day,
                str(variant),
                metric,
                n=len(values),
                mean=float(values.mean()),
                variance=float(values.var(ddof=1)),
                segment=segment,
            )


def build_udacity(raw: Path, out: Path) -> None:
    """Published counts per variant and day, and the three proportions made of them.

    A day is the day of the page view; enrolments and payments are those of that day's clicks, known
    fourteen days later. The last fourteen days never matured: blank counts, no rows of moments.
    """
    counts: list[Row] = []
    moments: list[Row] = []
    exposures: list[Row] = []
    for variant, file_name in UDACITY_VARIANTS.items():
        for record in pd.read_csv(raw / file_name).to_dict("records"):
            day = datetime.strptime(f"{record['Date']} {UDACITY_YEAR}", "%a, %b %d %Y").date()
            pageviews, clicks = int(record["Pageviews"]), int(record["Clicks"])
            matured = not pd.isna(record["Enrollments"])
            enrollments = int(record["Enrollments"]) if matured else None
            payments = int(record["Payments"]) if matured else None
            cells = (day.isoformat(), variant, pageviews, clicks, enrollments, payments)
            counts.append(dict(zip(UDACITY_COUNT_COLUMNS, cells, strict=True)))
            exposures.append(exposure_row(day, variant, pageviews))
            moments.append(proportion_row(day, variant, "click_through", successes=clicks, n=pageviews))
            if enrollments is not None and payments is not None:
                moments.append(proportion_row(day, variant, "gross_conversion", successes=enrollments, n=clicks))
                moments.append(proportion_row(day, variant, "net_conversion", successes=payments, n=clicks))

    def by_day(row: Row) -> str:
        return str(row["day"])

    write_counts(out / "daily_counts.csv", sorted(counts, key=by_day))
    write_csv(out / "daily_moments.csv", sorted(moments, key=by_day), MOMENTS_COLUMNS)
    write_csv(out / "exposures.csv", sorted(exposures, key=by_day), EXPOSURE_COLUMNS)


def write_counts(path: Path, rows: list[Row]) -> None:
    """Write counts, keeping those not yet matured blank and the others whole numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows, columns=UDACITY_COUNT_COLUMNS)
    frame[["enrollments", "payments"]] = frame[["enrollments", "payments"]].astype("Int64")
    frame.to_csv(path, index=False, lineterminator="\n")


def build_cookie_cats(raw: Path, out: Path) -> None:
    """Totals per variant; no day is published, so all stands on one nominal day."""
    units = pd.read_parquet(raw / "cookie_cats.parquet").rename(columns={"version": "variant"})
    units = units.sort_values(["variant", "userid"])
    write_totals(units, COOKIE_CATS_METRICS, out, day=COOKIE_CATS_NOMINAL_DAY)


def build_hillstrom(raw: Path, out: Path) -> None:
    """Totals per variant, and per variant within each of two registered segment dimensions."""
    units = pd.read_parquet(raw / "hillstrom.parquet")
    units["variant"] = units["treatment"].map(HILLSTROM_VARIANTS)
    order = {variant: rank for rank, variant in enumerate(HILLSTROM_VARIANTS.values())}
    units = units.sort_values("variant", key=lambda names: names.map(order), kind="stable")
    write_totals(units, HILLSTROM_METRICS, out, day=HILLSTROM_NOMINAL_DAY, dimensions=HILLSTROM_SEGMENTS)


def write_totals(
    units: pd.DataFrame,
    metrics: dict[str, str],
    out: Path,
    *,
    day: date,
    dimensions: tuple[str, ...] = (),
) -> None:
    """Write unit rows as totals of one day: overall first, then each value of each dimension."""
    moments = list(unit_moments(units, metrics, day=day))
    for dimension in dimensions:
        for value, group in units.groupby(dimension):
            moments.extend(unit_moments(group, metrics, day=day, segment=(dimension, str(value).lower())))
    sizes = units.groupby("variant", sort=False).size()
    exposures = [exposure_row(day, str(variant), int(size)) for variant, size in sizes.items()]
    write_csv(out / "totals.csv", moments, MOMENTS_COLUMNS)
    write_csv(out / "exposures.csv", exposures, EXPOSURE_COLUMNS)


def whole_days(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Keep the last snapshot of each whole day, with its day counted from 0 in `day_index`.

    Day d is the time (d, d + 1] since the start. Snapshots come every half day, a few are missing: a day
    without its closing snapshot is stood for by its midday one, but a last day that never ended is dropped.
    """
    half_days = (snapshots["time_since_start"] * 2).round().astype(int)  # undoes float noise of 1e-15
    ordered = snapshots.assign(half_days=half_days, day_index=(half_days + 1) // 2 - 1)
    ordered = ordered.sort_values(["metric_id", "half_days"])
    last = ordered.groupby(["metric_id", "day_index"], as_index=False).last()
    final_half_day = int(half_days.max())
    if final_half_day % 2:
        last = last[last["day_index"] < final_half_day // 2]
    return last.sort_values(["day_index", "metric_id"], ignore_index=True)


def build_asos(raw: Path, out: Path) -> None:
    """Cumulative daily snapshots of a few two-variant experiments, on nominal days."""
    everything = pd.read_parquet(raw / "asos_digital_experiments.parquet")
    for experiment in ASOS_EXPERIMENTS:
        snapshots = whole_days(everything[everything["experiment_id"] == experiment])
        if snapshots["variant_id"].nunique() != 1:
            raise ValueError(f"experiment {experiment} has several treatments; choose one with a single one")
        write_csv(out / experiment / "cumulative_moments.csv", asos_moments(snapshots), MOMENTS_COLUMNS)
        write_csv(out / experiment / "exposures.csv", asos_exposures(snapshots), EXPOSURE_COLUMNS)


def asos_moments(snapshots: pd.DataFrame) -> Iterator[Row]:
    """Moments of all units seen up to the end of each day.

    The published variance of the binary metric is p * (1 - p); it is brought to ddof 1 like all others here.
    """
    for record in snapshots.to_dict("records"):
        day = ASOS_NOMINAL_FIRST_DAY + timedelta(days=record["day_index"])
        metric_id = record["metric_id"]
        for variant, suffix in (("control", "c"), ("treatment", "t")):
            n, mean = int(record[f"count_{suffix}"]), float(record[f"mean_{suffix}"])
            variance = float(record[f"variance_{suffix}"])
            if metric_id == ASOS_BINARY_METRIC:
                variance = n / (n - 1) * mean * (1 - mean)
            yield moments_row(day, variant, ASOS_METRICS[metric_id], n=n, mean=mean, variance=variance)


def asos_exposures(snapshots: pd.DataFrame) -> Iterator[Row]:
    """New units of each day, as differences of the cumulative counts.

    The first row holds everyone since the start, because the first snapshots are not published.
    """
    one_metric = snapshots[snapshots["metric_id"] == ASOS_BINARY_METRIC]
    seen = {"control": 0, "treatment": 0}
    for record in one_metric.to_dict("records"):
        day = ASOS_NOMINAL_FIRST_DAY + timedelta(days=record["day_index"])
        for variant, column in (("control", "count_c"), ("treatment", "count_t")):
            total = int(record[column])
            yield exposure_row(day, variant, total - seen[variant])
            seen[variant] = total


def build_open_bandit(raw: Path, out: Path) -> None:
    """Unit-level rows per campaign: an impression is a unit, its click an event at the same instant."""
    for campaign in OPEN_BANDIT_CAMPAIGNS:
        impressions = pd.concat(
            [read_policy(raw, campaign, variant) for variant in OPEN_BANDIT_VARIANTS], ignore_index=True
        )
        impressions = impressions.sort_values(["exposed_at", "unit_id"], ignore_index=True)
        clicks = impressions[impressions["click"] == 1]
        instant = pa.timestamp("us", tz="UTC")
        text = pa.string()
        exposures = pa.table(
            {
                "unit_id": pa.array(impressions["unit_id"], text),
                "variant": pa.array(impressions["variant"], text),
                "exposed_at": pa.array(impressions["exposed_at"], instant),
                "position": pa.array(impressions["position"], text),
            }
        )
        events = pa.table(
            {
                "unit_id": pa.array(clicks["unit_id"], text),
                "name": pa.array(["click"] * len(clicks), text),
                "occurred_at": pa.array(clicks["exposed_at"], instant),
            }
        )
        write_parquet(out / campaign / "exposures.parquet", exposures)
        write_parquet(out / campaign / "events.parquet", events)


def read_policy(raw: Path, campaign: str, variant: str) -> pd.DataFrame:
    """Impressions of one policy; the id is the variant's name and the row number in the published file."""
    log = pd.read_parquet(
        raw / f"{OPEN_BANDIT_VARIANTS[variant]}_{campaign}.parquet",
        columns=["timestamp", "position", "click"],
    )
    return pd.DataFrame(
        {
            "unit_id": [f"{variant}-{row:05d}" for row in range(len(log))],
            "variant": variant,
            "exposed_at": pd.to_datetime(log["timestamp"], format="ISO8601", utc=True),
            "position": log["position"].map(OPEN_BANDIT_POSITIONS),
            "click": log["click"],
        }
    )


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write one small zstd-compressed Parquet file; ids and instants in time order are kept as deltas."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encodings = {"unit_id": "DELTA_BYTE_ARRAY", "exposed_at": "DELTA_BINARY_PACKED"}
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in table.column_names if name not in encodings],
        column_encoding={name: encodings[name] for name in table.column_names if name in encodings},
    )


BUILDERS = {
    "udacity_free_trial": build_udacity,
    "cookie_cats": build_cookie_cats,
    "hillstrom": build_hillstrom,
    "asos_experiments": build_asos,
    "open_bandit": build_open_bandit,
}


def main() -> None:
    """Build every sample."""
    parser = argparse.ArgumentParser(description="Build the sample experiments from their raw data.")
    parser.add_argument("raw", type=Path, help="folder with one sub-folder of raw data per sample")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: this folder")
    arguments = parser.parse_args()
    for name, build in BUILDERS.items():
        build(arguments.raw / name, arguments.out / name)


if __name__ == "__main__":
    main()
