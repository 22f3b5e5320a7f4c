from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from trialflow.registry.looks import look_of, reevaluated, text_of
from trialflow.spec.look import Look, LookPurpose

numbers = st.floats(allow_nan=False)
looks = st.builds(
    Look,
    experiment=st.just("ranker"),
    variant=st.text(),
    metric=st.text(),
    purpose=st.sampled_from(LookPurpose),
    as_of=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    information=numbers,
    alpha_spent=numbers,
    boundary=numbers,
    z=numbers,
    crossed=st.booleans(),
    data_fingerprint=st.text(),
    revision=st.integers(0, 9),
)


@given(looks)
def test_a_look_comes_back_to_the_last_bit(look: Look) -> None:
    assert look_of(text_of(look)) == look


@given(looks, looks)
def test_a_reevaluation_keeps_information_boundary_and_alpha(recorded: Look, again: Look) -> None:
    revised = reevaluated(recorded, again)
    kept = (revised.information, revised.boundary, revised.alpha_spent, revised.as_of)
    assert kept == (recorded.information, recorded.boundary, recorded.alpha_spent, recorded.as_of)
    assert (revised.crossed, revised.data_fingerprint) == (again.crossed, again.data_fingerprint)
    assert revised.revision in (recorded.revision, recorded.revision + 1)


@given(looks)
def test_the_same_look_again_is_the_recorded_one(look: Look) -> None:
    assert reevaluated(look, look) is look
