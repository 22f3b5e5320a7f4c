"""Pages before there is a record, and beside one of another version: they say what to do, and never make or change one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.stages.worlds import SLUG, TODAY, fill, promise, shop, world
from tests.ui import routes
from tests.ui.test_access import PAGE
from trialflow.registry import Registry
from trialflow.registry.connection import engine_of
from trialflow.registry.migration import VERSION_TABLE, upgrade
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.workspace import Workspace
from trialflow_ui.app import make_app

FRONT = ("/experiments/", "/layers/", "/portfolio/", "/plan/", "/metrics/")
NEXT = {
    "/experiments/": "No experiment is registered yet",
    "/layers/": "No layer is held yet",
    "/portfolio/": "No experiment is registered yet",
}
"""What the pages of a record say while there is nothing in it."""


@pytest.fixture
def fresh(tmp_path: Path, showing: Callable[[Workspace], None]) -> Workspace:
    """A workspace in which nothing was ever recorded, shown."""
    workspace = shop(tmp_path)
    showing(workspace)
    return workspace


def files(root: Path) -> set[Path]:
    return set(root.rglob("*"))


def test_visiting_every_page_of_nothing_makes_nothing(visit, fresh, tmp_path):
    before = files(tmp_path)
    for role in ("viewer", "admin"):
        client = visit(role)
        for _route, address in routes.addresses(make_app()):
            assert client.get(address, headers=PAGE).status_code < 500, address
    visit("admin").post("/plan/check", data={"yaml": "slug: x\n"}, headers=PAGE)
    assert files(tmp_path) == before


@pytest.mark.parametrize("address", FRONT)
def test_before_anything_is_recorded_a_page_says_what_to_do(visit, fresh, address):
    answer = visit("viewer").get(address, headers=PAGE)
    assert answer.status_code == 200
    assert NEXT.get(address, "") in answer.text


def test_the_first_record_is_seen_by_the_next_page(visit, fresh):
    client = visit("viewer")
    assert "No experiment is registered yet" in client.get("/experiments/", headers=PAGE).text
    register(fill(fresh, world()), Offer(where="a test", text=promise()), by="ada", today=TODAY)
    assert f"/experiments/{SLUG}" in client.get("/experiments/", headers=PAGE).text


def test_a_record_of_an_older_schema_is_left_alone_and_the_command_is_named(visit, fresh):
    engine = engine_of(fresh.registry_url).execution_options(trialflow_writes=True)
    with engine.begin() as connection:
        upgrade(connection, "r0001")
    client = visit("viewer")
    for address in FRONT:
        answer = client.get(address, headers=PAGE)
        assert answer.status_code == 503
        assert "trialflow registry migrate" in answer.text
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == "r0001"
    Registry.open(fresh.registry_url).close()
    assert client.get("/experiments/", headers=PAGE).status_code == 200


def test_a_record_of_a_newer_schema_asks_for_a_newer_trialflow(visit, fresh):
    Registry.open(fresh.registry_url).close()
    with engine_of(fresh.registry_url).begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = 'r9999'"))
    answer = visit("viewer").get("/experiments/", headers=PAGE)
    assert answer.status_code == 503
    assert "upgrade trialflow" in answer.text.lower()
