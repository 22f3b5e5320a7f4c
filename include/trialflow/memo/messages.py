"""Short messages: an alert when a status changes, and one line a day for every experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.checks.finding import Finding, Status, worst
from trialflow.memo.build import labels, provenance
from trialflow.memo.evidence import Evidence
from trialflow.memo.memo import Memo, Section
from trialflow.memo.sections.effect import effect_text, primary_comparisons, scale
from trialflow.memo.sections.integrity import STATUS, allocation_chart, check_name
from trialflow.memo.words import counted, day, period, sentence
from trialflow.spec.promise import Promise

TROUBLE = (Status.FAIL, Status.NO_DATA, Status.WARN)


def alert(promise: Promise, finding: Finding, previous: Status | None = None, *, amendments: int = 0) -> Memo:
    """A change of one check's status: what it says, what it said before, and what to do.

    `amendments` counts those of the promise: whoever reads the alert must know that it is not the first promise.
    """
    name = check_name(finding.check)
    before = "there was none" if previous is None else STATUS[previous]
    step = sentence(finding.next_step) if finding.next_step else "Nothing needs to be done."
    evidence = Evidence.of([finding])
    chart = allocation_chart(promise, evidence) if finding.check == "srm" else None
    word = _word(finding.status, previous)
    return Memo(
        experiment=promise.slug,
        as_of=finding.as_of,
        title=f"{name}: {STATUS[finding.status]} ({promise.experiment.title})",
        verdict=word,
        summary=sentence(finding.headline),
        labels=labels(promise),
        highlights={
            "Status": STATUS[finding.status],
            "Before": before,
            "Day": day(finding.as_of),
            "Owner": promise.experiment.owner,
        },
        sections=(
            Section(
                title="Next step",
                paragraphs=(step, *_amended(amendments)),
                charts=(chart,) if chart else (),
                essential=True,
            ),
        ),
        provenance=provenance(promise, evidence, interval=period(promise.experiment.calendar.first_day, finding.as_of))
        | {"Finding": finding.fingerprint},
    )


def _amended(times: int) -> tuple[str, ...]:
    return (f"The promise was amended {'once' if times == 1 else f'{times} times'}.",) if times else ()


def _word(status: Status, previous: Status | None) -> str:
    if status in (Status.PASS, Status.NOT_APPLICABLE):
        return "RECOVERED" if previous in TROUBLE else "CLEAR"
    return {Status.FAIL: "ALERT", Status.NO_DATA: "NO DATA"}.get(status, "WARNING")


def digest_line(promise: Promise, findings: Sequence[Finding], *, as_of: date, stage: str = "") -> str:
    """One line of the daily digest: day, state of the checks and, where it may be read, the primary effect."""
    evidence = Evidence.of(findings)
    calendar = promise.experiment.calendar
    number = (as_of - calendar.first_day).days + 1
    where = (
        f"day {number} of {calendar.days}"
        if number <= calendar.days
        else f"{counted(number - calendar.days, 'day')} after enrolment"
    )
    parts = [
        f"{promise.slug}: {where}" + (f", {stage}" if stage else ""),
        _checks_text(evidence),
        *_effect_texts(promise, evidence),
    ]
    marks = labels(promise)
    return " · ".join(parts) + (f" [{', '.join(marks)}]" if marks else "")


def _checks_text(evidence: Evidence) -> str:
    if not evidence.findings:
        return "no findings yet"
    state = worst([finding.status for finding in evidence])
    names = [check_name(finding.check) for finding in evidence if finding.status is state and state in TROUBLE]
    return f"checks: {STATUS[state]}" + (f" ({', '.join(names)})" if names else "")


def _effect_texts(promise: Promise, evidence: Evidence) -> list[str]:
    """Effects of the primary metric; none under a broken split."""
    if evidence.status("srm") is Status.FAIL:
        return ["effects not shown"]
    return [
        f"{one.metric}, {one.variant}: {effect_text(one, scale(promise, one.metric))}"
        for one in primary_comparisons(promise, evidence)
        if one.estimate is not None and one.lower is not None
    ]


def digest(lines: Sequence[str], *, as_of: date, unsigned: Sequence[str] = (), not_posted: Sequence[str] = ()) -> Memo:
    """The daily digest: one line per experiment, what waits for a signature, and what Slack refused since the last one."""
    others = (
        ("Waiting for a signature", unsigned),
        ("Not posted: Slack refused these for good; the record has them", not_posted),
    )
    return Memo(
        experiment="",
        as_of=as_of,
        title=f"Experiments on {day(as_of)}",
        verdict="DIGEST",
        summary=f"{counted(len(lines), 'experiment')} in the digest; intervals may be read on any day.",
        labels=(),
        sections=tuple(
            Section(title=title, points=tuple(points), essential=True)
            for title, points in (("Experiments", lines), *others)
            if points
        ),
        provenance={},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLine:
    """An open follow-up in the weekly review; `reference` is what it is closed by."""

    experiment: str
    reference: str
    action: str
    owner: str
    due: date | None


SOON = timedelta(days=7)


def review(lines: Sequence[ReviewLine], *, as_of: date) -> Memo:
    """The weekly review: open follow-ups, those overdue first, then by the day they are due."""
    groups: dict[str, list[ReviewLine]] = {"Overdue": [], "Due within a week": [], "Later": [], "No day given": []}
    for line in sorted(lines, key=lambda one: (one.due or date.max, one.experiment, one.reference)):
        groups[_when(line.due, as_of)].append(line)
    late = len(groups["Overdue"])
    return Memo(
        experiment="",
        as_of=as_of,
        title=f"Open follow-ups on {day(as_of)}",
        verdict="REVIEW",
        summary=(
            f"{counted(len(lines), 'follow-up')} of signed decisions {'is' if len(lines) == 1 else 'are'} open, "
            f"{late or 'none'} of them overdue."
        ),
        labels=(),
        sections=tuple(
            Section(title=title, points=tuple(_review_text(line, as_of) for line in found), essential=True)
            for title, found in groups.items()
            if found
        ),
        provenance={},
    )


def _when(due: date | None, as_of: date) -> str:
    if due is None:
        return "No day given"
    return "Overdue" if due < as_of else "Due within a week" if due < as_of + SOON else "Later"


def _review_text(line: ReviewLine, as_of: date) -> str:
    late = f", {counted((as_of - line.due).days, 'day')} late" if line.due and line.due < as_of else ""
    due = f"due {day(line.due)}{late}" if line.due else "no day given"
    return f"{line.experiment}: {sentence(line.action)} {line.owner}, {due}. Close it as {line.reference}."
