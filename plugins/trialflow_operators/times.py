"""Days and keys as Airflow tells them, in one place."""

from __future__ import annotations

from datetime import date

from airflow.sdk import Asset

# A cron run speaks of the day before its logical date; a run by hand may name its day, or means yesterday.
AS_OF = "{{ params.as_of or macros.ds_add((dag_run.logical_date or dag_run.run_after) | ds, -1) }}"
TODAY = "{{ dag_run.run_after | ds }}"

# Consumers of a partitioned asset get "slug" or "slug|day" as partition key; a run by hand names both as params.
KEY_SLUG = "{{ (partition_key or '').partition('|')[0] or params.slug or '' }}"
KEY_DAY = "{{ (partition_key or '').partition('|')[2] or params.as_of or '' }}"

# A changed model: "slug|version", on the day of the run.
KEY_VERSION = "{{ (partition_key or '').partition('|')[2] or params.model_version or '' }}"
AS_OF_RUN = "{{ params.as_of or (dag_run.run_after | ds) }}"

REGISTERED = Asset(name="trialflow_registered", uri="trialflow://experiment/registered", group="trialflow")
ANALYSIS_DUE = Asset(name="trialflow_analysis_due", uri="trialflow://experiment/analysis-due", group="trialflow")
DECIDED = Asset(name="trialflow_decided", uri="trialflow://experiment/decided", group="trialflow")
MODEL_CHANGED = Asset(name="trialflow_model_changed", uri="trialflow://model/changed", group="trialflow")


def partition_of(slug: str, as_of: date | None = None) -> str:
    """The partition key of one experiment, or of one experiment and day."""
    return slug if as_of is None else f"{slug}|{as_of.isoformat()}"


def day_of(text: str) -> date:
    """A rendered day. Raises ValueError that says what to give."""
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        message = f"as_of = {text!r} is not a day: give it as YYYY-MM-DD in the run's params or partition key"
        raise ValueError(message) from problem
