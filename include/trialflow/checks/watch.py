"""The watch after a launch where nobody is left to compare with: the level now against the level before, day by day."""

from __future__ import annotations

from typing import Any

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.stats.level import FEWEST_DAYS, level_shift
from trialflow.stats.moments import Floats
from trialflow.warehouse.summary import MetricSummary, Summary

BEFORE_AFTER = "Before and after, not an experiment: whatever else changed since is in it."


def levels(promise: Promise, before: Summary, after: Summary, *, names: tuple[str, ...], days: int) -> Checked:
    """WARN where the days since the launch lie worse than control's days in the experiment vary; never more than that.

    `before` is the experiment, whose control tells the level; `after` the units since the launch, one variant. Levels
    are those of the units that matured on each day. `days` is the length of the watch: the promised harm_alpha of each
    metric is split evenly over its looks.
    """
    alpha = promise.experiment.analysis.harm_alpha / max(days, 1)
    control = before.variants.index(promise.experiment.control.name)
    rows = [_row(promise, name, before.of(name), after.of(name), control) for name in names]
    judged = [row for row in rows if row["p_value"] is not None]
    worse = [row for row in judged if row["p_value"] < alpha]
    if worse:
        named = ", ".join(row["metric"] for row in worse)
        status, headline = Status.WARN, f"Since the launch {named} lies worse than its days before vary. {BEFORE_AFTER}"
    elif judged:
        status, headline = Status.PASS, f"No metric lies worse than its days before vary. {BEFORE_AFTER}"
    else:
        status = Status.NO_DATA
        headline = f"No level can be compared yet: it needs {FEWEST_DAYS} days before and one day since."
    step = "Look at what else changed since the launch; roll back by order if it was the winner."
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="watch",
            as_of=after.as_of,
            status=status,
            headline=headline,
            evidence={"levels": rows, "alpha": number(alpha), "causal": False},
            next_step=step if worse else "",
        )
    )


def _row(
    promise: Promise, name: str, before: MetricSummary | None, after: MetricSummary | None, control: int
) -> dict[str, Any]:
    metric = promise.metrics[name]
    base: dict[str, Any] = {"metric": name, "p_value": None}
    if metric.window is None:
        return base | {"why_not": "without a window a unit counts on many days"}
    if before is None or after is None:
        return base | {"why_not": "the source gave no rows"}
    shift = level_shift(_by_day(before, control), _by_day(after, 0), sign=-metric.direction.sign)
    return base | {
        "before": number(shift.before),
        "after": number(shift.after),
        "std_dev": number(shift.std_dev),
        "days_before": shift.days_before,
        "days_after": shift.days_after,
        "statistic": number(shift.statistic),
        "p_value": number(shift.p_value),
    }


def _by_day(found: MetricSummary, variant: int) -> Floats:
    """The level of each day's newly matured units, (day,): a mean, or of a ratio the ratio of sums; NaN without units."""
    n = found.moments.n[:, variant]
    sums = np.where(n[:, None] > 0.0, found.moments.mean[:, variant], 0.0) * n[:, None]
    grown = np.diff(sums, axis=0, prepend=0.0)
    below = grown[:, 1] if found.variables[:2] == ("numerator", "denominator") else np.diff(n, prepend=0.0)
    return np.where(below > 0.0, grown[:, 0] / np.where(below > 0.0, below, 1.0), np.nan)
