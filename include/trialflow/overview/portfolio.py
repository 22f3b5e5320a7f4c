"""The portfolio: what experimenting gave, over all experiments or the real ones alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from trialflow.decision import Decision, Verdict
from trialflow.overview.brief import Brief
from trialflow.overview.reader import Reader
from trialflow.overview.returns import HeldOut, Returned, held_out, holds_out, returned
from trialflow.overview.standing import labels_of
from trialflow.registry import Life, Stage, fold
from trialflow.spec.promise import Promise
from trialflow.stats.aa import wilson_interval

WINS = (Verdict.SHIP, Verdict.PARTIAL)
LEVEL = 0.95
NOT_STARTED = (Stage.REGISTERED, Stage.VALIDATED, Stage.BLOCKED)
RETURN_CHECKS = ("shrinkage", "effects", "segments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One experiment's way to its verdict.

    `recommended` is None while there is no verdict or the newest one only extends; `signed` while nobody has signed.
    `decided_on` is the day of the signature; of a replay the day its data were judged for, since it is signed when it is
    replayed. `days` count from the first day to `decided_on`, both included.
    """

    slug: str
    title: str
    labels: tuple[str, ...]
    first_day: date
    started: bool
    recommended: Verdict | None
    signed: Verdict | None
    overridden: bool
    segment: str
    judged_on: date | None
    decided_on: date | None

    @property
    def days(self) -> int | None:
        """From the start to the decision; None where there is none."""
        return None if self.decided_on is None else (self.decided_on - self.first_day).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """How many experiments took in their first unit and how many were decided in a month (its first day)."""

    first: date
    started: int
    decided: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """How often a verdict was recommended, and what people made of it."""

    verdict: Verdict
    recommended: int
    agreed: int
    overridden: int
    waiting: int
    signed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRate:
    """Share of signed verdicts that ship something, among those that could: a broken experiment is none. Wilson interval."""

    wins: int
    decided: int
    share: float
    lower: float
    upper: float
    level: float = LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Days from the first day to the decision, both included."""

    experiments: int
    median: float
    shortest: Outcome
    longest: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """What the page shows.

    `simulated` counts the simulated experiments on record, shown or not; `without_comparison` are holdouts that have not
    been compared yet.
    """

    outcomes: tuple[Outcome, ...]
    on_record: int
    simulated: int
    months: tuple[Month, ...]
    verdicts: tuple[VerdictRow, ...]
    win_rate: WinRate | None
    times: Times | None
    returns: tuple[Returned, ...]
    holdouts: tuple[HeldOut, ...]
    without_comparison: tuple[str, ...]

    @property
    def started(self) -> int:
        """Experiments that took in units."""
        return sum(one.started for one in self.outcomes)

    @property
    def signed(self) -> int:
        """Experiments with a signed verdict."""
        return sum(one.signed is not None for one in self.outcomes)

    @property
    def overridden(self) -> tuple[Outcome, ...]:
        """Experiments in which a person signed something else than was recommended."""
        return tuple(one for one in self.outcomes if one.overridden)

    @property
    def shown_simulated(self) -> int:
        """Simulated experiments among those shown."""
        return sum("simulated" in one.labels for one in self.outcomes)


def portfolio(reader: Reader, *, today: date, real_only: bool = False) -> Portfolio:
    """All experiments as they stand at the end of `today`; `real_only` leaves simulated ones out. Eight queries at most."""
    promises, events = reader.promises(), reader.events()
    wanted = {slug: promise for slug, promise in promises.items() if not (real_only and promise.simulated)}
    lives = {slug: fold(events.get(slug, ()), one.experiment.calendar, today) for slug, one in wanted.items()}
    decisions = {
        slug: decision
        for slug, decision in reader.decisions(events).items()
        if slug in wanted and _counts(decision, wanted[slug], today)
    }
    outcomes = tuple(outcome(one, lives[slug], decisions.get(slug)) for slug, one in wanted.items())
    briefs = reader.briefs_on(RETURN_CHECKS, {slug: one.as_of for slug, one in decisions.items()})
    held = reader.briefs(("holdout",))
    return Portfolio(
        outcomes=outcomes,
        on_record=len(promises),
        simulated=sum(promise.simulated for promise in promises.values()),
        months=months(outcomes),
        verdicts=verdict_rows(outcomes),
        win_rate=win_rate(outcomes),
        times=times(outcomes),
        returns=_returns(wanted, decisions, briefs),
        holdouts=tuple(held_out(wanted[slug], held[slug]["holdout"]) for slug in sorted(held) if slug in wanted),
        without_comparison=tuple(slug for slug, one in wanted.items() if holds_out(one) and slug not in held),
    )


def _counts(decision: Decision, promise: Promise, today: date) -> bool:
    """An extension is no verdict yet, and one before the first day belongs to an earlier life of the promise."""
    extends = decision.final_verdict is Verdict.EXTEND
    return not extends and promise.experiment.calendar.first_day <= decision.as_of <= today


def outcome(promise: Promise, life: Life, decision: Decision | None) -> Outcome:
    """One experiment's row."""
    experiment = promise.experiment
    signature = decision.signature if decision else None
    judged = decision.as_of if decision else None
    signed_on = signature.signed_on if signature else None
    return Outcome(
        slug=promise.slug,
        title=experiment.title,
        labels=labels_of(promise),
        first_day=experiment.calendar.first_day,
        started=_started(promise, life),
        recommended=decision.verdict if decision else None,
        signed=signature.verdict if signature else None,
        overridden=bool(decision and decision.overridden),
        segment=decision.final_segment if decision else "",
        judged_on=judged,
        decided_on=judged if signature and experiment.replay else signed_on,
    )


