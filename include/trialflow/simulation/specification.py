"""What is to be simulated: a world with known truth, read from one YAML file per simulated experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml

from trialflow.errors import Problem, PromiseError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A variant, its planned share and the share of its units that is really logged (below 1: a broken split)."""

    name: str
    weight: float
    logged: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """From `day` on the arms have these shares of the units: a ramp."""

    day: date
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Something units do: events of one name.

    `rate` is the mean number of events per unit and day; `spread` the standard deviation of the log of a unit's own
    lasting rate (it makes pre-period and experiment correlate); `amount` the mean amount of one event and `tail` the
    standard deviation of its log (1 and more is heavy-tailed).
    """

    name: str
    rate: float
    spread: float = 0.0
    amount: float = 1.0
    tail: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a variant does to a behaviour, as a share (`relative`) or a difference (`absolute`) of its rate or amount.

    Full strength is multiplied by `settles_at + extra · exp(−d / fade_days)` on day d since exposure, so
    `settles_at=1, extra=0` is constant and `settles_at=0, extra=1` a pure novelty. `dimension` and `value` limit it to
    a segment, `from_day` to the days from then on (a system that breaks under load).
    """

    variant: str
    behaviour: str
    relative: float | None = None
    absolute: float | None = None
    on: str = "rate"
    settles_at: float = 1.0
    extra: float = 0.0
    fade_days: float = 3.0
    dimension: str | None = None
    value: str | None = None
    from_day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Rows that never arrive: a `share` of one table on one day, of one variant or of all."""

    table: str
    day: date
    variant: str | None = None
    share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A `share` of events arrives `days` after its day was marked complete."""

    share: float
    days: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSpec:
    """A simulated world, days in UTC, all inclusive.

    `units` are exposed between `first_day` and `last_day` and observed for `follow_days` more; `pre_days` of visits and
    events come before. `front_loading` makes early days bring more units (0: all days alike). `newcomers` is the share
    without any past; `mixed` the share seen in a second variant too; `repeats` the mean number of further exposures;
    `visits` the mean visits per unit and day. `prefix` stands before the names of the tables, so that experiments share
    a lake; `source` is the name under which days are marked complete. `ramp` changes the arms' shares day by day: a unit
    keeps its place between 0 and 1, so with rising shares whoever has the last arm keeps it.
    """

    slug: str
    source: str
    first_day: date
    last_day: date
    units: int
    arms: tuple[Arm, ...]
    behaviours: tuple[Behaviour, ...]
    changes: tuple[Change, ...] = ()
    segments: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seed: int = 1
    prefix: str = ""
    pre_days: int = 14
    follow_days: int = 0
    front_loading: float = 0.0
    newcomers: float = 0.0
    mixed: float = 0.0
    repeats: float = 0.5
    visits: float = 0.3
    losses: tuple[Loss, ...] = ()
    late: Late | None = None
    ramp: tuple[Shares, ...] = ()

    @classmethod
    def read(cls, path: Path) -> SimulationSpec:
        """From a YAML file. Raises PromiseError with every unknown, missing or contradicting field."""
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        problems: list[Problem] = []
        lists = {"arms": Arm, "behaviours": Behaviour, "changes": Change, "losses": Loss, "ramp": Shares}
        given = dict(document) if isinstance(document, dict) else {}
        for name, kind in lists.items():
            if name not in given:
                continue
            items = given[name] or []
            read = [_build(kind, item, f"{name}[{place}]", path.name, problems) for place, item in enumerate(items)]
            given[name] = tuple(item for item in read if item is not None)
        if given.get("late") is not None:
            given["late"] = _build(Late, given["late"], "late", path.name, problems)
        spec = _build(cls, given, "", path.name, problems)
        if spec is not None:
            problems += _contradictions(spec, path.name)
        if problems or spec is None:
            raise PromiseError(problems)
        return spec


def _build(
    kind: type[T],
    given: Any,  # noqa: ANN401 (YAML may hold anything)
    path: str,
    where: str,
    problems: list[Problem],
) -> T | None:
    """One dataclass from a mapping; problems are collected, and None is returned where there are some."""
    if not isinstance(given, Mapping):
        problems.append(
            Problem(where=where, field=path, value=str(given), message="not a mapping", cure="write fields")
        )
        return None
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    prefix = f"{path}." if path else ""
    before = len(problems)
    for name in sorted(set(given) - set(known)):
        value, cure = str(given[name]), f"use one of {', '.join(known)}"
        problems.append(Problem(where=where, field=prefix + name, value=value, message="unknown field", cure=cure))
    for name, one in known.items():
        if name not in given and one.default is MISSING and one.default_factory is MISSING:
            cure = "write it"
            problems.append(Problem(where=where, field=prefix + name, value="nothing", message="missing", cure=cure))
    return kind(**given) if len(problems) == before else None


def _contradictions(spec: SimulationSpec, where: str) -> list[Problem]:
    arms = {arm.name for arm in spec.arms}
    behaviours = {behaviour.name for behaviour in spec.behaviours}
    checks: list[tuple[str, object, bool, str, str]] = [
        ("arms", sum(arm.weight for arm in spec.arms), abs(sum(arm.weight for arm in spec.arms) - 1.0) < 1e-9,
         "weights do not sum to 1", "make them sum to 1"),
        ("last_day", spec.last_day, spec.last_day >= spec.first_day, "before first_day", "choose a later day"),
    ]  # fmt: skip
    for place, step in enumerate(spec.ramp):
        at, total = f"ramp[{place}]", sum(step.weights.values())
        checks += [
            (f"{at}.weights", dict(step.weights), set(step.weights) == arms, "not the arms", f"name {sorted(arms)}"),
            (f"{at}.weights", total, abs(total - 1.0) < 1e-9, "weights do not sum to 1", "make them sum to 1"),
        ]
    for place, change in enumerate(spec.changes):
        at = f"changes[{place}]"
        one = (change.relative is None) != (change.absolute is None)
        checks += [
            (f"{at}.variant", change.variant, change.variant in arms, "no such arm", f"use one of {sorted(arms)}"),
            (f"{at}.behaviour", change.behaviour, change.behaviour in behaviours, "no such behaviour",
             f"use one of {sorted(behaviours)}"),
            (f"{at}.on", change.on, change.on in ("rate", "amount"), "unknown", "use rate or amount"),
            (at, "", one, "needs a size", "write exactly one of relative and absolute"),
            (f"{at}.dimension", change.dimension, change.dimension is None or change.dimension in spec.segments,
             "no such dimension", f"use one of {sorted(spec.segments)}"),
        ]  # fmt: skip
    return [
        Problem(where=where, field=name, value=str(value), message=message, cure=cure)
        for name, value, good, message, cure in checks
        if not good
    ]
