"""Register, the one thing that is done from a page of our own. After `test_pages`: the list grows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import pytest
import yaml
from playwright.sync_api import Page, Route, expect

from tests.e2e.test_pages import SOUND, WRITTEN
from tests.e2e.ui import INSIDE, WORDS, check_promise, frame, inner, write_promise
from trialflow.local.rest import Rest, quoted
from trialflow.local.runs import Runs, wait_until

DAG = "preregistration"
RUNS = f"**/api/v2/dags/{DAG}/dagRuns"
SLUG = WORDS["Slug"]


@contextmanager
def switched_on(rest: Rest) -> Iterator[None]:
    """No longer than needed: its schedule registers experiments' files beside what was asked for."""
    rest.send("PATCH", f"/dags/{DAG}", {"is_paused": False})
    try:
        yield
    finally:
        rest.send("PATCH", f"/dags/{DAG}", {"is_paused": True})


@pytest.fixture
def checked(window) -> Page:
    """A promise that was checked and may be registered."""
    page = window(f"{INSIDE}{WRITTEN}")
    write_promise(page)
    check_promise(page)
    return page


def register(page: Page):
    """The button."""
    return frame(page).get_by_role("button", name="Register", exact=True)


def outcome(page: Page):
    """What became of it, in words."""
    return frame(page).locator("[data-outcome]")


def test_a_plan_is_written_checked_and_registered_by_a_run_that_the_page_leads_to(window, picture, airflow, workspace):
    page = window(f"{INSIDE}/plan/?{SOUND}")
    frame(page).get_by_role("link", name="Register this").click()
    write_promise(page)
    check_promise(page)
    expect(frame(page).get_by_role("heading", name="This promise can be registered")).to_be_visible()
    text = frame(page).get_by_label("The promise as YAML").input_value()
    register(page).click()
    expect(outcome(page)).to_contain_text("The registration was started")
    expect(outcome(page)).to_be_focused()
    expect(register(page)).to_be_disabled()
    picture(page, "registered")

    outcome(page).get_by_role("link", name="See the run").click()
    page.wait_for_url(f"**/dags/{DAG}/runs/**")
    expect(page.locator("iframe")).to_have_count(0)
    run = unquote(re.search(r"/runs/([^/?]+)", page.url).group(1))
    expect(page.get_by_text(run).first).to_be_visible()
    told = airflow.rest.get(f"/dags/{DAG}/dagRuns/{quoted(run)}")
    assert (told["state"], told["triggering_user_name"]) == ("queued", "admin")
    assert told["conf"] == {"yaml": text}
    assert yaml.safe_load(text).items() >= {label.lower(): words for label, words in WORDS.items()}.items()

    runs = Runs(airflow.rest)
    with switched_on(airflow.rest):
        over = ("success", "failed")
        wait_until(lambda: runs.state_of(DAG, run) in over, lambda: None, timeout=300.0, what="the registration")
    assert runs.state_of(DAG, run) == "success"
    with workspace.registry() as registry:
        (event,) = (one for one in registry.events(SLUG) if one.kind == "registered")
    assert event.by == "admin"
    page.get_by_role("link", name="Experiment", exact=True).click()
    expect(frame(page).get_by_role("heading", level=1)).to_contain_text(WORDS["Title"])
    page.goto(f"{INSIDE}/experiments/")
    expect(frame(page).locator("tr", has_text=SLUG)).to_contain_text(WORDS["Title"])
    picture(page, "registered-on-the-list")


def test_what_was_not_checked_is_not_registered(checked, picture):
    text = frame(checked).get_by_label("The promise as YAML")
    stale = frame(checked).get_by_text("Something has changed: check it again.")
    as_checked = text.input_value()
    for field in (text, frame(checked).get_by_label("Title", exact=True)):
        before = field.input_value()
        field.fill(f"{before} # changed")
        expect(register(checked)).to_be_disabled()
        expect(stale).to_be_visible()
        field.fill(before)
        expect(register(checked)).to_be_enabled()
        expect(stale).to_be_hidden()

    # As a browser does it that comes back to a form: nobody types.
    changed = "(yaml) => { yaml.value += '# changed'; dispatchEvent(new Event('pageshow')); }"
    text.evaluate(changed)
    expect(register(checked)).to_be_disabled()
    picture(checked)
    text.fill(as_checked)
    expect(register(checked)).to_be_enabled()


def test_a_lost_connection_says_what_to_do_and_never_lets_unchecked_words_through(checked, picture):
    held: list[Route] = []
    checked.route(RUNS, lambda route: held.append(route))
    text = frame(checked).get_by_label("The promise as YAML")
    as_checked = text.input_value()
    with checked.expect_request(RUNS):
        register(checked).click()
    expect(register(checked)).to_be_disabled()
    text.fill(f"{as_checked}# changed")
    (lost,) = held
    lost.abort()
    expect(outcome(checked)).to_contain_text("Airflow could not be reached")
    expect(outcome(checked)).to_contain_text("register again")
    expect(outcome(checked)).to_be_focused()
    expect(register(checked)).to_be_disabled()
    picture(checked)

    text.fill(as_checked)
    with checked.expect_request(RUNS):
        register(checked).click()
    expect(register(checked)).to_be_disabled()
    _, answered = held
    assert json.loads(answered.request.post_data)["conf"] == {"yaml": as_checked}
    answered.fulfill(status=200, json={"dag_run_id": "manual__by:hand+1"})
    link = outcome(checked).get_by_role("link", name="See the run")
    expect(link).to_have_attribute("href", f"/dags/{DAG}/runs/manual__by%3Ahand%2B1")
    frame(checked).get_by_label("Reason", exact=True).fill("It was sent already.")
    expect(register(checked)).to_be_disabled()


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "You are logged out"), (403, "may not start runs"), (503, "Wait a moment, then register again")],
)
def test_a_refusal_says_what_to_do_and_leaves_the_button(checked, status, said):
    checked.route(RUNS, lambda route: route.fulfill(status=status, json={"detail": "database is locked"}))
    register(checked).click()
    expect(outcome(checked)).to_contain_text(said)
    expect(register(checked)).to_be_enabled()


def test_the_button_is_out_of_reach_without_a_check(window):
    page = window(f"{INSIDE}{WRITTEN}")
    write_promise(page)
    expect(register(page)).to_have_count(0)
    assert inner(page).url.endswith(WRITTEN)
