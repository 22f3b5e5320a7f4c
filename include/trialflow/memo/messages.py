"""Short messages: an alert when a status changes, and one line a day for every experiment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

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


def digest(lines: Sequence[str], *, as_of: date) -> Memo:
    """The daily digest: one line per experiment, one message for the whole team."""
    return Memo(
        experiment="",
        as_of=as_of,
        title=f"Experiments on {day(as_of)}",
        verdict="DIGEST",
        summary=f"{counted(len(lines), 'experiment')} in the digest; intervals may be read on any day.",
        labels=(),
        sections=(Section(title="Experiments", points=tuple(lines), essential=True),),
        provenance={},
    )
