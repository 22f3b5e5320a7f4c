"""The wording rules: what no text of a memo says, and what it never leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trialflow.memo.memo import Memo

FORBIDDEN = {
    "p read as a chance": r"% (chance|probability|likelihood|certain|sure)",
    "an effect has no probability": r"(chance|probability|likely) (that )?(the )?(effect|result|difference|variant)",
    "random result": r"(due to|result of|because of) (random )?chance|is random\b",
    "absence claimed": r"\b(has|had|have|there (is|was)) no (effect|difference|impact)\b",
    "absence implied": r"\bno (significant )?effect\b(?! (worth having|can be read|may be read))",
    "drifting towards": r"trending|trend towards|approach(es|ing) significance|almost significant|nearly significant",
    "proof": r"\bprov(e|es|en|ed|ing)\b|\bproof\b",
    "confidence as belief": r"% confiden(t|ce)\b|we (are|can be) (confident|sure)",
    "winner": r"\bwinner\b|\bwinning\b|\bbeats?\b",
    "bare significance": r"\b(in)?significant(ly)?\b",
    "percent of a share": r"% points\b|percent points",
}  # fmt: skip

UNIT = re.compile(r"percentage points|[a-zA-Z]{2,}")
NUMBER = re.compile(r"\d")


def broken_rules(text: str) -> list[str]:
    """Every forbidden phrase in a text, with the rule it breaks."""
    found = ((rule, re.search(pattern, text, re.IGNORECASE)) for rule, pattern in FORBIDDEN.items())
    return [f"{rule}: {match.group(0)}" for rule, match in found if match]


def left_out(memo: Memo) -> Iterator[str]:
    """What a decision memo owes its reader and does not say: looks, units of effects, intervals beside estimates."""
    if not NUMBER.search(memo.highlights.get("Looks", "")):
        yield "how often it was looked at"
    for name, value in memo.highlights.items():
        if name.startswith("Effect on") and not (UNIT.search(value.partition("(")[0]) and "interval" in value):
            yield f"unit or interval of {name}"
    for section in memo.sections:
        for table in section.tables:
            if "Effect" not in table.columns:
                continue
            if not any("nterval" in column for column in table.columns):
                yield f"the interval in {table.caption}"
            at = table.columns.index("Effect")
            for row in table.rows:
                if NUMBER.search(row[at]) and not UNIT.search(row[at]):
                    yield f"the unit of {row[at]} in {table.caption}"
