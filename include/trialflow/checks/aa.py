"""A/A validation: the real estimator on re-randomised past data must reject as often as it says, no more."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

from trialflow.checks.comparison import number
from trialflow.checks.contrasts import bucket_estimator
from trialflow.checks.finding import Finding, Status, worst
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.stats.aa import AaResult, rerandomise
from trialflow.warehouse.summary import BucketSummary

TOLERANCE = 1.2  # a rejection rate above this multiple of alpha blocks, once shown beyond doubt
CONFIDENCE = 0.99


def waived(promise: Promise, as_of: date) -> Checked:
    """The promise says why no A/A test is made; shown in every memo."""
    reason = promise.experiment.analysis.aa.waived or ""
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="aa",
            as_of=as_of,
            status=Status.NOT_APPLICABLE,
            headline=f"A/A validation is waived: {reason}",
            evidence={"metrics": [], "waived": reason},
        )
    )


def aa(promise: Promise, buckets: Sequence[BucketSummary], as_of: date, *, origin: str) -> Checked:
    """FAIL where a metric's rejection rate is shown to exceed 1.2 alpha; WARN where a test is conservative or too few units.

    `origin` says in words which data was re-randomised.
    """
    rows = [_row(promise, found, metrics=len(buckets)) for found in buckets]
    status = worst([Status(row["status"]) for row in rows]) if rows else Status.NO_DATA
    failing = [row["metric"] for row in rows if row["status"] == Status.FAIL.value]
    odd = [row["metric"] for row in rows if row["status"] == Status.WARN.value]
    headline = {
        Status.NO_DATA: "There is no past data to re-randomise for at least one metric.",
        Status.FAIL: f"The test rejects too often on data without an effect: {', '.join(failing)}.",
        Status.WARN: f"The test rejects less often than it says: {', '.join(odd)} (conservative).",
    }.get(status, "On re-randomised past data every metric rejects as often as it should.")
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="aa",
            as_of=as_of,
            status=status,
            headline=headline,
            evidence={"metrics": rows, "waived": None, "origin": origin, "tolerance": TOLERANCE},
            next_step=_NEXT_STEPS.get(status, ""),
            blocks=status in (Status.FAIL, Status.NO_DATA),
        )
    )


_NEXT_STEPS = {
    Status.FAIL: "Cap heavy tails, analyse by the randomisation unit, or choose another metric; then amend the promise.",
    Status.NO_DATA: "Give the source a population with history, or waive the validation with a reason in the promise.",
}


def _seed(promise: Promise, metric: str) -> int:
    digest = hashlib.sha256(f"{promise.slug}|{metric}|aa".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _row(promise: Promise, found: BucketSummary, *, metrics: int) -> dict[str, Any]:
    analysis = promise.experiment.analysis
    metric = promise.metrics[found.metric]
    # The shares of most of the data: a ramp may begin with a sliver, or with nothing, in treatment.
    shares = promise.experiment.weights_on(promise.experiment.calendar.last_day)
    control, treatment = shares[promise.experiment.control.name], shares[promise.experiment.treatments[0].name]
    result = rerandomise(
        found.moments,
        splits=analysis.aa.splits,
        share=treatment / (control + treatment),
        seed=_seed(promise, found.metric),
        estimator=bucket_estimator(promise, metric, found.variables),
        alpha=analysis.alpha,
        level=1.0 - (1.0 - CONFIDENCE) / max(metrics, 1),
    )
    return {
        "metric": found.metric,
        "units": int(found.moments.n.sum()),
        "splits": result.splits,
        "rejections": result.rejections,
        "rate": number(result.rate),
        "lower": number(float(result.interval.lower)),
        "upper": number(float(result.interval.upper)),
        "uniformity_p": number(result.uniformity_p),
        "alpha": analysis.alpha,
        "status": _status(result, analysis.alpha).value,
    }


def _status(result: AaResult, alpha: float) -> Status:
    if result.splits == 0:
        return Status.NO_DATA
    if float(result.interval.lower) > TOLERANCE * alpha:
        return Status.FAIL
    return Status.WARN if float(result.interval.upper) < alpha else Status.PASS
