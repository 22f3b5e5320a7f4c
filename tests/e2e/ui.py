"""What a person does in Airflow's UI, and what axe sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import FrameLocator, Page, expect

PATIENCE = 90_000
"""Milliseconds that anything may take on a busy machine."""

INSIDE = "/plugin/experiments/trialflow"
AXE = Path(__file__).with_name("vendor") / "axe.min.js"
GRAVE = ("serious", "critical")

expect.set_options(timeout=PATIENCE)


def log_in(page: Page, password: str, *, name: str = "admin") -> None:
    """Enter as somebody, as the administrator unless said otherwise."""
    page.goto("/")
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda url: "/auth/login" not in url)
    expect(page.get_by_role("link", name="Dags").first).to_be_visible()


def frame(page: Page) -> FrameLocator:
    """Trialflow's pages inside Airflow."""
    return page.frame_locator("iframe")


def inner(page: Page) -> Any:
    """The same as a document, for what has to be asked of its window."""
    frame(page).locator("main#content").wait_for()
    return next(one for one in page.frames if one.parent_frame and "/trialflow/" in one.url)


def drawn(page: Page) -> None:
    """Wait until every chart stands."""
    inner(page).wait_for_function(
        "() => [...document.querySelectorAll('figure.chart[data-spec]')].every((one) => one.dataset.drawn)"
    )


def violations(page: Page) -> list[str]:
    """What axe finds serious or critical within Trialflow's own page."""
    document = inner(page)
    document.evaluate(AXE.read_text(encoding="utf-8"))
    found = document.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node.get('failureSummary', '')[:300]}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def cut_off(page: Page) -> list[str]:
    """Regions that scroll by themselves and hold more than they show: "name: pixels that are hidden"."""
    hidden = inner(page).evaluate(
        """() => [...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth + 1)
          .map((one) => `${one.getAttribute('aria-label')}: ${one.scrollWidth - one.clientWidth}`)"""
    )
    return [str(one) for one in hidden]


def overflow(page: Page) -> int:
    """Pixels by which Trialflow's page is wider than its window."""
    return int(
        inner(page).evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


WORDS = {
    "Slug": "shorter_form",
    "Title": "A shorter form",
    "Hypothesis": "Fewer fields let more visitors buy.",
    "Mechanism": "Each field is a reason to leave.",
    "Audience": "All visitors",
    "Owner": "Shop team",
    "Unit": "visitor",
    "Layer": "form",
}
"""What a person writes to a plan, by the label of its field."""


def write_promise(page: Page, **changes: str) -> None:
    """Fill in the words of the promise that a plan leads to."""
    for label, words in {**WORDS, **changes}.items():
        frame(page).get_by_label(label, exact=True).fill(words)


def check_promise(page: Page) -> None:
    """Have the page check the promise, and wait for what it says."""
    frame(page).get_by_role("button", name="Check").click()
    expect(frame(page).locator(".checked")).to_be_visible()
