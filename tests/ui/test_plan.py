"""The planning page and its promise: for readers to look at, for those who may act to check, and for nobody to store."""

from __future__ import annotations

import hashlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from tests.stages.worlds import promise
from tests.ui.hostile import ATTRIBUTE, TAG, hostile
from trialflow.overview.plan_form import PlanForm
from trialflow.stages.workspace import Workspace
from trialflow_ui.render import ASSETS, environment

PAGE = {"Accept": "text/html"}
ASKED = {"metric": "views_3d", "effect": "20%", "basis": "hand", "mean": "2", "std_dev": "3", "traffic": "300"}
GUARDED = ASKED | {"guardrail_1": "complained_1d", "margin_1": "0.03", "margin_scale_1": "absolute"}
BY_HAND_1 = {"mean_1": "0.05", "std_dev_1": "0.22", "weeks": "3"}
AHEAD = {"calendar": {"first_day": "2999-01-07", "last_day": "2999-01-20"}}
BASELINES = {name: {"mean": 2.0, "std_dev": 1.0} for name in ("views_3d", "complained_1d", "revenue_3d")}


class Read(HTMLParser):
    """The text area's content, and each field with what describes it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.yaml, self.described, self.ids, self.forms = "", {}, set(), []
        self._within = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._within = given.get("id") == "yaml" or (self._within and tag != "textarea")
        if given.get("id"):
            self.ids.add(given["id"])
        if "aria-invalid" in given:
            self.described[given["name"]] = given["aria-describedby"]
        if tag == "form":
            self.forms.append((given.get("method", "get").lower(), given["action"]))

    def handle_endtag(self, tag):
        self._within = self._within and tag != "textarea"

    def handle_data(self, data):
        if self._within:
            self.yaml += data


class Folds(HTMLParser):
    """The folded parts of the form, open or not, and the names of its fields in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened, self.names = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "details" and given.get("class") == "fold":
            self.opened.append("open" in given)
        if tag in ("input", "select") and "name" in given:
            self.names.append(given["name"])


def bytes_of(workspace: Workspace) -> dict[Path, str]:
    """Every file of a workspace with what is in it; the record's own bookkeeping left out."""
    files = (path for path in workspace.home.parent.rglob("*") if path.is_file())
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.suffix not in (".db-shm", ".db-wal")
    }


def free_promise(**changes) -> str:
    """A promise that may be registered: far ahead, with a slug and a layer of its own."""
    return promise(slug="brand-new", layer="elsewhere", baselines=BASELINES, **{**AHEAD, **changes})


def test_an_empty_form_asks_for_a_metric_and_complains_of_nothing(visit, shown):
    answer = visit("viewer").get("/plan/", headers=PAGE)
    assert answer.status_code == 200
    assert "Choose a metric and an effect" in answer.text
    assert "aria-invalid" not in answer.text


def test_a_plan_shows_units_weeks_curve_and_guardrails_to_readers(visit, shown):
    answer = visit("viewer").get("/plan/", params=GUARDED, headers=PAGE)
    assert answer.status_code == 200
    for words in ("Units in all", "Calendar", "Cost of looking", "complained_1d", "effect-chart", "simulated"):
        assert words in answer.text, words


def test_every_fault_stands_beside_its_field(visit, shown):
    wrong = {
        "metric": "views_3d",
        "effect": "x",
        "alpha": "7",
        "weeks": "0",
        "guardrail_2": "nonsense",
        "margin_2": "y",
    }
    read = Read(visit("viewer").get("/plan/", params=wrong, headers=PAGE).text)
    assert {"effect", "alpha", "weeks", "guardrail_2", "margin_2"} <= set(read.described)
    assert set(read.described.values()) <= read.ids


@pytest.mark.parametrize(
    "name", [*(one for one in PlanForm.__slots__ if one != "guardrails"), "guardrail_1", "margin_1"]
)
def test_what_is_typed_never_becomes_a_part_of_the_page(visit, shown, name):
    answer = visit("viewer").get("/plan/", params=GUARDED | {name: hostile(name)}, headers=PAGE)
    assert answer.status_code == 200
    assert f"<{TAG}" not in answer.text
    assert f"{ATTRIBUTE}=" not in answer.text.replace("&#34;", '"').replace("&lt;", "").split("<main")[0]


