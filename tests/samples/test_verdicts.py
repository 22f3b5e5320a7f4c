"""The verdict of every sample experiment, and the days on which its analysis fell due."""

from __future__ import annotations

import pytest

from trialflow.decision import HoldReason, Verdict

# Real ones as published figures make one expect, simulated ones as their known truth does. The dates of early verdicts
# are those of these very data; all others follow from the calendar.
EXPECTED = {
    "asos_162a38": [("2019-12-15", "HOLD", HoldReason.NO_WORTHWHILE_EFFECT, "", "")],
    "asos_2203f3": [("2019-12-15", "HOLD", HoldReason.INCONCLUSIVE, "", "")],
    "asos_fdaf62": [("2019-11-09", "SHIP", None, "treatment", "")],
    "cookie_cats": [("2018-01-01", "ROLLBACK", None, "gate_40", "")],
    "hillstrom": [("2008-03-20", "SHIP", None, "mens_email", "")],
    "open_bandit_men": [("2019-11-30", "SHIP", None, "thompson", "")],
    "open_bandit_women": [("2019-11-30", "HOLD", HoldReason.INCONCLUSIVE, "", "")],
    "sim_broken_split": [("2026-01-07", "INVALID", None, "", "")],
    "sim_cuped": [("2026-01-18", "SHIP", None, "treatment", "")],
    "sim_extend": [("2026-01-21", "EXTEND", None, "", ""), ("2026-01-28", "SHIP", None, "treatment", "")],
    "sim_guardrail_harm": [("2026-01-12", "ROLLBACK", None, "treatment", "")],
    "sim_lost_logs": [("2026-01-21", "HOLD", HoldReason.EVIDENCE_MISSING, "", "")],
    "sim_novelty": [("2026-01-21", "HOLD", HoldReason.NOVELTY, "", "")],
    "sim_partial": [("2026-01-21", "PARTIAL", None, "treatment", "country = PL")],
    "sim_ramp": [("2026-01-21", "SHIP", None, "treatment", "")],
    "udacity_free_trial": [("2014-11-16", "HOLD", HoldReason.GUARDRAIL, "", "")],
}


@pytest.mark.parametrize("slug", EXPECTED)
def test_a_sample_reaches_its_verdict(slug, life):
    found = [
        (one.as_of.isoformat(), one.verdict.value, one.hold_reason, one.variant, one.segment)
        for one in life(slug).decisions
    ]
    assert found == EXPECTED[slug]


def test_every_verdict_is_reached_by_some_sample():
    assert {verdict for lives in EXPECTED.values() for _, verdict, *_ in lives} == {one.value for one in Verdict}


def test_every_reason_to_hold_is_met_by_some_sample():
    assert {reason for lives in EXPECTED.values() for *_, reason, _, _ in lives if reason} == set(HoldReason)
