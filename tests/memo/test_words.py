"""Numbers become words in one way only."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.memo.scenes import metric
from trialflow.memo import words
from trialflow.memo.words import MINUS
from trialflow.spec.experiment import Amount
from trialflow.spec.metric import Ranked


def test_a_negative_number_has_a_real_minus_sign_and_zero_has_none() -> None:
    assert words.fixed(-1234.5, 1) == f"{MINUS}1,234.5"
    assert words.fixed(-0.001, 2) == "0.00"
    assert words.signed(0.0004, 3) == "0.000"
    assert words.signed(0.4, 1) == "+0.4"


def test_an_estimate_is_no_finer_than_its_interval() -> None:
    share = words.scale_of(metric("conversion", "proportion"), "user_id")
    assert share.effect(-0.0082013, share.decimals(-0.013282, -0.00312)) == f"{MINUS}0.82 percentage points"
    money = words.scale_of(metric("revenue", "mean", "EUR"), "user_id")
    assert money.effect(12.34, money.decimals(-40.0, 60.0)) == "+12 EUR"


def test_only_proportions_and_shares_become_percent() -> None:
    assert words.scale_of(metric("back", "retention"), "user_id").value(0.19, 1) == "19.0%"
    assert words.scale_of(metric("ctr", "ratio", "share"), "user_id").effect(0.01, 1) == "+1.0 percentage points"
    assert words.scale_of(metric("visits", "count"), "user_id").value(2.0, 1) == "2.0 per user"


def test_a_p_value_is_never_zero_and_never_rounds_to_one() -> None:
    assert words.p_value(0.0086) == "p = 0.0086"
    assert words.p_value(1e-12) == "p < 0.0001"
    assert words.p_value(0.0) == "p < 0.0001"
    assert words.p_value(0.998) == "p = 0.998"
    assert words.p_value(None) == "p not available"


def test_an_open_interval_is_said_so() -> None:
    plain = words.scale_of(metric("visits", "count"), "user_id")
    assert plain.span(-math.inf, 2.0, 1) == "at most +2.0"
    assert plain.span(None, None, 1) == "not available"
    assert words.relative_span(None, None, 1) == "unbounded"
    assert words.relative_span(0.1, math.inf, 0) == "at least +10%"


def test_a_sentence_keeps_the_spelling_of_names() -> None:
    assert words.sentence("retention_7 fell") == "retention_7 fell."
    assert words.sentence("conversion: not crossed.") == "conversion: not crossed."
    assert words.sentence("the split is fine") == "The split is fine."
    assert words.sentence("  ") == ""


def test_a_sentence_writes_days_out_and_leaves_what_is_no_day() -> None:
    assert words.sentence("paused until 2026-02-28") == "Paused until 28 February 2026."
    assert words.sentence("paused until 2026-02-30") == "Paused until 2026-02-30."
    assert words.sentence("from 0000-01-01 to 2026-01-02") == "From 0000-01-01 to 2 January 2026."


def test_a_metric_without_a_unit_is_one_of_what_it_ranks() -> None:
    latency = metric("latency", "quantile").model_copy(update={"unit": "", "ranked": Ranked.UNITS})
    assert words.scale_of(latency, "user_id").effect_unit == "per user"
    by_event = latency.model_copy(update={"ranked": Ranked.EVENTS})
    assert words.scale_of(by_event, "user_id").effect_unit == "per event"


def test_a_promised_size_says_of_what() -> None:
    share = words.scale_of(metric("conversion", "proportion"), "user_id")
    assert words.amount(Amount(relative=0.02), share) == "2% of the control value"
    assert words.amount(Amount(absolute=0.01), share) == "1 percentage point"
    assert words.amount(Amount(absolute=0.005), share) == "0.5 percentage points"


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2014, 3, 1), date(2014, 3, 14), "1 to 14 March 2014"),
        (date(2014, 3, 31), date(2014, 4, 1), "31 March to 1 April 2014"),
        (date(2014, 12, 31), date(2015, 1, 1), "31 December 2014 to 1 January 2015"),
        (date(2014, 3, 1), date(2014, 3, 1), "1 March 2014"),
    ],
)
def test_a_period_names_each_month_and_year_once(first: date, last: date, text: str) -> None:
    assert words.period(first, last) == text


@given(st.floats(min_value=-1e9, max_value=1e9), st.integers(min_value=0, max_value=6))
def test_a_written_number_reads_back_within_its_last_digit(value: float, decimals: int) -> None:
    read = float(words.fixed(value, decimals).replace(",", "").replace(MINUS, "-"))
    assert abs(read - value) <= 0.5000001 * 10.0**-decimals


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_a_spread_shows_two_significant_digits(spread: float) -> None:
    digits = words.fixed(spread, words.decimals_for(spread)).replace(",", "").replace(".", "").lstrip("0")
    assert len(digits) >= 2
