"""The Experiments pages as a person meets them: in Airflow's frame, in Debian's Chromium."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PHONE, READER, THEMES
from tests.e2e.record import ASKED_ON, BROKEN, DAYS, HARMED, SHOWN, TO_SIGN
from tests.e2e.ui import INSIDE, check_promise, cut_off, drawn, frame, inner, overflow, violations, write_promise
from trialflow.local.runs import SIGN, SIGNING, Runs, wait_until
from trialflow_ui.render import NAVIGATION

SHOWN_ON = DAYS[SHOWN]
PLANNED = "/plan/?metric=shop_conversion_3d&effect=10%25&guardrail_1=shop_errors_1d&margin_1=20%25"
SOUND = "metric=shop_conversion_3d&effect=10%25"
"""A plan that nothing speaks against."""
WRITTEN = f"/plan/register?{SOUND}"
CHECKED, REFUSED = f"{WRITTEN} checked", f"{WRITTEN} refused"
"""After Check, with the words and without: an address, and what is done there, for a form is sent."""
OF_A_RUN = "/run/?dag_id=daily_monitoring&run_id=scheduled__2026-11-01T00%3A00%3A00%2B00%3A00"

PAGES = (
    "/experiments/",
    f"/experiments/{SHOWN}",
    f"/experiments/{HARMED}",
    f"/experiments/{SHOWN}/findings/effects/{SHOWN_ON}",
    f"/experiments/{SHOWN}/memos/decision/{SHOWN_ON}",
    "/layers/",
    "/portfolio/",
    "/plan/",
    PLANNED,
    WRITTEN,
    CHECKED,
    REFUSED,
    "/metrics/",
    "/metrics/gross_conversion",
    OF_A_RUN,
)


def opened(window, address: str, **how):
    """A page whole: with its charts, and where a form has to be sent, after that."""
    page = window(f"{INSIDE}{address.partition(' ')[0]}", **how)
    if address == CHECKED:
        write_promise(page)
    if address in (CHECKED, REFUSED):
        check_promise(page)
        expect(frame(page).locator("[data-register]")).to_have_count(int(address == CHECKED))
    drawn(page)
    return page


TALL = {"width": 1280, "height": 1280}
"""A window that holds the effect over time below the verdict."""


def test_the_entry_in_airflows_navigation_leads_to_the_list_and_from_there_to_every_page(window, picture):
    page = window("/")
    page.get_by_role("link", name="Experiments").first.click()
    page.wait_for_url("**/plugin/experiments**")
    expect(frame(page).get_by_role("heading", level=1)).to_have_text("Experiments")
    for name, called in NAVIGATION:
        frame(page).get_by_role("navigation").get_by_role("link", name=called, exact=True).click()
        expect(frame(page).locator('nav a[aria-current="page"]')).to_have_text(called)
        expect(frame(page).get_by_role("heading", level=1)).not_to_be_empty()
        page.wait_for_url(re.compile(rf"/plugin/experiments/trialflow/{name}"))


def test_the_list_is_filtered_searched_and_cleared(window, picture):
    page = window(f"{INSIDE}/experiments/")
    rows = frame(page).locator("tbody tr")
    expect(rows).to_have_count(len(DAYS))
    frame(page).get_by_label("Owner").select_option("Pricing team")
    frame(page).get_by_role("button", name="Show").click()
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text(HARMED)
    expect(frame(page).get_by_label("Owner")).to_have_value("Pricing team")
    frame(page).get_by_role("link", name="Clear").click()
    expect(rows).to_have_count(len(DAYS))
    frame(page).get_by_role("searchbox").fill("free trial")
    frame(page).get_by_role("searchbox").press("Enter")
    expect(rows).to_have_count(1)
    frame(page).get_by_role("searchbox").fill("nothing of that name")
    frame(page).get_by_role("searchbox").press("Enter")
    expect(frame(page).get_by_role("heading", name="Nothing matches")).to_be_visible()


@pytest.mark.parametrize("theme", THEMES)
def test_the_list_shows_where_every_experiment_stands(window, picture, theme):
    page = window(f"{INSIDE}/experiments/", theme=theme)
    expect(frame(page).locator("tbody tr")).to_have_count(len(DAYS))
    row = frame(page).locator("tr", has_text=BROKEN)
    expect(row).to_contain_text("simulated")
    expect(row).to_contain_text("not shown: the split is broken")
    ink = inner(page).evaluate("() => getComputedStyle(document.body).color")
    assert (sum(int(part) for part in re.findall(r"\d+", ink)[:3]) > 3 * 128) == (theme == "dark")
    picture(page, f"experiments-{theme}")


@pytest.mark.parametrize("theme", THEMES)
def test_an_experiment_opens_from_the_list_and_its_chart_tells_its_numbers(window, picture, theme):
    page = window(f"{INSIDE}/experiments/", theme=theme)
    frame(page).locator("tr", has_text=SHOWN).get_by_role("link").first.click()
    page.wait_for_url(f"**/experiments/{SHOWN}")
    drawn(page)
    page.set_viewport_size(TALL)
    picture(page, f"experiment-{theme}")
    chart = frame(page).locator("figure.chart[data-drawn=yes] .plot svg").first
    chart.scroll_into_view_if_needed()
    told = frame(page).locator(".tooltip")
    box = chart.bounding_box()
    for step in range(1, 60):
        for height in (0.3, 0.45, 0.6):
            page.mouse.move(box["x"] + box["width"] * step / 60, box["y"] + box["height"] * height)
            if told.is_visible():
                break
        if told.is_visible():
            break
    expect(told).to_be_visible()
    expect(told).not_to_be_empty()
    picture(page, f"tooltip-{theme}")


def test_a_run_of_an_experiment_opens_in_airflow_out_of_the_frame(window, picture, airflow):
    (asked,) = Runs(airflow.rest).sign_offs()
    # Retests are switched off here, so that this one stays queued.
    by_hand = "manual__2018-01-02T03:04:05+00:00"
    run = {"logical_date": None, "dag_run_id": by_hand, "conf": {"slug": TO_SIGN}}
    airflow.rest.send("POST", "/dags/retest/dagRuns", run)
    for dag, run_id in (("retest", by_hand), (SIGNING, asked.run)):
        page = window(f"{INSIDE}/experiments/{TO_SIGN}")
        runs = frame(page).get_by_role("region", name="Runs, newest first")
        expect(runs).to_be_hidden()
        frame(page).locator("section[aria-labelledby=runs] summary").click()
        expect(runs.get_by_role("row")).to_have_count(3)
        runs.get_by_role("link", name=dag).click()
        page.wait_for_url(f"**/dags/{dag}/runs/{quote(run_id, safe='')}**")
        expect(page.locator("iframe")).to_have_count(0)
        expect(page.get_by_text(run_id).first).to_be_visible()
        expect(page.get_by_text("Queued" if dag == "retest" else "Running").first).to_be_visible()
        picture(page, f"run-of-{dag}")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("address", PAGES)
def test_axe_finds_nothing_serious(window, picture, address, theme):
    page = opened(window, address, theme=theme)
    picture(page)
    assert violations(page) == []


@pytest.mark.parametrize("address", PAGES)
def test_a_phone_needs_no_scrolling_to_the_side(window, picture, address):
    page = opened(window, address, size=PHONE)
    picture(page)
    assert overflow(page) <= 0
    assert cut_off(page) == []


def test_on_a_phone_what_matters_of_a_row_lies_inside_the_window(window):
    page = window(f"{INSIDE}/experiments/", size=PHONE)
    row = frame(page).locator("tr", has_text=SHOWN)
    cells = {name: row.locator(f"td[data-name='{name}']") for name in ("Stage", "Effect", "Guardrails", "Next step")}
    for cell in [*cells.values(), row.get_by_role("link").first, cells["Effect"].locator("svg")]:
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]


def test_a_filled_plan_tells_its_units_and_leads_to_the_promise(window, picture):
    page = window(f"{INSIDE}{PLANNED}")
    drawn(page)
    expect(frame(page).locator("#result")).to_contain_text("shop_conversion_3d")
    expect(frame(page).locator("figure.chart[data-drawn=yes]")).to_have_count(2)
    picture(page)
    frame(page).locator("a.button[href*='/plan/register']").click()
    expect(frame(page).get_by_label("The promise as YAML")).to_have_value(re.compile("metric: shop_conversion_3d"))


def test_the_page_of_a_metric_opens_from_the_catalog_and_leads_to_its_experiments(window, picture):
    page = window(f"{INSIDE}/metrics/")
    frame(page).get_by_role("link", name="gross_conversion", exact=True).first.click()
    expect(frame(page).get_by_role("heading", level=1)).to_contain_text("gross_conversion")
    picture(page)
    frame(page).locator(f"a[href$='/experiments/{SHOWN}']").first.click()
    page.wait_for_url(f"**/experiments/{SHOWN}")


def test_a_tab_of_a_run_and_of_a_task_leads_to_the_experiment(window, picture, airflow):
    (asked,) = Runs(airflow.rest).sign_offs()
    run = f"/dags/{SIGNING}/runs/{asked.run}"
    for address in (run, f"{run}/tasks/{SIGN}"):
        page = window(address)
        page.get_by_role("link", name="Experiment", exact=True).click()
        page.wait_for_url(re.compile(r"/plugin/experiment-of-(run|task)"))
        expect(frame(page).locator("main")).to_contain_text(TO_SIGN)
        assert inner(page).url.endswith(f"/trialflow/experiments/{TO_SIGN}")
        picture(page, f"tab-of-{'task' if '/tasks/' in address else 'run'}")


def test_who_may_only_read_is_shown_nothing_that_acts(window, picture):
    acting = "a.button, [data-register], form[method=post], a[href*='required_actions']"
    for address in (f"/experiments/{TO_SIGN}", "/experiments/", PLANNED, "/plan/register"):
        page = window(f"{INSIDE}{address}")
        expect(frame(page).locator(acting).first).to_be_visible()
        page = window(f"{INSIDE}{address}", user=READER)
        expect(frame(page).get_by_role("heading", level=1)).not_to_be_empty()
        expect(frame(page).locator(acting)).to_have_count(0)
        picture(page, f"reader-{address.strip('/').partition('?')[0].replace('/', '-').strip('-')}")


def test_the_keyboard_is_enough(window, picture):
    page = window(f"{INSIDE}/experiments/")
    document = inner(page)
    # From Airflow's own page, past its navigation, into the frame.
    for _ in range(60):
        page.keyboard.press("Tab")
        if document.evaluate("() => document.hasFocus() && document.activeElement.matches('a.skip')"):
            break
    expect(frame(page).locator("a.skip")).to_be_focused()
    expect(frame(page).locator("a.skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        place = document.evaluate("() => document.activeElement.closest('tbody') && document.activeElement.href")
        if place:
            break
    assert place, "Tab does not lead into the list"
    outline = document.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    picture(page)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/experiments/[a-z0-9_]+"))


def test_a_decision_is_signed_in_airflow_and_the_list_says_so(window, picture, airflow, workspace):
    page = window(f"{INSIDE}/experiments/")
    row = frame(page).locator("tr", has_text=TO_SIGN)
    expect(row).to_contain_text("to be signed")
    row.get_by_role("link").first.click()
    page.wait_for_url(f"**/experiments/{TO_SIGN}")
    (asked,) = Runs(airflow.rest).sign_offs()
    frame(page).get_by_role("link", name=re.compile("Sign the verdict")).click()
    page.wait_for_url(f"**/dags/{SIGNING}/runs/{quote(asked.run, safe='')}/tasks/{SIGN}/required_actions")
    expect(page.get_by_text(asked.options[0]).first).to_be_visible()
    picture(page, "sign-off")
    page.locator("[name=element_rationale]").fill("Players come back less often.")
    page.get_by_role("button", name=asked.options[0]).click()

    def signed() -> bool:
        with workspace.registry() as registry:
            return any(one.kind == "signed" for one in registry.events(TO_SIGN))

    wait_until(signed, lambda: None, timeout=300.0, what="the signature")
    with workspace.registry() as registry:
        (event,) = (one for one in registry.events(TO_SIGN) if one.kind == "signed")
    assert (event.by, event.as_of) == ("admin", ASKED_ON)
    page.goto(f"{INSIDE}/experiments/")
    expect(frame(page).locator("tr", has_text=TO_SIGN)).not_to_contain_text("to be signed")


def test_a_person_who_is_not_logged_in_is_asked_to(browser, airflow):
    context = browser.new_context(base_url=airflow.place.url)
    page = context.new_page()
    page.goto("/trialflow/experiments/")
    assert "/auth/login" in page.url
    context.close()
