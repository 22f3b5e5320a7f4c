"""The record does not depend on the order, the number or the simultaneity of runs."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stages.conftest import Lakes
from tests.stages.worlds import FINAL, FIRST, SLUG, alerts, begin, days, findings, promise, shop, world
from trialflow.registry.canonical import canonical
from trialflow.simulation import Arm, Behaviour, Loss
from trialflow.spec.look import Look
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
CROSSED_ON = date(2026, 1, 18)
DAYS = [
    day for day in days() if day.day in (5, 6, 8, 10, 11, 14, 18, 19, 21)
]  # not all: what is skipped must be caught up


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a workspace's record holds of the experiment."""

    digest: str
    findings: dict[tuple[str, date], str]
    looks: tuple[Look, ...]


def kept(workspace: Workspace) -> Kept:
    with workspace.registry() as registry:
        return Kept(
            digest=registry.digest(SLUG),
            findings={key: canonical(document) for key, document in findings(registry).items()},
            looks=registry.looks(SLUG, revisions=True),
        )


def run(workspace: Workspace, order: Iterable[date]) -> Kept:
    for day in order:
        monitor(workspace, SLUG, day)
    return kept(workspace)


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory, lakes: Lakes) -> Kept:
    """The life as a scheduler runs it: one day after the other."""
    return run(begin(shop(tmp_path_factory.mktemp("ordered"), lake=lakes(world(effect=0.25)))), DAYS)


def test_the_life_in_order_is_worth_comparing_with(in_order: Kept) -> None:
    assert (
        len(in_order.findings) == len(DAYS) * 8 + 3
    )  # eight checks a day, and collision, power and A/A before the start
    assert {look.purpose.value for look in in_order.looks} == {"efficacy", "non_inferiority", "harm"}
    assert any(look.crossed for look in in_order.looks)
    assert all(look.revision == 0 for look in in_order.looks)


def test_days_may_be_run_backwards(begun: Workspace, in_order: Kept) -> None:
    assert run(begun, DAYS[::-1]) == in_order


def test_days_may_be_shuffled_and_run_again(begun: Workspace, in_order: Kept) -> None:
    assert run(begun, random.Random(7).sample(DAYS, len(DAYS))) == in_order  # noqa: S311 (only an order)
    assert run(begun, [DAYS[0], DAYS[4], DAYS[4], DAYS[-1], DAYS[5]]) == in_order


def test_two_processes_at_once_leave_the_same_record(begun: Workspace, in_order: Kept) -> None:
    program = (
        "import sys\n"
        "from datetime import date\n"
        "from pathlib import Path\n"
        "from tests.stages.worlds import SLUG, shop\n"
        "from trialflow.stages.monitoring import monitor\n"
        "workspace = shop(Path(sys.argv[1]), lake=Path(sys.argv[2]))\n"
        "for day in sys.argv[3].split(','):\n"
        "    monitor(workspace, SLUG, date.fromisoformat(day))\n"
    )
    # One from the front, one from the back, and both the days in the middle.
    halves = [DAYS[:6], DAYS[:2:-1]]
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                program,
                str(begun.include.parent),
                str(begun.lake_root),
                ",".join(map(str, half)),
            ],
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'include'}"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for half in halves
    ]
    for process in running:
        _, problem = process.communicate(timeout=120)
        assert process.returncode == 0, problem
    assert kept(begun) == in_order


def test_an_analysis_is_found_due_by_every_run_and_new_to_the_first_one_only(begun: Workspace) -> None:
    first = monitor(begun, SLUG, CROSSED_ON)
    again = monitor(begun, SLUG, CROSSED_ON)
    assert (first.due, first.announced) == ((CROSSED_ON,), ())
    assert (again.due, again.announced) == ((CROSSED_ON,), (CROSSED_ON,))


