"""What people are told whose request is not answered: what, which value, and what to do, in plain words."""

from __future__ import annotations

import re

import pytest

from tests.ui.hostile import SIGNED
from tests.ui.test_access import PAGE


def told(answer) -> tuple[str, str, str, str]:
    """Heading, problem, advice, and where the last link leads."""
    main = re.search(r"<main.*?</main>", answer.text, flags=re.DOTALL)[0]
    heading, *sentences = re.findall(r"<(?:h1|p)[^>]*>(.*?)</(?:h1|p)>", main, flags=re.DOTALL)
    advice = sentences[1] if len(sentences) == 3 else ""
    return heading, sentences[0], advice, re.findall(r'href="([^"]+)"', main)[-1]


@pytest.mark.parametrize(
    ("address", "problem", "advice", "onward"),
    [
        ("/metrics/nobody", "There is no metric nobody", "Choose a metric from the list", "/trialflow/metrics/"),
        ("/assets/none.css", "There is no asset none.css", "load the page again", "/trialflow/experiments/"),
        ("/experiments/nobody", "nobody", "list of experiments", "/trialflow/experiments/"),
        (
            f"/experiments/{SIGNED}/findings/srm/2020-01-01",
            f"There is no finding srm of {SIGNED} for 2020-01-01",
            "list of experiments",
            "/trialflow/experiments/",
        ),
        ("/nowhere", "There is no page at /nowhere", "list of experiments", "/trialflow/experiments/"),
    ],
)
def test_what_is_not_there_is_named_with_a_way_on_that_fits(visit, shown, address, problem, advice, onward):
    answer = visit("viewer").get(address, headers=PAGE)
    heading, what, do, where = told(answer)
    assert answer.status_code == 404
    assert heading == "There is no such page"
    assert problem in what
    assert advice in do
    assert where == onward


@pytest.mark.parametrize(
    ("address", "problem", "onward"),
    [
        (f"/experiments/?q={'x' * 999}", f"q = {'x' * 59}… has 999 characters; at most 200 are read.", "experiments"),
        ("/portfolio/?data=some", "data = some is none of &#39;&#39;, &#39;all&#39; or &#39;real&#39;.", "portfolio"),
        ("/metrics/?show=few", "show = few is none of ", "metrics"),
        (f"/experiments/{SIGNED}?log=two", "log = two is not a whole number.", "experiments"),
        (f"/experiments/{SIGNED}?log=0", "log = 0 is less than 1.", "experiments"),
        (f"/experiments/{SIGNED}?log=99999", "log = 99999 is more than 10000.", "experiments"),
        (
            f"/experiments/{SIGNED}/findings/srm/someday",
            "as_of = someday is not a day written as YYYY-MM-DD.",
            "experiments",
        ),
        (f"/experiments/{SIGNED}/findings/srm/2026-01-18?revision=-1", "revision = -1 is less than 0.", "experiments"),
    ],
)
def test_what_cannot_be_asked_is_named_with_its_value(visit, shown, address, problem, onward):
    answer = visit("viewer").get(address, headers=PAGE)
    heading, what, do, where = told(answer)
    assert answer.status_code == 422
    assert heading == "This address asks for something that cannot be"
    assert what.startswith(problem)
    assert "Correct it in the address" in do
    assert where == f"/trialflow/{onward}/"
    assert not re.search(r"Input should|String should|Unprocessable|pydantic", answer.text)


def test_what_is_wrong_in_two_places_is_told_at_once(visit, shown):
    answer = visit("viewer").get(f"/experiments/?q={'x' * 201}&owner={'y' * 300}", headers=PAGE)
    assert "has 201 characters; at most 200 are read." in answer.text
    assert "has 300 characters; at most 200 are read." in answer.text


def test_a_null_character_is_refused_before_a_database_sees_it(visit, shown):
    for address in (
        "/experiments/?q=%00",
        "/experiments/a%00b",
        "/plan/?metric=%00",
        "/layers/?unknown=%00",
        "/assets/%00",
    ):
        answer = visit("viewer").get(address, headers=PAGE)
        assert answer.status_code == 400, address
        assert told(answer)[:2] == ("This address cannot be read", "It contains a null character (%00).")


def test_what_nobody_can_see_is_not_repeated(visit, shown):
    answer = visit("viewer").get("/metrics/", params={"show": "a\u202eb"}, headers=PAGE)
    assert "\u202e" not in answer.text
    assert "a�b" in answer.text


def test_who_may_not_register_is_told_whom_to_ask(visit, shown):
    answer = visit("viewer").post("/plan/check", data={"yaml": "slug: x\n"}, headers=PAGE)
    heading, what, do, where = told(answer)
    assert (answer.status_code, heading) == (403, "Your login does not allow this")
    assert "those who may register" in what
    assert "start runs of preregistration" in do
    assert where == "/trialflow/plan/"


def test_a_program_is_told_the_same_in_json(visit, shown):
    answer = visit("viewer").get("/metrics/nobody")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no metric nobody, neither in the files nor in a promise in force."}
