"""Adjusted against unadjusted: where CUPED moves the effect by more than chance, the variants differed before they began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trialflow.checks.comparing import at_day
from trialflow.checks.comparison import number
from trialflow.checks.effects import PrimaryPath
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.checks.schedule import band
from trialflow.spec.promise import Promise
from trialflow.stats.fixed_horizon import fixed_horizon
from trialflow.stats.results import Estimate
from trialflow.warehouse.summary import Summary

ALPHA = 0.01  # for each way of reading, over all treatments together


def adjustment(promise: Promise, summary: Summary, paths: Sequence[PrimaryPath]) -> Checked:
    """WARN where the primary metric's adjusted and unadjusted effect differ by more than chance allows.

    Their difference θ (X̄_T − X̄_C) is 0 on average in a sound experiment, whatever the treatment does, since X is from
    before it. Before the final look it is read with a band that holds on all days, at the final look once more with a
    fixed-horizon test; each at 1 %, split over treatments. Both effects are always reported.
    """
    rows = [
        _row(promise, summary, path, moved, len(paths)) for path in paths if (moved := path.contrast.pull) is not None
    ]
    known = [row for row in rows if row["pull"] is not None]
    apart = [row["variant"] for row in known if row["disagree"]]
    name = promise.experiment.metrics.primary.metric
    if not rows:
        status, headline = Status.NOT_APPLICABLE, f"{name} was not adjusted: its source gives no pre-period."
    elif not known:
        status, headline = Status.NO_DATA, f"There is no pre-period of {name} that varies: nothing was adjusted yet."
    elif apart:
        status = Status.WARN
        headline = (
            f"{name}: the adjustment moves the effect by more than chance ({', '.join(apart)}); "
            "the variants differed before they began."
        )
    else:
        status, headline = Status.PASS, f"{name}: adjusted and unadjusted effect agree within chance."
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="adjustment",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence={"metric": name, "alpha": ALPHA, "variants": rows},
            next_step=_NEXT_STEP if status is Status.WARN else "",
        )
    )


_NEXT_STEP = "Look for units that entered differently (a filter, a delay, a used split) before reading either effect."


def _row(promise: Promise, summary: Summary, path: PrimaryPath, pull: Estimate, treatments: int) -> dict[str, Any]:
    contrast = path.contrast
    adjusted, plain, moved = (at_day(one, -1) for one in (contrast.estimate, contrast.unadjusted, pull))
    alpha = ALPHA / treatments
    known = bool(moved.estimable)
    fixed = fixed_horizon(moved, level=1.0 - alpha)
    z = float(moved.estimate) / float(moved.std_error) if known else np.nan
    beyond = known and abs(z) >= float(band(promise, contrast, alpha)[-1])
    final = summary.as_of >= path.progress.final_day
    return {
        "variant": contrast.variant,
        "adjusted": number(float(adjusted.estimate)),
        "adjusted_std_error": number(float(adjusted.std_error)),
        "unadjusted": number(float(plain.estimate)),
        "unadjusted_std_error": number(float(plain.std_error)),
        "pull": number(float(moved.estimate)),
        "pull_std_error": number(float(moved.std_error)),
        "z": number(z),
        "p_value": number(float(fixed.p_value)) if final and known else None,
        "disagree": bool(beyond or (final and known and float(fixed.p_value) < alpha)),
    }
