"""A rollout through the DAGs: recorded, gated day by day, and what asks for a new test."""

from __future__ import annotations

import pytest

from tests.dags.conftest import states
from tests.stages.ramps import day, fill_with, happened, ramp_world, rollout_promise
from tests.stages.worlds import FINAL, SLUG, begin, shop
from trialflow.decision import Verdict
from trialflow.registry import EventKind, Stage
from trialflow.stages.final_analysis import analyse
from trialflow.stages.sign import sign


@pytest.fixture
def signed_off(tmp_path, monkeypatch):
    """A signed SHIP of the small shop, which every task of the test sees; its model versions are stated."""
    space = shop(tmp_path / "shop")
    text = rollout_promise()
    for name in ("control", "treatment"):
        text = text.replace(f"- name: {name}\n", f"- name: {name}\n  model_version: {name}-1\n")
    begin(fill_with(space, ramp_world()), text)
    analyse(space, SLUG, FINAL)
    sign(space, SLUG, FINAL, verdict=Verdict.SHIP, by="ada", signed_on=FINAL)
    monkeypatch.setenv("TRIALFLOW_INCLUDE", str(space.include))
    monkeypatch.setenv("TRIALFLOW_HOME", str(space.home))
    monkeypatch.setenv("TRIALFLOW_LAKE", str(space.lake_root))
    monkeypatch.setenv("TRIALFLOW_MEMOS", str(space.memo_root))
    monkeypatch.delenv("TRIALFLOW_REGISTRY_URL", raising=False)
    return space


def conf(number: int) -> dict[str, str]:
    return {"as_of": day(number).isoformat()}


@pytest.mark.slow
def test_a_signed_ramp_is_gated_by_the_daily_run_and_people(signed_off, run_dag):
    run = run_dag("rollout", conf={"slug": SLUG, "as_of": FINAL.isoformat()})
    assert states(run)["record"] == ["success"]
    assert happened(signed_off) == [("rollout_step", 1, "1")]

    run = run_dag("daily_monitoring", conf=conf(2))
    assert states(run)["gate"] == ["success"]
    assert states(run)["monitor"] == ["skipped"]
    assert str(run.state) == "success"
    assert happened(signed_off)[-1] == ("rollout_step", 3, "2")

    # Nobody may roll back without a reason; with one it holds from its day on.
    order = {"action": "roll_back", "slug": SLUG, "as_of": day(3).isoformat()}
    assert states(run_dag("preregistration", conf=order))["order"] == ["failed"]
    run = run_dag("preregistration", conf=order | {"reason": "The partner left."})
    assert states(run)["order"] == ["success"]
    assert states(run_dag("daily_monitoring", conf=conf(3)))["gate"] == ["skipped"]
    with signed_off.registry() as registry:
        assert registry.life(SLUG, day(3)).stage is Stage.ROLLED_BACK


@pytest.mark.slow
def test_a_changed_model_asks_for_a_new_test(signed_off, run_dag):
    run_dag("rollout", conf={"slug": SLUG, "as_of": FINAL.isoformat()})
    asked = {"slug": SLUG, "model_version": "treatment-2", **conf(2)}
    assert states(run_dag("retest", conf=asked))["due"] == ["success"]
    assert states(run_dag("retest", conf=asked))["due"] == ["success"]
    assert states(run_dag("retest", conf={"slug": SLUG}))["due"] == ["failed"]
    with signed_off.registry() as registry:
        due = [event for event in registry.events(SLUG) if event.kind is EventKind.RETEST_DUE]
        told = [one.message.key for one in registry.messages(SLUG) if one.message.key.startswith("retest|")]
    assert [(event.key, event.as_of) for event in due] == [("treatment-2", day(2))]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("context", "version"),
    [
        ({"partition_key": "alpha|ranker-8", "params": {"model_version": None}}, "ranker-8"),
        ({"partition_key": None, "params": {"model_version": "ranker-9"}}, "ranker-9"),
        ({"partition_key": None, "params": {"model_version": None}}, ""),
    ],
)
def test_a_changed_version_comes_with_the_asset_event_or_the_form(context, version):
    import jinja2

    from trialflow_operators.times import KEY_VERSION

    assert jinja2.Template(KEY_VERSION).render(context) == version
