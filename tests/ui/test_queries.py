"""A page asks the record a fixed number of questions, however many experiments there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from sqlalchemy import event

from tests.stages.conftest import begun, benefit, lakes, template  # noqa: F401 (fixtures)
from tests.stages.worlds import FINAL, LAST, SLUG, SOURCE, TODAY, days, fill, merged, promise, shop, world
from tests.ui import routes
from tests.ui.copies import copy_life
from trialflow.decision import Verdict
from trialflow.overview import reader
from trialflow.registry import EventKind, Registry
from trialflow.simulation import Arm
from trialflow.stages.final_analysis import analyse
from trialflow.stages.holdout import compare_holdout
from trialflow.stages.monitoring import monitor
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.sign import sign
from trialflow.stages.workspace import Workspace
from trialflow_ui import record
from trialflow_ui.app import make_app

FEW, MANY = 3, 30
UNSIGNED, HELD = "unsigned_shop", "held_out"
ROLES = ("holdout", "treatment")
MOST = 25
"""Questions that no page needs more of."""


@pytest.fixture(scope="module")
def grown(template: Path, lakes: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable:  # noqa: F811
    """One life that was shipped, one that waits for its signature and one holdout, copied as often as asked for."""
    made: dict[int, Workspace] = {}
    root = tmp_path_factory.mktemp("grown")
    one = fill(shop(root), world(effect=0.25))
    (root / "home").mkdir(exist_ok=True)
    one = replace(one, registry_url=f"sqlite:///{_copy(template / 'home' / 'registry.db', root / 'one.db')}")
    for day in (LAST, *days(last=LAST)[:2]):
        monitor(one, SLUG, day)
    analyse(one, SLUG, LAST)
    copy_life(one.registry_url, SLUG, [UNSIGNED], layer="ranking")
    sign(one, SLUG, LAST, verdict=Verdict.SHIP, by="ada", rationale="It pays.", signed_on=LAST)
    _hold_out(one)

    def of(count: int) -> Workspace:
        if count not in made:
            url = f"sqlite:///{_copy(root / 'one.db', root / f'{count}.db')}"
            for slug, layer in ((SLUG, "ranking"), (UNSIGNED, UNSIGNED), (HELD, "holdout")):
                copy_life(url, slug, [f"{slug[:4]}_{number}" for number in range(1, count)], layer=layer)
            made[count] = replace(one, registry_url=url)
        return made[count]

    return of


def _hold_out(workspace: Workspace) -> None:
    """A holdout that has been compared with what was shipped."""
    arms = (Arm(name="holdout", weight=0.2), Arm(name="everybody", weight=0.8))
    fill(workspace, world(slug=HELD, arms=arms, prefix="held_", source="held", behaviours=world().behaviours[:1]))
    exposures = {"table": "held_exposures", "segments": {"device": "device"}}
    source = merged(SOURCE, {"name": "held", "exposures": exposures})
    (workspace.include / "sources" / "held.yaml").write_text(yaml.safe_dump(source))
    variants = [{"name": arm.name, "role": role, "weight": arm.weight} for arm, role in zip(arms, ROLES, strict=True)]
    analysis = {"stopping": {"policy": "fixed", "looks": None}, "novelty": None}
    text = promise(slug=HELD, source="held", layer="holdout", variants=variants, analysis=analysis)
    register(workspace, Offer(where="a test", text=text), by="ada", today=TODAY)
    with workspace.registry() as registry, registry.append(HELD) as record:
        record.event(EventKind.VALIDATED, TODAY)
    compare_holdout(workspace, HELD, FINAL)


def _copy(source: Path, target: Path) -> Path:
    import sqlite3

    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    return target


@contextmanager
def counted(registry: Registry) -> Iterator[list[str]]:
    """The questions that are asked inside the block."""
    asked: list[str] = []

    def heard(_connection, _cursor, statement, *_rest):
        if not statement.startswith(("BEGIN", "PRAGMA", "SET", "SHOW")):
            asked.append(statement)

    engine = registry._engine
    event.listen(engine, "before_cursor_execute", heard)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", heard)


def cold() -> None:
    """Forget every row that was kept."""
    for kept in vars(reader).values():
        if isinstance(kept, reader.Keep):
            kept._values.clear()


@pytest.mark.parametrize("begin", ["cold", "warm"])
def test_the_number_of_questions_does_not_grow_with_the_record(grown, showing, visit, begin):
    asked: dict[int, dict[str, int]] = {}
    for count in (FEW, MANY):
        showing(grown(count))
        client = visit("admin")
        for route, address in addresses():
            client.get(address)
            if begin == "cold":
                cold()
            with counted(record.registry()) as statements:
                answer = client.get(address)
            if answer.status_code == 200:
                asked.setdefault(count, {})[f"{route} as {address}"] = len(statements)
            if route == "/portfolio/":
                shipped = len(set(re.findall(r"/experiments/(smal_\d+)", answer.text)))
                assert shipped >= count - 1, "the portfolio shows no shipped experiments"
    assert asked[FEW] == asked[MANY]
    assert 0 < asked[MANY]["/experiments/ as /experiments/"] <= 8
    assert max(asked[MANY].values()) <= MOST, asked[MANY]


def addresses() -> list[tuple[str, str]]:
    """Every page of the life that was shipped."""
    return [(route, address) for route, address in routes.addresses(make_app()) if "waiting_shop" not in address]
