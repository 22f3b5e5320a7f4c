"""The rules of a verdict as a ladder, drawn from the table that the code reads.

    python docs/figures/verdicts.py                   # draw ../pictures/verdicts.svg

Needs nothing but Trialflow itself. A test holds the picture to the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "include"))

from trialflow.decision.rules import NOT, QUESTIONS, RULES, SOUND, Rule, alternatives  # noqa: E402
from trialflow.decision.verdict import HoldReason, Verdict  # noqa: E402

PICTURE = HERE.parent / "pictures" / "verdicts.svg"

WIDTH, ROW, TOP = 1000, 58, 84
TEXT_X, VERDICT_X, VERDICT_WIDTH, SIGN_X = 64, 504, 196, 722

WORDS = {
    "split_broken": ("the split is broken", "the split is sound"),
    "harm_shown": ("harm is shown at its own boundary", "no harm is shown"),
    "benefit_shown": ("the benefit is shown for all", "not shown for all"),
    "segment_shown": ("shown in a promised segment", "in no segment"),
    "guardrails_shown": ("every guardrail holds", "a guardrail is not shown to hold"),
    "novelty_unexplained": ("the effect fades unexplained", "no unexplained fading"),
    "evidence_missing": ("required evidence is missing", "all evidence there"),
    "information_short": ("information is short, days are left", "information is reached"),
    "worthwhile_excluded": ("an effect worth having is excluded", "not excluded"),
}
"""Answer → in words, and what its opposite is called."""

# Okabe & Ito's colours, told apart by everybody; the verdict is written out as well.
COLOURS = {
    Verdict.INVALID: "#555555",
    Verdict.ROLLBACK: "#b3440a",
    Verdict.SHIP: "#00735a",
    Verdict.PARTIAL: "#00608f",
    Verdict.EXTEND: "#7d4a6d",
    Verdict.HOLD: "#7a5f00",
}
INSTEAD = {
    Verdict.INVALID: "only confirmed",
    Verdict.ROLLBACK: "SHIP, PARTIAL†, HOLD, INVALID",
    Verdict.SHIP: "PARTIAL†, HOLD, ROLLBACK, INVALID",
    Verdict.PARTIAL: "SHIP, HOLD, ROLLBACK, INVALID",
    Verdict.EXTEND: "nobody is asked",
}
INSTEAD_OF_HOLD = {
    HoldReason.EVIDENCE_MISSING: "ROLLBACK, INVALID",
    HoldReason.NOVELTY: "SHIP, PARTIAL†, ROLLBACK, INVALID",
    HoldReason.GUARDRAIL: "SHIP, PARTIAL†, ROLLBACK, INVALID",
    HoldReason.NO_WORTHWHILE_EFFECT: "SHIP, ROLLBACK, INVALID",
    HoldReason.INCONCLUSIVE: "SHIP, ROLLBACK, INVALID",
}
NOTES = (
    "* every guardrail holds, no unexplained fading, no evidence missing.   † where a promised segment shows it.",
    "Each treatment is read alone; the highest row that any of them reaches stands for the experiment.",
)

STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1b2530; }
.small { font-size: 12px; fill: #5b6875; }
.head { font-weight: 600; }
.verdict { fill: #ffffff; font-weight: 600; }
.reason { fill: #ffffff; font-size: 11px; }
.line { stroke: #8794a1; stroke-width: 1.5; fill: none; }
.row { fill: #f4f6f8; }
.paper { fill: #ffffff; }
.tip { fill: #8794a1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6ebf0; } .small { fill: #9fabb7; } .row { fill: #1d252d; } .paper { fill: #12181e; }
  .verdict, .reason { fill: #ffffff; }
}
"""


def svg() -> str:
    """The picture as SVG text."""
    height = TOP + ROW * len(RULES) + 56
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_label()}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        _text(24, 36, "Read from the top: the first row that applies gives the verdict", "head"),
        _text(TEXT_X, 68, "what the findings show, and which", "small"),
        _text(VERDICT_X, 68, "recommended", "small"),
        _text(SIGN_X, 68, "what may be signed instead, with a reason", "small"),
        *(part for number, rule in enumerate(RULES) for part in _row(number, rule)),
        *(_text(TEXT_X, height - 38 + 20 * n, note, "small") for n, note in enumerate(NOTES)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _row(number: int, rule: Rule) -> Iterator[str]:
    y = TOP + ROW * number
    middle = y + ROW // 2 - 4
    first, second = _conditions(rule)
    yield f'<rect class="row" x="16" y="{y}" width="{WIDTH - 32}" height="{ROW - 8}" rx="6"/>'
    if number < len(RULES) - 1:
        yield f'<path class="line" d="M36 {y + ROW - 8} v8"/>'
    yield _text(36, middle + 5, str(number + 1), "small", anchor="middle")
    yield _text(TEXT_X, middle - 4, first)
    yield _text(TEXT_X, middle + 14, second, "small")
    yield f'<path class="line" d="M{VERDICT_X - 26} {middle} h16"/>'
    tip = f"M{VERDICT_X - 4} {middle} l-9 -5 v10 z"
    yield f'<path class="tip" d="{tip}"/>'
    colour = COLOURS[rule.verdict]
    yield f'<rect x="{VERDICT_X}" y="{y + 6}" width="{VERDICT_WIDTH}" height="{ROW - 20}" rx="6" fill="{colour}"/>'
    centre = VERDICT_X + VERDICT_WIDTH // 2
    if rule.hold_reason:
        yield _text(centre, middle - 2, rule.verdict.value, "verdict", anchor="middle")
        yield _text(centre, middle + 12, rule.hold_reason.value, "reason", anchor="middle")
    else:
        yield _text(centre, middle + 5, rule.verdict.value, "verdict", anchor="middle")
    instead = INSTEAD_OF_HOLD[rule.hold_reason] if rule.hold_reason else INSTEAD[rule.verdict]
    yield _text(SIGN_X, middle + 5, instead, "small")


def _conditions(rule: Rule) -> tuple[str, str]:
    """What a row asks for, in words, and the findings that answer."""
    plain = [wanted for wanted in rule.when if wanted not in SOUND or rule.verdict is Verdict.HOLD]
    said = [" or ".join(_words(answer) for answer in alternatives(wanted)) for wanted in plain]
    if len(plain) < len(rule.when):
        said.append("sound*")
    asked = [answer.removeprefix(NOT) for wanted in rule.when for answer in alternatives(wanted)]
    checks = list(dict.fromkeys(QUESTIONS[name].check for name in asked)) or list(rule.checks)
    if rule.hold_reason is HoldReason.EVIDENCE_MISSING:
        checks = ["the checks that are missing"]
    return _shortened(said) if said else "whatever is left", f"findings: {', '.join(checks)}"


def _shortened(said: list[str]) -> str:
    """A benefit anywhere needs fewer words than its two places."""
    anywhere = " or ".join(WORDS[name][0] for name in ("benefit_shown", "segment_shown"))
    return ", ".join("a benefit is shown" if one == anywhere else one for one in said)


def _words(answer: str) -> str:
    yes, no = WORDS[answer.removeprefix(NOT)]
    return no if answer.startswith(NOT) else yes


def _label() -> str:
    return escape(
        "; ".join(f"{n}. {rule.verdict.value} when {_conditions(rule)[0]}" for n, rule in enumerate(RULES, 1))
    )


def _text(x: int, y: int, text: str, style: str = "", *, anchor: str = "start") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{named}>{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
    print(PICTURE)
