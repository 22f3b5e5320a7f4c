"""How far the experiment is on the way to the information it promised."""

from __future__ import annotations

import math

from trialflow.checks.comparison import number
from trialflow.checks.contrasts import information_of
from trialflow.checks.effects import PrimaryPath
from trialflow.checks.finding import Finding, Status
from trialflow.checks.forecast import forecast
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.warehouse.summary import Summary


def information(promise: Promise, summary: Summary, paths: tuple[PrimaryPath, ...]) -> Checked:
    """The smallest information fraction over treatments; WARN at the final look when it is below 1 (under-running)."""
    plan = promise.plan.of(promise.experiment.metrics.primary.metric)
    planned = plan.planned_information if plan else None
    # Rounded before it is judged, so that exactly the planned information counts as reached on every machine.
    achieved = number(min((float(information_of(path.contrast.estimate)[-1]) for path in paths), default=0.0)) or 0.0
    fraction = achieved / planned if planned else math.nan
    final = bool(paths) and summary.as_of >= max(path.progress.final_day for path in paths)
    extended = any(path.progress.extended for path in paths)
    status, headline = _judge(planned is not None, fraction, final=final)
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="information",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence={
                "fraction": number(fraction),
                "planned": number(planned) if planned else None,
                "achieved": achieved,
                "units": int(summary.exposures.new_units.sum()),
                "expected_units": promise.plan.expected_units,
                "extended": extended,
                "extension_left": extended and summary.as_of <= promise.experiment.calendar.final_day(),
                "final": final,
                "forecast": [row for path in paths if (row := forecast(promise, summary, path)) is not None],
            },
        )
    )


def _judge(planned: bool, fraction: float, *, final: bool) -> tuple[Status, str]:
    if not planned:
        return Status.NOT_APPLICABLE, "No information was planned: the promise had no baseline to plan from."
    share = f"{fraction:.0%} of the planned information is reached"
    if final and fraction < 1.0:
        return Status.WARN, f"{share} at the final look: the experiment has less power than promised."
    return Status.PASS, f"{share}."
