"""How a verdict came about, row by row: what each rule asks for, what the findings answer, and where the reading stops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from trialflow.checks.finding import Finding
from trialflow.decision.facts import Facts, facts, missing_evidence
from trialflow.decision.rules import NOT, QUESTIONS, RULES, Rule, alternatives, holds
from trialflow.decision.weigh import weigh_facts
from trialflow.errors import Problem, ProblemsError
from trialflow.spec.promise import Promise
from trialflow.spec.translation import did_you_mean

ANSWERS = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A rule, whether it applies, and whether it is the first that does (then it gives the verdict)."""

    rule: Rule
    applies: bool
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One treatment: its answers, those that were supposed rather than found, and the table as it was read."""

    facts: Facts
    supposed: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def rule(self) -> Rule:
        """The row that gives the verdict."""
        return next(row.rule for row in self.rows if row.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Every treatment, and the one whose verdict stands for the experiment."""

    judged: tuple[Judged, ...]
    named: str


def parsed_suppositions(texts: Sequence[str]) -> dict[str, bool]:
    """Answers to suppose, from `question=yes` or `question=no`. Raises ProblemsError with all that are wrong."""
    split = [text.partition("=") for text in texts]
    problems = [
        Problem(where="--what-if", field=name, value=answer or "nothing", message=message, cure=cure)
        for name, _, answer in split
        for message, cure in _wrong(name, answer)
    ]
    if problems:
        raise ProblemsError(problems)
    return {name: ANSWERS[answer] for name, _, answer in split}


def _wrong(name: str, answer: str) -> Iterator[tuple[str, str]]:
    if name not in QUESTIONS:
        yield "is no question of the rules", did_you_mean(name, QUESTIONS)
    if answer not in ANSWERS:
        yield "is no answer", f"write {name}=yes or {name}=no"


def explain(
    promise: Promise, findings: Mapping[str, Finding], supposed: Mapping[str, bool] | None = None
) -> Explanation:
    """Read the table for every treatment, with some answers supposed to be other than the findings give them."""
    given = dict(supposed or {})
    found = [facts(promise, findings, variant.name) for variant in promise.experiment.treatments]
    answers = [replace(one, **given) for one in found]  # type: ignore[arg-type] # names were checked at the door
    named, _ = weigh_facts(answers)
    return Explanation(judged=tuple(_judged(one, tuple(given)) for one in answers), named=named.variant)


def _judged(one: Facts, supposed: tuple[str, ...]) -> Judged:
    applying = [rule.applies(one) for rule in RULES]
    first = applying.index(True)
    rows = (Row(rule=rule, applies=applying[n], first=n == first) for n, rule in enumerate(RULES))
    return Judged(facts=one, supposed=supposed, rows=tuple(rows))


def told(promise: Promise, findings: Mapping[str, Finding], explanation: Explanation) -> Iterator[str]:
    """An explanation as lines for a terminal."""
    for one in explanation.judged:
        mark = " (its verdict stands for the experiment)" if one.facts.variant == explanation.named else ""
        yield f"{one.facts.variant}{mark}"
        yield from _answers(promise, findings, one)
        yield ""
        yield from _table(one)
        yield ""


def _answers(promise: Promise, findings: Mapping[str, Finding], one: Judged) -> Iterator[str]:
    yield "  What the findings answer"
    width = max(len(question.text) for question in QUESTIONS.values())
    for name, question in QUESTIONS.items():
        answer = "yes" if holds(one.facts, name) else "no"
        ground = "supposed" if name in one.supposed else _ground(promise, findings, name, question.check)
        yield f"    {question.text:<{width}}  {answer:<3}  {ground}"


def _ground(promise: Promise, findings: Mapping[str, Finding], name: str, check: str) -> str:
    """The finding an answer rests on, or that there is none."""
    if name == "evidence_missing":
        missing = missing_evidence(promise, findings)
        return f"missing: {', '.join(missing)}" if missing else "everything required is there"
    finding = findings.get(check)
    if finding is None:
        return f"{check}: no finding"
    return f"{check} {finding.status.value}, finding {finding.fingerprint}: {finding.headline}"


def _table(one: Judged) -> Iterator[str]:
    yield "  The rules, from the top; the first that applies gives the verdict"
    reached = False
    for number, row in enumerate(one.rows, start=1):
        verdict = f"{row.rule.verdict.value}{f' ({row.rule.hold_reason.value})' if row.rule.hold_reason else ''}"
        mark = "=>" if row.first else "  "
        state = "applies" if row.applies else "no"
        state = f"{state}, not reached" if reached else state
        yield f"  {mark} {number:>2} {verdict:<43} {state:<20} {_conditions(one.facts, row.rule)}"
        reached = reached or row.first


def _conditions(answers: Facts, rule: Rule) -> str:
    """What a row asks for, each with + where it holds and - where it does not."""
    if not rule.when:
        return "whatever is left"
    return ", ".join(
        " or ".join(f"{'+' if holds(answers, name) else '-'}{_shown(name)}" for name in alternatives(wanted))
        for wanted in rule.when
    )


def _shown(answer: str) -> str:
    words = answer.removeprefix(NOT).replace("_", " ")
    return f"not {words}" if answer.startswith(NOT) else words
