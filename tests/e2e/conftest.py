"""One Airflow on a prepared record, one Chromium; each test has a browser window of its own, logged in."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.browser import chromium
from tests.e2e.record import ASKED_ON, TO_SIGN, prepare
from tests.e2e.ui import PATIENCE, log_in
from trialflow.local.environment import USER, free_port, site, variables
from trialflow.local.runs import SIGN, SIGNING, Runs, wait_until
from trialflow.local.standalone import Standalone
from trialflow.stages.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".trialflow-e2e"
PICTURES = HOME / "pictures"
FOR_README = {"experiments-light": "experiments.png", "experiment-light": "experiment.png"}
READER = "reader"
START_S, PARK_S = 600.0, 600.0

THEMES = ("light", "dark")
LAPTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def say(line: str) -> None:
    """Progress, seen because `make e2e` does not capture it."""
    print(line, flush=True)


@pytest.fixture(scope="session")
def workspace() -> Workspace:
    """The prepared record."""
    place = Workspace.from_environment({"TRIALFLOW_HOME": str(HOME)})
    prepare(place, say=say)
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    return place


@pytest.fixture(scope="session")
def airflow(workspace: Workspace) -> Iterator[Standalone]:
    """A running Airflow in which one analysis waits for its signature."""
    wanted = os.environ.get("TRIALFLOW_E2E_PORT") or str(free_port(0))
    running = Standalone(site(workspace, {"TRIALFLOW_PORT": wanted}), paused=True, say=say)
    say(f"Airflow on port {running.place.port}")
    with pytest.MonkeyPatch.context() as patched, running_with_a_reader(running, patched):
        running.wait_until_healthy(START_S)
        runs = Runs(running.rest)
        wait_until(lambda: not runs.missing_dags(), lambda: None, timeout=START_S, what="reading the DAGs")
        runs.make_pool()
        running.rest.send("PATCH", f"/dags/{SIGNING}", {"is_paused": False})
        # As the asset of due analyses starts it.
        run = {"logical_date": None, "partition_key": f"{TO_SIGN}|{ASKED_ON}"}
        running.rest.send("POST", f"/dags/{SIGNING}/dagRuns", run)
        wait_until(
            lambda: bool(runs.sign_offs()), lambda: say(f"  waiting for `{SIGN}`"), timeout=PARK_S, what="the sign-off"
        )
        yield running


@contextmanager
def running_with_a_reader(running: Standalone, patched: pytest.MonkeyPatch) -> Iterator[None]:
    """Start it with a second user, who may only read; Airflow makes up the password."""

    def with_reader(*given, **how) -> dict[str, str]:
        return variables(*given, **how) | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{READER}:viewer"}

    patched.setattr("trialflow.local.standalone.variables", with_reader)
    with running:
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="session")
def login(airflow: Standalone, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """What a browser keeps of a person's login."""
    folder = tmp_path_factory.mktemp("login")

    def of(name: str) -> Path:
        kept = folder / f"{name}.json"
        if not kept.exists():
            context = browser.new_context(base_url=airflow.place.url)
            context.set_default_timeout(PATIENCE)
            log_in(context.new_page(), json.loads(airflow.place.passwords.read_text())[name], name=name)
            context.storage_state(path=kept)
            context.close()
        return kept

    return of


@pytest.fixture
def window(airflow: Standalone, browser: Browser, login: Callable[[str], Path]) -> Iterator[Callable[..., Page]]:
    """Open a page of Airflow in a theme and a size; what its scripts complain of fails the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def open_window(path: str, *, theme: str = "light", size: dict[str, int] = LAPTOP, user: str = USER) -> Page:
        context = browser.new_context(
            base_url=airflow.place.url,
            storage_state=login(user),
            viewport=size,
            color_scheme=theme,
            reduced_motion="reduce",
        )
        opened.append(context)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if _is_ours(line) else None)
        page.goto(path)
        return page

    yield open_window
    for context in opened:
        context.close()
    assert not complaints


def _is_ours(line) -> bool:
    return line.type == "error" and "/trialflow/" in f"{line.location} {line.text}"


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], Path]:
    """Keep a screenshot under the test's name."""

    def take(page: Page, name: str = "") -> Path:
        test = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
        path = PICTURES / f"{name or test}.png"
        page.screenshot(path=path)
        if os.environ.get("TRIALFLOW_PICTURES") and path.stem in FOR_README:
            shutil.copy(path, ROOT / "docs" / "pictures" / FOR_README[path.stem])
        return path

    return take
