"""The portfolio: what experimenting gave, counted from verdicts, signatures and findings."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.fakes import FIRST
from tests.overview.outcomes import (
    LAST,
    TODAY,
    a_record,
    begin,
    compared,
    counted,
    decide,
    effects,
    one,
    shrunken,
    told,
)
from trialflow.decision import Verdict
from trialflow.overview.portfolio import Outcome, portfolio, win_rate
from trialflow.overview.reader import reader
from trialflow.registry import Registry

HOLDOUT = [{"name": "held", "role": "holdout", "weight": 0.1}, {"name": "new", "role": "treatment", "weight": 0.9}]


def shown(registry: Registry, *, real_only: bool = False):
    with reader(registry) as view:
        return portfolio(view, today=TODAY, real_only=real_only)


def decided(registry: Registry, slug: str, verdict: Verdict, *, signed: Verdict | None = None, **changes):
    promise = one(slug, **changes)
    begin(registry, promise)
    decide(registry, promise, verdict, signed=signed or verdict)


def test_months_count_first_days_and_signatures(tmp_path):
    with a_record(tmp_path) as registry:
        decided(registry, "early", Verdict.HOLD)
        begin(registry, one("late", first=date(2026, 5, 4)))
        months = shown(registry).months
    assert [(one.first, one.started, one.decided) for one in months] == [
        (date(2026, 3, 1), 1, 1),
        (date(2026, 5, 1), 1, 0),
    ]


def test_a_blocked_experiment_has_not_started(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("blocked"), validated=False)
        found = shown(registry)
    assert (found.started, found.months) == (0, ())


def test_recommended_and_signed_verdicts_stand_side_by_side(tmp_path):
    with a_record(tmp_path) as registry:
        decided(registry, "agreed", Verdict.SHIP)
        decided(registry, "overridden", Verdict.SHIP, signed=Verdict.HOLD)
        waiting = one("waiting")
        begin(registry, waiting)
        decide(registry, waiting, Verdict.SHIP)
        found = shown(registry)
    ship, hold = found.verdicts
    assert (ship.verdict, ship.recommended, ship.agreed, ship.overridden, ship.waiting, ship.signed) == (
        Verdict.SHIP,
        3,
        1,
        1,
        1,
        1,
    )
    assert (hold.verdict, hold.recommended, hold.signed) == (Verdict.HOLD, 0, 1)
    assert [one.slug for one in found.overridden] == ["overridden"]
    assert found.signed == 2


def test_an_overridden_ship_is_no_win_and_a_broken_experiment_no_chance_of_one(tmp_path):
    with a_record(tmp_path) as registry:
        decided(registry, "shipped", Verdict.SHIP)
        decided(registry, "partly", Verdict.PARTIAL)
        decided(registry, "overridden", Verdict.SHIP, signed=Verdict.HOLD)
        decided(registry, "harmful", Verdict.ROLLBACK)
        decided(registry, "broken", Verdict.INVALID)
        rate = shown(registry).win_rate
    assert rate is not None
    assert (rate.wins, rate.decided, rate.share) == (2, 4, 0.5)


def an_outcome(signed: Verdict) -> Outcome:
    return Outcome(
        slug="one",
        title="One",
        labels=(),
        first_day=FIRST,
        started=True,
        recommended=signed,
        signed=signed,
        overridden=False,
        segment="",
        judged_on=LAST,
        decided_on=LAST,
    )


@pytest.mark.parametrize(
    ("wins", "decided", "lower", "upper"), [(81, 263, 0.2553, 0.3662), (1, 29, 0.0061, 0.1718), (0, 20, 0.0, 0.1611)]
)
def test_the_win_rate_has_wilsons_interval(wins, decided, lower, upper):
    # Newcombe, Statist. Med. 17 (1998) 857-872, table I: the score method without continuity correction.
    outcomes = [an_outcome(Verdict.SHIP)] * wins + [an_outcome(Verdict.HOLD)] * (decided - wins)
    rate = win_rate(outcomes)
    assert rate is not None
    assert (round(rate.lower, 4), round(rate.upper, 4)) == (lower, upper)


def test_without_a_signature_there_is_no_win_rate_and_no_time(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("waiting")
        begin(registry, promise)
        decide(registry, promise, Verdict.SHIP)
        found = shown(registry)
    assert (found.win_rate, found.times, found.returns) == (None, None, ())


def test_an_extension_is_no_verdict(tmp_path):
    with a_record(tmp_path) as registry:
        decided(registry, "extended", Verdict.EXTEND)
        found = shown(registry)
    assert found.verdicts == ()
    assert found.signed == 0


def test_a_verdict_of_an_earlier_life_is_not_counted(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("begun-again")
        begin(registry, promise)
        decide(registry, promise, Verdict.HOLD, signed=Verdict.HOLD, as_of=FIRST - timedelta(days=7))
        found = shown(registry)
    assert found.signed == 0


def test_days_run_from_the_first_day_to_the_signature_both_included(tmp_path):
    with a_record(tmp_path) as registry:
        for slug, after in (("quick", 0), ("usual", 2), ("slow", 9)):
            promise = one(slug)
            begin(registry, promise)
            decide(registry, promise, Verdict.HOLD, signed=Verdict.HOLD, signed_on=LAST + timedelta(days=after))
        times = shown(registry).times
    assert times is not None
    assert (times.median, times.shortest.days, times.longest.days) == (30, 28, 37)
    assert (times.shortest.slug, times.longest.slug) == ("quick", "slow")


def test_a_replay_is_decided_on_the_day_that_was_judged(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("old", first=date(2008, 3, 3), replay=True)
        begin(registry, promise)
        decide(registry, promise, Verdict.SHIP, signed=Verdict.SHIP, signed_on=date(2026, 6, 1))
        found = shown(registry)
    assert found.outcomes[0].days == 28
    assert [one.first for one in found.months if one.decided] == [date(2008, 3, 1)]


def test_simulated_experiments_are_labelled_and_can_be_left_out_of_every_number(tmp_path):
    with a_record(tmp_path) as registry:
        decided(registry, "real", Verdict.HOLD)
        decided(registry, "imagined", Verdict.SHIP, simulated=True)
        everything, real = shown(registry), shown(registry, real_only=True)
    assert everything.shown_simulated == 1
    assert {one.slug: one.labels for one in everything.outcomes} == {"real": (), "imagined": ("simulated",)}
    assert everything.win_rate is not None
    assert everything.win_rate.wins == 1
    assert [one.slug for one in real.outcomes] == ["real"]
    assert real.win_rate is not None
    assert (real.win_rate.wins, real.win_rate.decided) == (0, 1)
    assert real.returns == ()
    assert (real.on_record, real.simulated) == (2, 1)


def shipped(registry: Registry, promise, *findings, segment: str = ""):
    begin(registry, promise)
    verdict = Verdict.PARTIAL if segment else Verdict.SHIP
    decide(registry, promise, verdict, signed=verdict, findings=findings, segment=segment)
    return shown(registry).returns[0]


def test_a_shipped_effect_stands_as_seen_and_shrunken(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("shipped")
        found = shipped(registry, promise, effects(promise), shrunken(promise))
    assert (found.naive.text, found.naive.span) == ("+0.100 per user", "95% interval +0.040 to +0.160")
    assert found.shrunken is not None
    assert (found.shrunken.text, found.shrunken.span) == ("+0.060 per user", "95% interval +0.010 to +0.110")
    assert found.shrunken.share == pytest.approx(0.06 / 2.0)
    assert found.seen is not None
    assert found.learnt is not None
    assert (found.seen.check, found.learnt.check) == ("effects", "shrinkage")


def test_the_effect_is_that_of_the_verdicts_day_whatever_came_later(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("shipped")
        later = effects(promise, compared(estimate=0.5, lower=0.4, upper=0.6), as_of=LAST + timedelta(days=3))
        found = shipped(registry, promise, effects(promise), shrunken(promise), later)
    assert found.naive.text == "+0.100 per user"
    assert found.seen is not None
    assert found.seen.as_of == LAST


def test_a_gain_on_a_metric_that_should_fall_points_to_the_good_side(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("faster", metrics={"primary": {"metric": "latency", "minimum_effect": {"absolute": 0.1}}})
        row = compared(
            "latency",
            direction="decrease",
            estimate=-0.1,
            lower=-0.16,
            upper=-0.04,
            relative_estimate=-0.05,
            relative_lower=-0.08,
            relative_upper=-0.02,
        )
        found = shipped(
            registry, promise, effects(promise, row), shrunken(promise, shrunken=-0.06, lower=-0.11, upper=-0.01)
        )
    assert (found.naive.share, found.naive.lower, found.naive.upper) == (0.05, 0.02, 0.08)
    assert found.shrunken is not None
    assert found.shrunken.lower is not None
    assert found.shrunken.upper is not None
    assert 0 < found.shrunken.lower < found.shrunken.upper


def test_a_partial_launch_shows_its_segment_and_is_not_shrunken(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("partly")
        row = compared(segment_dimension="country", segment_value="PL", estimate=0.2, lower=0.1, upper=0.3)
        others = compared(segment_dimension="country", segment_value="DE", estimate=0.0)
        segments = told(promise, "segments", {"comparisons": [others, row]})
        found = shipped(registry, promise, effects(promise), segments, shrunken(promise), segment="country = PL")
    assert (found.segment, found.naive.text) == ("country = PL", "+0.20 per user")
    assert found.shrunken is None
    assert "whole audience" in found.why_not


def test_where_nothing_was_learnt_the_finding_says_why(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("first")
        found = shipped(registry, promise, effects(promise), shrunken(promise, shrunken=None, lower=None, upper=None))
    assert (found.shrunken, found.why_not) == (None, "What shrinkage says.")


def test_a_holdout_stands_beside_the_sums_of_what_was_shipped(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("quarter", variants=HOLDOUT)
        evidence = {
            "comparisons": [compared()],
            "shipped": [
                {
                    "experiment": "shipped",
                    "naive": 0.3,
                    "estimate": 0.2,
                    "std_error": 0.05,
                    "shrunken": True,
                    "exposure": 0.5,
                }
            ],
            "shipped_sum": 0.1,
            "shipped_naive_sum": 0.15,
            "shipped_std_error": 0.025,
            "first_day": FIRST.isoformat(),
            "minimum_detectable_effect": 0.084,
            "gap": 0.0,
            "gap_lower": -0.08,
            "gap_upper": 0.08,
        }
        begin(registry, promise, [told(promise, "holdout", evidence)])
        found = shown(registry)
    (held,) = found.holdouts
    assert [(one.name, one.text) for one in held.sums] == [
        ("shipped, as seen", "+0.150 per user"),
        ("shipped, as counted", "+0.100 per user"),
        ("measured by the holdout", "+0.100 per user"),
    ]
    assert (held.sums[2].lower, held.sums[2].upper) == (0.04, 0.16)
    assert held.gap == "0.000 per user (−0.080 to +0.080)"
    assert held.shipped[0].counted == "+0.200 per user"
    assert found.without_comparison == ()


def test_a_holdout_without_a_number_says_so(tmp_path):
    with a_record(tmp_path) as registry:
        promise, waiting = one("quarter", variants=HOLDOUT), one("next", variants=HOLDOUT, layer="other")
        empty = {"comparisons": [], "shipped": [], "shipped_sum": 0.0, "shipped_naive_sum": 0.0, "first_day": None}
        begin(registry, promise, [told(promise, "holdout", empty)])
        begin(registry, waiting)
        found = shown(registry)
    assert [(held.slug, held.sums, held.gap) for held in found.holdouts] == [("quarter", (), "")]
    assert found.without_comparison == ("next",)


def test_an_empty_record_has_an_empty_portfolio(tmp_path):
    with a_record(tmp_path) as registry:
        found = shown(registry)
    assert (found.outcomes, found.months, found.verdicts, found.holdouts) == ((), (), (), ())


def test_the_page_asks_as_much_of_three_experiments_as_of_thirty(tmp_path):
    asked = {}
    with a_record(tmp_path) as registry:
        for count in (3, 30):
            for number in range(len(registry.slugs()), count):
                promise = one(f"one-{number}", layer=f"layer_{number}")
                begin(registry, promise)
                found = (effects(promise), shrunken(promise))
                decide(registry, promise, Verdict.SHIP, signed=Verdict.SHIP, findings=found)
            with counted() as sent:
                assert len(shown(registry).returns) == count
            asked[count] = len([text for text in sent if text.startswith("SELECT")])
    assert 0 < asked[3] <= 10
    assert asked[3] == asked[30]