def test_a_final_analysis_again_gives_the_same_decision_and_the_same_memo_bytes(begun: Workspace) -> None:
    assert monitor(begun, SLUG, CROSSED_ON).due == (CROSSED_ON,)
    first = analyse(begun, SLUG, CROSSED_ON)
    with begun.registry() as registry:
        (memo,) = registry.memos(SLUG, kind="decision")
        digest = registry.digest(SLUG)
    files = {path: path.read_bytes() for path in sorted(begun.memo_root.rglob("*.*"))}
    again = analyse(begun, SLUG, CROSSED_ON)
    assert first.created
    assert not again.created
    assert again.decision == first.decision
    assert {path: path.read_bytes() for path in sorted(begun.memo_root.rglob("*.*"))} == files
    assert len(files) == 6  # a registration note and a memo, each in three formats

    # Days after the decision may be on record by the time it is looked at again: they are no part of it.
    assert monitor(begun, SLUG, FINAL).due == ()
    assert not analyse(begun, SLUG, CROSSED_ON).created
    with begun.registry() as registry:
        (later,) = registry.memos(SLUG, kind="decision", revisions=True)
        assert later.documents == memo.documents
        assert digest != registry.digest(SLUG)  # the later day itself is new


def broken() -> dict[str, Any]:
    arms = (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5, logged=0.4))
    return {"spec": world(arms=arms), "text": promise(), "order": [date(2026, 1, day) for day in (5, 10, 14, 18)]}


def awkward() -> dict[str, Any]:
    """Units in two variants, heavy tails, CUPED over two weeks, three daily looks."""
    behaviours = (
        Behaviour(name="view", rate=0.8, spread=1.0),
        Behaviour(name="order", rate=0.1, amount=40.0, tail=1.5),
        Behaviour(name="complaint", rate=0.02),
    )
    analysis = {"variance_reduction": {"method": "cuped", "pre_period_days": 14}}
    primary = {"primary": {"metric": "revenue_3d", "minimum_effect": {"relative": 0.9}}, "secondary": ["views_3d"]}
    return {
        "spec": world(effect=0.1, behaviours=behaviours, mixed=0.05, newcomers=0.3, repeats=1.0, visits=0.3),
        "text": promise(analysis=analysis, metrics=primary),
        "order": [FIRST, date(2026, 1, 9), date(2026, 1, 11), date(2026, 1, 19), FINAL],
    }


def extended() -> dict[str, Any]:
    """Less traffic than was promised, and a guardrail whose window is shorter than the primary's."""
    primary = {"primary": {"metric": "views_3d", "minimum_effect": {"relative": 0.18}}}
    lost = tuple(Loss(table="exposures", day=day, share=0.7) for day in days(last=date(2026, 1, 18)))
    return {
        "spec": world(units=1500, last_day=date(2026, 1, 25), losses=lost),
        "text": promise(calendar={"max_extension_days": 7}, metrics=primary),
        "order": [date(2026, 1, 11), date(2026, 1, 20), FINAL, date(2026, 1, 23), date(2026, 1, 28)],
    }


@pytest.mark.parametrize("life", [broken, awkward, extended])
def test_neither_trouble_nor_extensions_make_the_order_matter(tmp_path: Path, lakes: Lakes, life: Any) -> None:
    given = life()
    workspaces = [begin(shop(tmp_path / name, lake=lakes(given["spec"])), given["text"]) for name in ("one", "two")]
    forward, backward = run(workspaces[0], given["order"]), run(workspaces[1], given["order"][::-1])
    assert backward.findings == forward.findings
    assert backward.looks == forward.looks
    assert all(look.revision == 0 for look in forward.looks)

    # Whatever day is run first, trouble is told once.
    for workspace in workspaces:
        with workspace.registry() as registry:
            assert [one[2] for one in alerts(registry, checks=["srm"])] == (["fail"] if life is broken else [])


def test_a_life_with_an_extension_really_is_extended(tmp_path: Path, lakes: Lakes) -> None:
    given = extended()
    workspace = begin(shop(tmp_path, lake=lakes(given["spec"])), given["text"])
    monitor(workspace, SLUG, given["order"][-1])
    with workspace.registry() as registry:
        (effects,) = registry.findings(SLUG, check="effects")
    assert effects.evidence["extended"]
    assert [row["day"] for row in effects.evidence["looks"]][-2:] == [str(FINAL), str(FINAL + timedelta(days=7))]