def test_the_promise_of_a_plan_waits_for_its_words(visit, shown):
    read = Read(visit("admin").get("/plan/register", params=GUARDED, headers=PAGE).text)
    written = yaml.safe_load(read.yaml)
    assert written["metrics"]["primary"] == {"metric": "views_3d", "minimum_effect": {"relative": 0.2}}
    assert written["baselines"]["views_3d"] == {"mean": 2, "std_dev": 3}
    assert written["hypothesis"] == ""
    assert [(method, action.partition("?")[0]) for method, action in read.forms] == [("post", "/trialflow/plan/check")]


def test_readers_see_the_promise_and_are_offered_nothing_to_do(visit, shown):
    answer = visit("viewer").get("/plan/register", params=GUARDED, headers=PAGE)
    read = Read(answer.text)
    assert "views_3d" in read.yaml
    assert read.forms == []
    assert "may start runs" in answer.text
    assert "readonly" in answer.text


def test_a_check_lists_every_problem_with_field_and_cure(visit, shown):
    text = free_promise(owner=None, surprise=1, metrics={"primary": {"metric": "vews_3d"}})
    answer = visit("admin").post("/plan/check", data={"yaml": text}, headers=PAGE)
    assert answer.status_code == 200
    for words in ("things to mend", "owner", "surprise", "metrics.primary.metric", "did you mean views_3d?"):
        assert words in answer.text, words
    assert "data-register" not in answer.text
    assert Read(answer.text).yaml.strip() == text.strip()


def test_a_sound_promise_is_accepted_and_nothing_is_stored(visit, shown):
    before = bytes_of(shown)
    answer = visit("admin").post("/plan/check", data={"yaml": free_promise()}, headers=PAGE)
    assert "This promise can be registered" in answer.text, answer.text
    assert "data-register" in answer.text
    with shown.registry() as registry:
        assert "brand-new" not in registry.slugs()
    assert bytes_of(shown) == before


def test_only_those_who_may_register_may_check(visit, shown):
    for role, status in (("viewer", 403), ("", 401)):
        answer = visit(role).post("/plan/check", data={"yaml": free_promise()})
        assert answer.status_code == status
        assert "registered" not in answer.text


def test_words_from_the_fields_are_written_into_the_text(visit, shown):
    sent = {"yaml": free_promise(title=""), "word_title": "A: better #1", "was_word_title": ""}
    answer = visit("admin").post("/plan/check", data=sent, headers=PAGE)
    assert yaml.safe_load(Read(answer.text).yaml)["title"] == "A: better #1"
    assert "This promise can be registered" in answer.text


def test_a_field_as_it_was_shown_yields_to_the_text(visit, shown):
    sent = {"yaml": free_promise(title="By hand"), "word_title": "As shown", "was_word_title": "As shown"}
    answer = visit("admin").post("/plan/check", data=sent, headers=PAGE)
    assert yaml.safe_load(Read(answer.text).yaml)["title"] == "By hand"
    assert 'value="By hand"' in answer.text


def test_words_that_the_text_cannot_take_stay_in_their_fields(visit, shown):
    text = free_promise().replace("title:", "title: &t", 1) + "\nremark: *t\n"
    sent = {"yaml": text, "word_owner": "Ann", "was_word_owner": ""}
    answer = visit("admin").post("/plan/check", data=sent, headers=PAGE)
    assert "data-register" not in answer.text
    assert "cannot be written into this text" in answer.text
    assert Read(answer.text).yaml.strip() == text.strip()
    assert 'name="word_owner" value="Ann"' in answer.text
    assert 'name="was_word_owner" value="Ann"' not in answer.text


def test_words_that_are_wrong_are_told_beside_their_fields(visit, shown):
    answer = visit("admin").post("/plan/check", data={"yaml": free_promise(owner="", unit="")}, headers=PAGE)
    read = Read(answer.text)
    assert {"word_owner", "word_unit"} <= set(read.described)
    assert set(read.described.values()) <= read.ids
    assert 'href="#word_owner"' in answer.text


