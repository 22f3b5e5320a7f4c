"""The quarterly holdout: everybody against those who never got what was shipped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trialflow.checks.comparing import compare
from trialflow.checks.comparison import number
from trialflow.checks.contrasts import contrasts
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.stats.power import drift
from trialflow.warehouse.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """One shipped effect on the holdout's metric, and the share of the compared units that were exposed to it.

    `naive` is what its experiment saw; `estimate` with its `std_error` what is counted: shrunken where `shrunken`, else as
    its experiment left it.
    """

    experiment: str
    naive: float
    estimate: float
    std_error: float
    exposure: float = 1.0
    shrunken: bool = False


def holdout(promise: Promise, summary: Summary, shipped: Sequence[Shipped]) -> Checked:
    """All of both sides, with the smallest effect that could have been seen, beside the sum of shipped effects.

    The sum takes the effects as independent and additive, each for the units that were exposed to it; the gap's interval
    counts the errors of both sides.
    """
    experiment = promise.experiment
    level = 1.0 - experiment.analysis.alpha
    name = experiment.metrics.primary.metric
    found = contrasts(promise, summary, name)
    comparisons = [compare(contrast, role="primary", level=level, with_p_value=True) for contrast in found]
    known = [one for one in comparisons if one.estimate is not None and one.std_error is not None]
    promised = sum(one.estimate * one.exposure for one in shipped)
    promised_error = math.sqrt(sum((one.std_error * one.exposure) ** 2 for one in shipped))
    evidence = {
        "comparisons": [one.document() for one in comparisons],
        "shipped": [_row(one) for one in shipped],
        "shipped_sum": number(promised),
        "shipped_naive_sum": number(sum(one.naive * one.exposure for one in shipped)),
        "shipped_std_error": number(promised_error),
        "first_day": summary.days[0].isoformat() if summary.days else None,
    }
    if not known:
        status, headline = Status.NO_DATA, f"There is no number for {name} in the holdout or outside it."
    else:
        first = known[0]
        measured, error = first.estimate or 0.0, first.std_error or 0.0
        detectable = error * drift(alpha=experiment.analysis.alpha, power=experiment.analysis.power)
        gap_error = math.hypot(error, promised_error)
        half = (float(first.upper or 0.0) - float(first.lower or 0.0)) / 2.0 / error * gap_error if error else 0.0
        evidence |= {
            "minimum_detectable_effect": number(detectable),
            "gap": number(measured - promised),
            "gap_lower": number(measured - promised - half),
            "gap_upper": number(measured - promised + half),
        }
        shown = first.p_value is not None and first.p_value < experiment.analysis.alpha
        word = "excludes" if shown else "includes"
        status = Status.PASS
        headline = f"The interval of {name} between everybody and the holdout {word} zero."
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="holdout",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence=evidence,
            next_step="" if known else "Check that the holdout is still held out and its facts are logged.",
        )
    )


def _row(one: Shipped) -> dict[str, Any]:
    return {
        "experiment": one.experiment,
        "naive": number(one.naive),
        "estimate": number(one.estimate),
        "std_error": number(one.std_error),
        "shrunken": one.shrunken,
        "exposure": number(one.exposure),
    }
