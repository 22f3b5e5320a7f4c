"""What the demo answers when it is asked to sign: most verdicts as recommended, one otherwise, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trialflow.decision import Verdict

WAITS_FOR_YOU = "udacity_free_trial"
"""The experiment that a demo which stays up leaves for its user to sign."""

REASONS: Mapping[Verdict, str] = {
    Verdict.SHIP: "The promised rule is met, and no guardrail stands against it.",
    Verdict.PARTIAL: "Shown where it was promised to be looked for, and nowhere else: so it goes there and nowhere else.",
    Verdict.HOLD: "The promised rule is not met. What is not shown is not shipped.",
    Verdict.ROLLBACK: "The harm is larger than we are willing to buy anything with.",
    Verdict.INVALID: "Nothing can be read from a broken split. We mend the cause and begin anew.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A prepared answer: `instead` is the verdict to sign where it is not the recommended one."""

    rationale: str = ""
    follow_ups: tuple[str, ...] = ()
    instead: Verdict | None = None

    def option(self, options: Sequence[str]) -> str:
        """The option to choose: the recommended one stands first."""
        wanted = (one for one in options if self.instead and one.split()[0] == self.instead)
        return next(wanted, options[0])

    def form(self, options: Sequence[str]) -> dict[str, str]:
        """The fields of the form, but for those that stay as they were shown."""
        verdict = Verdict(self.option(options).split()[0])
        return {"rationale": self.rationale or REASONS[verdict], "follow_ups": "\n".join(self.follow_ups)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """A question that waits in Airflow: which recommendation is asked about, in which run, and what may be chosen."""

    run: str
    recommendation: str
    options: tuple[str, ...]
    form: Mapping[str, str] = field(default_factory=dict)


ANSWERS: Mapping[str, Answer] = {
    "cookie_cats": Answer(
        rationale="Players who meet the gate at level 40 come back less often. The gate stays at level 30.",
        follow_ups=("Ask why players stop at the gate; Player research; 2018-02-15",),
    ),
    "hillstrom": Answer(
        rationale="Both e-mails pay; the one about men's goods pays more.",
        follow_ups=(
            "Watch who unsubscribes for three mailings; Lifecycle marketing; 2008-06-30",
            "Test the women's mailing on women only; Lifecycle marketing; 2008-09-30",
        ),
    ),
    "udacity_free_trial": Answer(
        rationale="Fewer people begin a trial, and a loss of paying students is not excluded.",
        follow_ups=("Show the hours on the course page instead and test that; Course growth team; 2015-02-28",),
    ),
    "sim_cuped": Answer(
        instead=Verdict.HOLD,
        rationale="The benefit is shown, but until the new servers run serving it costs more than it brings.",
        follow_ups=(
            "Measure the serving cost on the new servers; Platform team; 2026-12-15",
            "Register the launch as a promise of its own when they run; Ranking team; 2027-01-31",
        ),
    ),
}
"""Slug → what is answered; any other experiment is signed as recommended, for the reason of its verdict."""


def answer_for(slug: str) -> Answer:
    """What the demo answers about an experiment."""
    return ANSWERS.get(slug, Answer())