def test_words_never_become_a_part_of_the_page(visit, shown):
    sent = {"yaml": free_promise()} | {f"word_{name}": hostile(name) for name in ("slug", "title", "owner", "layer")}
    answer = visit("admin").post("/plan/check", params={"audience": hostile("audience")}, data=sent, headers=PAGE)
    assert answer.status_code == 200
    assert f"<{TAG}" not in answer.text


def test_words_that_repeat_are_offered_from_the_record(visit, shown):
    answer = visit("admin").get("/plan/register", params=GUARDED, headers=PAGE)
    assert 'list="offers-word_layer"' in answer.text
    assert '<option value="ranking">' in answer.text


def test_a_checked_page_leads_back_to_its_plan(visit, shown):
    answer = visit("admin").post("/plan/check", params=ASKED, data={"yaml": free_promise()}, headers=PAGE)
    assert "/trialflow/plan/?metric=views_3d" in answer.text
    again = visit("admin").get("/plan/check", params=ASKED, headers=PAGE)
    assert again.headers["location"].startswith("/trialflow/plan/register?metric=views_3d")


def test_what_is_not_feasible_stands_before_the_numbers_and_asks_twice(visit, shown):
    text = visit("admin").get("/plan/", params=GUARDED | {"margin_1": "0.001", **BY_HAND_1}, headers=PAGE).text
    assert text.index("Not feasible as it is") < text.index("Units in all")
    assert 'class="button quiet"' in text
    assert "Register it nevertheless" in text
    assert 'class="button"' not in text
    sound = visit("admin").get("/plan/", params=GUARDED | BY_HAND_1, headers=PAGE).text
    assert "Not feasible" not in sound
    assert "Register this" in sound


def test_the_form_begins_with_what_matters_and_opens_what_was_typed(visit, shown):
    viewer = visit("viewer")
    blank = Folds(viewer.get("/plan/", headers=PAGE).text)
    assert blank.opened == [False] * 4
    assert blank.names[:5] == ["metric", "effect", "scale", "audience", "policy"]
    typed = viewer.get("/plan/", params={"metric": "views_3d", "weeks": "3"}, headers=PAGE)
    assert Folds(typed.text).opened == [False, False, True, False]
    wrong = viewer.get("/plan/", params=ASKED | {"alpha": "7", "margin_2": "x", "guardrail_2": "no"}, headers=PAGE)
    assert Folds(wrong.text).opened == [True, True, False, True]
    assert '<a href="#alpha">Alpha</a>' in wrong.text


def test_an_audience_is_planned_for_and_kept_in_the_promise(visit, shown):
    asked = GUARDED | {"audience": "Visitors who search"}
    assert "audience: Visitors who search" in visit("viewer").get("/plan/", params=asked, headers=PAGE).text
    read = Read(visit("admin").get("/plan/register", params=asked, headers=PAGE).text)
    assert yaml.safe_load(read.yaml)["audience"] == "Visitors who search"


def test_segments_on_record_may_stand_for_the_audience(visit, shown):
    text = visit("viewer").get("/plan/", headers=PAGE).text
    assert '<option value="device=mobile">device: mobile</option>' in text
    assert "device=segment" not in text  # its value holds quotes


def test_a_check_of_a_hostile_text_escapes_it(visit, shown):
    for text in (hostile("title"), f"slug: {hostile('slug')!r}", "- " * 2000, "", "a: &b [*b]"):
        answer = visit("admin").post("/plan/check", data={"yaml": text}, headers=PAGE)
        assert answer.status_code == 200
        assert f"<{TAG}" not in answer.text


def test_a_text_that_is_too_long_is_refused(visit, shown):
    answer = visit("admin").post("/plan/check", data={"yaml": "a" * 300_000}, headers=PAGE)
    assert answer.status_code == 422


def test_loading_a_checked_page_again_leads_back_to_the_promise(visit, shown):
    answer = visit("viewer").get("/plan/check", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/trialflow/plan/register"


def test_the_browser_starts_the_run_in_airflows_own_api():
    script = (ASSETS / "plan.js").read_text()
    assert 'fetch("/api/v2/dags/preregistration/dagRuns"' in script
    assert "logical_date: null" in script
    assert "innerHTML" not in script


def test_templates_of_the_plan_are_sound():
    for name in ("plan.html.j2", "plan_register.html.j2"):
        assert environment().get_template(name)
