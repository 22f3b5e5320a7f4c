"""When a final analysis is due: the first day on which the split breaks, harm is shown, a benefit stands, or time is up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from trialflow.checks.finding import Finding, Status
from trialflow.checks.schedule import week_is_full
from trialflow.decision.facts import Due
from trialflow.spec.promise import Promise


def dues(promise: Promise, findings: Mapping[str, Finding], as_of: date) -> tuple[Due, ...]:
    """Every analysis due up to `as_of`, in order: one, or two where the first only extended the experiment.

    A function of one day's findings, whose evidence holds the whole path. A broken split and shown harm are due at once.
    A benefit is decided when its week is full and every guardrail has been shown to be within its margin; the last look
    is due whatever it says.
    """
    candidates = sorted(
        (
            found
            for found in (
                _split(findings),
                _harm(findings),
                _benefit(promise, findings),
                *_last_looks(promise, findings),
            )
            if found is not None and found.as_of <= as_of
        ),
        key=lambda found: found.as_of,
    )
    if not candidates:
        return ()
    first = candidates[0]
    after = [found for found in candidates if found.as_of > first.as_of]
    extended = "effects" in findings and bool(findings["effects"].evidence.get("extended"))
    only_extends = extended and first == _last_day(promise)
    return (first, after[0]) if only_extends and after else (first,)


def _split(findings: Mapping[str, Finding]) -> Due | None:
    alarm = findings["srm"].evidence.get("alarm_day") if "srm" in findings else None
    return Due(as_of=date.fromisoformat(alarm), why="the split is broken") if alarm else None


def _harm(findings: Mapping[str, Finding]) -> Due | None:
    rows = findings["harm"].evidence.get("harmful", []) if "harm" in findings else []
    days = [date.fromisoformat(row["day"]) for row in rows]
    return Due(as_of=min(days), why="harm is shown") if days else None


def _benefit(promise: Promise, findings: Mapping[str, Finding]) -> Due | None:
    if "effects" not in findings:
        return None
    crossed = {name: day for name, day in findings["effects"].evidence.get("crossed_on", {}).items() if day}
    days = []
    for variant, day in crossed.items():
        guarded = _guarded_on(promise, findings.get("guardrails"), variant)
        if guarded is not None:
            days.append(max(date.fromisoformat(day), guarded))
    if not days:
        return None
    return Due(as_of=week_is_full(promise.experiment, min(days)), why="the benefit is shown")


def _guarded_on(promise: Promise, finding: Finding | None, variant: str) -> date | None:
    """The day by which all guardrails of a variant were shown; the first day where there are none."""
    promised = promise.experiment.metrics.guardrails
    if not promised or not promise.experiment.decision.require_guardrails:
        return promise.experiment.calendar.first_day
    shown = finding.evidence.get("shown_on", {}) if finding else {}
    days = [shown.get(f"{variant}|{guardrail.metric}") for guardrail in promised]
    known = [date.fromisoformat(day) for day in days if day]
    return max(known) if len(known) == len(days) else None


def _last_day(promise: Promise) -> Due:
    return Due(as_of=promise.experiment.calendar.final_day(), why="the last day is reached")


def _last_looks(promise: Promise, findings: Mapping[str, Finding]) -> tuple[Due | None, ...]:
    regular = _last_day(promise)
    looks = [regular]
    if "effects" in findings and findings["effects"].status is not Status.NOT_APPLICABLE:
        final = date.fromisoformat(findings["effects"].evidence["final_day"])
        if final > regular.as_of:
            looks.append(Due(as_of=final, why="the last day of the extension is reached"))
    return tuple(looks)
