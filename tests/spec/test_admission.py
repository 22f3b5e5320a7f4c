"""The door: form, names and rules speak together."""

from __future__ import annotations

from datetime import date

import pytest

from tests.spec.documents import EXPERIMENT, TODAY, catalog, changed
from trialflow.errors import Problem, PromiseError
from trialflow.spec.admission import admit
from trialflow.spec.fingerprint import fingerprint


def refused(text: str, slug: str | None = None) -> dict[str, Problem]:
    with pytest.raises(PromiseError) as caught:
        admit(text, "x.yaml", catalog=catalog(), today=TODAY, slug=slug)
    return {problem.field: problem for problem in caught.value.problems}


def test_a_good_promise_comes_in_with_its_metrics_and_sources() -> None:
    promise = admit(EXPERIMENT, "x.yaml", catalog=catalog(), today=TODAY, slug="search-ranker-v2")
    assert promise.slug == "search-ranker-v2"
    assert fingerprint(promise) == fingerprint(catalog().promise(promise.experiment))


def test_errors_of_form_names_and_rules_come_together_with_their_lines() -> None:
    text = changed(
        EXPERIMENT,
        {
            "titel": "x",
            "analysis.alpha": "5%",
            "metrics.secondary": ["purchase_rat"],
            "calendar.last_day": "2026-03-28",
            "analysis.stopping.looks": [15],
        },
    )
    found = refused(text)
    assert set(found) == {
        "titel",
        "analysis.alpha",
        "metrics.secondary.0",
        "calendar.last_day",
        "analysis.stopping.looks.0",
    }
    lines = text.splitlines()
    place = int(found["calendar.last_day"].where.rpartition(":")[2])
    assert lines[place - 1].strip().startswith("last_day:")


def test_an_unknown_name_does_not_silence_the_rules() -> None:
    found = refused(changed(EXPERIMENT, {"source": "shop_event", "variants.0.weight": 0.4}))
    assert set(found) == {"source", "variants"}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        # Without the misspelt policy, the looks would seem to belong to no policy.
        ({"analysis.stopping.policy": "group-sequential"}, {"analysis.stopping.policy"}),
        # With replay unreadable, the calendar would seem to lie in the past.
        ({"replay": "ture", "calendar.first_day": "2025-03-03", "calendar.last_day": "2025-03-30"}, {"replay"}),
        ({"reply": True, "calendar.first_day": "2025-03-03", "calendar.last_day": "2025-03-30"}, {"reply"}),
        ({"calendar.maturity_days": ..., "calendar.maturity_day": 6}, {"calendar.maturity_day"}),
        ({"metrics.primary.minimum_effect": {"relativ": 0.02}}, {"metrics.primary.minimum_effect.relativ"}),
        ({"source": ...}, {"source"}),
    ],
)
def test_a_rule_about_a_faulty_field_stays_silent(changes: dict[str, object], fields: set[str]) -> None:
    assert set(refused(changed(EXPERIMENT, changes))) == fields


def test_a_document_that_cannot_be_mended_still_tells_its_errors_of_form() -> None:
    assert set(refused(changed(EXPERIMENT, {"calendar.first_day": "soon"}))) == {"calendar.first_day"}


def test_a_promise_with_a_faulty_field_never_comes_in_mended() -> None:
    assert set(refused(changed(EXPERIMENT, {"titel": "x"}))) == {"titel"}


def test_the_slug_is_the_file_s_name() -> None:
    found = refused(EXPERIMENT, slug="search-ranker")
    assert found["slug"].message == "is not the file's name"
    assert "search-ranker-v2.yaml" in found["slug"].cure


def test_an_amendment_may_keep_a_first_day_that_has_passed() -> None:
    first = date(2026, 3, 2)
    later = date(2026, 3, 10)
    text = changed(EXPERIMENT, {"calendar.last_day": "2026-04-05"})
    assert admit(text, "x.yaml", catalog=catalog(), today=later, registered_first_day=first).slug == "search-ranker-v2"
    with pytest.raises(PromiseError, match="not in the future"):
        admit(text, "x.yaml", catalog=catalog(), today=later)