def _started(promise: Promise, life: Life) -> bool:
    if life.stage is Stage.RETIRED:
        return life.since is not None and life.since >= promise.experiment.calendar.first_day
    return life.stage not in NOT_STARTED


def months(outcomes: Iterable[Outcome]) -> tuple[Month, ...]:
    """Months in which an experiment started or was decided, in order; the others are left out."""
    started: Counter[date] = Counter()
    decided: Counter[date] = Counter()
    for one in outcomes:
        if one.started:
            started[one.first_day.replace(day=1)] += 1
        if one.decided_on is not None:
            decided[one.decided_on.replace(day=1)] += 1
    return tuple(
        Month(first=first, started=started[first], decided=decided[first]) for first in sorted(started | decided)
    )


def verdict_rows(outcomes: Sequence[Outcome]) -> tuple[VerdictRow, ...]:
    """Verdicts that were recommended or signed, in the order of their precedence."""
    rows = []
    for verdict in Verdict:
        here = [one for one in outcomes if one.recommended is verdict]
        signed = sum(one.signed is verdict for one in outcomes)
        overridden = sum(one.overridden for one in here)
        waiting = sum(one.signed is None for one in here)
        if here or signed:
            rows.append(
                VerdictRow(
                    verdict=verdict,
                    recommended=len(here),
                    agreed=len(here) - overridden - waiting,
                    overridden=overridden,
                    waiting=waiting,
                    signed=signed,
                )
            )
    return tuple(rows)


def win_rate(outcomes: Iterable[Outcome]) -> WinRate | None:
    """None while nothing that could win is signed."""
    signed = [one.signed for one in outcomes if one.signed not in (None, Verdict.INVALID)]
    if not signed:
        return None
    wins = sum(verdict in WINS for verdict in signed)
    interval = wilson_interval(wins, len(signed), LEVEL)
    return WinRate(
        wins=wins,
        decided=len(signed),
        share=wins / len(signed),
        lower=float(interval.lower),
        upper=float(interval.upper),
    )


def times(outcomes: Iterable[Outcome]) -> Times | None:
    """None while nothing is decided."""
    known = sorted((one.days, one.slug, one) for one in outcomes if one.days is not None)
    if not known:
        return None
    return Times(
        experiments=len(known),
        median=median(days for days, _, _ in known),
        shortest=known[0][2],
        longest=known[-1][2],
    )


def _returns(
    promises: Mapping[str, Promise], decisions: Mapping[str, Decision], briefs: Mapping[str, Mapping[str, Brief]]
) -> tuple[Returned, ...]:
    """What was signed to be shipped, latest first."""
    shipped = [one for one in decisions.values() if one.signature and one.final_verdict in WINS]
    ordered = sorted(shipped, key=lambda one: (one.as_of, one.experiment), reverse=True)
    return tuple(returned(promises[one.experiment], one, briefs.get(one.experiment, {})) for one in ordered)
