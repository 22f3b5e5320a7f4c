"""What speaks against registering a plan as it is, and which entries would mend it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from trialflow.memo.words import MetricScale, amount, counted, scale_of, whole
from trialflow.overview.plan_form import MOST_WEEKS
from trialflow.overview.plan_words import chance_text, weeks_to
from trialflow.overview.planning import Plannable, Protection
from trialflow.spec.experiment import Amount

MOST_MARGIN = 1.0  # a guardrail that may lose all of its value guards nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What to do about a concern, and which fields of the form that changes."""

    text: str
    changes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """What speaks against registering the plan as it is."""

    text: str
    ways: tuple[Way, ...] = ()


def concerns(plan: Plannable) -> Iterator[Concern]:
    """What is not feasible, and what would be."""
    for one in plan.refusals:
        heading = "Registration would refuse this" if plan.locks_traffic else "The traffic is too small for this"
        yield Concern(text=f"{heading}: {one.message}.", ways=tuple(_longer(plan.enough)))
    for guard in plan.unproven:
        yield _unproven(plan, guard)


def _unproven(plan: Plannable, guard: Protection) -> Concern:
    name, scale = guard.metric.name, scale_of(guard.metric, plan.promise.experiment.unit)
    if guard.units is None:
        cure = Way(text=f"type its mean and standard deviation (guardrail {guard.row})")
        return Concern(text=f"{name} has no baseline, so nobody knows whether its margin can be proven.", ways=(cure,))
    chance = f" (chance {chance_text(guard.chance)})" if guard.chance is not None else ""
    margin = amount(guard.guardrail.margin, scale)
    text = (
        f"A run of {counted(plan.weeks, 'week')} is too short to prove that {name} is within {margin}{chance}: "
        f"that takes {whole(guard.total or 0)} units, and about {whole(plan.promise.plan.expected_units or 0)} come. "
        "Without it there is no SHIP."
    )
    return Concern(text=text, ways=(*_longer(weeks_to(plan, guard.by) or MOST_WEEKS + 1), *_wider(guard, scale)))


def _longer(weeks: int | None) -> Iterator[Way]:
    if weeks is not None and weeks <= MOST_WEEKS:
        yield Way(text=f"plan {counted(weeks, 'week')}", changes=(("weeks", str(weeks)),))
    elif weeks is not None:
        yield Way(text=f"no calendar up to {MOST_WEEKS} weeks is long enough: look for more traffic")


def _wider(guard: Protection, scale: MetricScale) -> Iterator[Way]:
    if guard.smallest is None or not math.isfinite(guard.smallest) or guard.smallest <= 0.0:
        return
    relative = guard.guardrail.margin.relative is not None
    wide = _rounded_up(guard.smallest)
    if relative and wide >= MOST_MARGIN:
        return
    size = Amount(relative=wide) if relative else Amount(absolute=wide)
    typed = f"{100.0 * wide:.6g}%" if relative else f"{wide:.6g}"
    yield Way(text=f"accept a margin of {amount(size, scale)}", changes=((f"margin_{guard.row}", typed),))


def _rounded_up(size: float) -> float:
    """The next number with two significant digits."""
    step = 10.0 ** (math.floor(math.log10(size)) - 1)
    return float(f"{math.ceil(size / step * (1.0 - 1e-9)) * step:.6g}")
