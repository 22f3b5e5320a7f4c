"""Curves over days that no memo has: shares of the split, information so far, the power that was planned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from trialflow.decision import Verdict
from trialflow.memo.evidence import Evidence, real, to_day
from trialflow.memo.memo import EffectOverTime, Lifetime
from trialflow.memo.sections.effect import primary_comparisons
from trialflow.memo.sections.looks import look_days_taken
from trialflow.memo.words import fixed, percent, short_day
from trialflow.overview.dossier import Dossier
from trialflow.registry.overview import FindingKey
from trialflow.spec.experiment import Policy
from trialflow.spec.promise import Promise

FEW = 2  # days that make a line
FULL_HEIGHT_AFTER = 3  # a third of the days: the very wide first bounds run out of the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series; values in the unit of the axis."""

    name: str
    days: tuple[date, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Lines over days, with one level to compare with and days to mark. `stepped` holds a value until the next."""

    key: str
    title: str
    alt: str
    axis: str
    lines: tuple[Line, ...]
    levels: tuple[tuple[float, str], ...] = ()
    marks: tuple[tuple[date, str], ...] = ()
    stepped: bool = False


def share_curves(dossier: Dossier) -> tuple[Curve, ...]:
    """Each variant's share of all units so far, by day, beside the planned share of the last day."""
    rows = sorted((one.as_of, dossier.told[one.row].numbers.get("observed")) for one in _of(dossier, "srm"))
    known = [(at, seen) for at, seen in rows if isinstance(seen, Mapping) and sum(map(_count, seen.values())) > 0]
    if len(known) < FEW:
        return ()
    names = [variant.name for variant in dossier.promise.experiment.variants]
    lines = tuple(
        Line(name=name, days=tuple(at for at, _ in known), values=tuple(_share(seen, name) for _, seen in known))
        for name in names
    )
    ends = ", ".join(f"{line.name} {fixed(line.values[-1], 2)}%" for line in lines)
    title = "Share of all units so far, by day"
    return (
        Curve(
            key="shares",
            title=title,
            alt=f"{title}: on {short_day(known[-1][0])} {ends}.",
            axis="Share of units (%)",
            lines=lines,
        ),
    )


def _count(value: object) -> float:
    return real(value) or 0.0


def _share(seen: Mapping[str, object], name: str) -> float:
    return 100 * _count(seen.get(name)) / sum(map(_count, seen.values()))


def _of(dossier: Dossier, check: str) -> list[FindingKey]:
    return [key for key in dossier.log if key.check == check]


def information_curve(dossier: Dossier, *, extended: bool = False) -> Curve | None:
    """The share of the planned information that was reached, by day, with the looks that were taken or are to come."""
    rows = sorted(
        (one.as_of, real(dossier.told[one.row].numbers.get("fraction"))) for one in _of(dossier, "information")
    )
    known = [(at, 100 * value) for at, value in rows if value is not None]
    if len(known) < FEW:
        return None
    last_day, last = known[-1]
    return Curve(
        key="information",
        title="Information reached, by day",
        alt=f"Information reached by day: {percent(last / 100, 0)} of what was planned on {short_day(last_day)}.",
        axis="Of the planned information (%)",
        lines=(Line(name="information", days=tuple(at for at, _ in known), values=tuple(value for _, value in known)),),
        levels=((100.0, "planned"),),
        marks=tuple((at, f"look {number}") for number, at in enumerate(_looks(dossier, last_day, extended), start=1)),
    )


def _looks(dossier: Dossier, seen: date, extended: bool) -> tuple[date, ...]:
    """Days of looks for a benefit, unless every day is one; after a verdict none is to come but an extension's."""
    experiment, decision = dossier.promise.experiment, dossier.decision
    if experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        return ()
    taken = look_days_taken(dossier.promise, dossier.looks, dossier.evidence)
    goes_on = decision is None or decision.final_verdict is Verdict.EXTEND
    ahead = [at for at in experiment.look_days(extended=extended) if at > seen] if goes_on else []
    return (*taken, *ahead)


def planned_power_curve(dossier: Dossier) -> Curve | None:
    """The power that registration foresaw for each last day."""
    finding = dossier.newest.get("power")
    rows = finding.evidence.get("power_by_day", ()) if finding else ()
    known = [
        (at, 100 * value)
        for row in rows
        if (at := to_day(row.get("day"))) and (value := real(row.get("power"))) is not None
    ]
    if len(known) < FEW:
        return None
    promised = 100 * dossier.promise.experiment.analysis.power
    return Curve(
        key="planned-power",
        title="Power that was planned, by the day of the look",
        alt=f"Planned power by day: {percent(known[-1][1] / 100, 0)} on {short_day(known[-1][0])}.",
        axis="Power (%)",
        lines=(
            Line(name="planned power", days=tuple(at for at, _ in known), values=tuple(value for _, value in known)),
        ),
        levels=((promised, "promised"),),
    )


def effect_range(data: EffectOverTime | Lifetime) -> tuple[float, float]:
    """Ends of an axis on which late bounds stand whole; the very wide first ones of an effect over time run out of it."""
    values: list[float] = [0.0]
    for path in data.paths:
        start = len(path.days) // FULL_HEIGHT_AFTER if isinstance(data, EffectOverTime) else 0
        for series in (path.estimate, path.lower, path.upper):
            values += _finite(series[start:])
    if isinstance(data, EffectOverTime) and data.minimum_effect is not None:
        values.append(data.minimum_effect)
    return _with_room(values)


def band_note(promise: Promise, evidence: Evidence) -> str:
    """Why the chart's last bounds are not the interval of the text, where they are not."""
    if promise.experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        return ""
    last = {row.get("variant"): (row.get("lower"), row.get("upper")) for row in evidence.rows("effects", "path")}
    told = {one.variant: (one.lower, one.upper) for one in primary_comparisons(promise, evidence)}
    if not any(who in last and None not in (*last[who], *told[who]) and last[who] != told[who] for who in told):
        return ""
    return (
        "The band holds on all days together: it may be read on every day and is wider for it. "
        "The interval in the text and the table is that of a single look and holds at a planned one."
    )


def split_range(p_values: Sequence[float | None], threshold: float | None) -> tuple[float, float]:
    """Ends of a logarithmic axis of p-values; what is smaller than any number is drawn at its lower end."""
    known = [value for value in (*p_values, threshold) if value is not None and value > 0]
    return min(known, default=0.01) / 3, 1.0


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _with_room(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.1 * ((high - low) or 1.0)
    return low - room, high + room
