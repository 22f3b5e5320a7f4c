"""A cap promised as a quantile, through a registration, an amendment and a day."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stages.conftest import Lakes
from tests.stages.worlds import FIRST, METRICS, SLUG, TODAY, begin, promise, shop, world
from trialflow.errors import PromiseError
from trialflow.spec.promise import PlannedCap
from trialflow.stages.monitoring import monitor
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.workspace import Workspace, registered

DAY = FIRST + timedelta(days=6)


def with_cap(workspace: Workspace, **cap: Any) -> Workspace:
    revenue = next(one for one in METRICS if one["name"] == "revenue_3d") | {"cap": cap}
    (workspace.include / "metrics" / "revenue_3d.yaml").write_text(yaml.safe_dump(revenue, sort_keys=False))
    return workspace


def kept(workspace: Workspace) -> tuple[PlannedCap, ...]:
    with workspace.registry() as registry:
        return registered(registry, SLUG).plan.caps


def summed(workspace: Workspace) -> Any:
    """What the record holds of the revenue on one day."""
    monitor(workspace, SLUG, DAY)
    with workspace.registry() as registry:
        ((_, document),) = [
            (stored.as_of, stored.document) for stored in registry.summaries(SLUG) if stored.as_of == DAY
        ]
    return next(one for one in document["metrics"] if one["metric"] == "revenue_3d" and one["segment"][0] == "")


def test_it_is_locked_at_registration_and_gives_the_numbers_of_that_fixed_value(tmp_path: Path, lakes: Lakes) -> None:
    lake = lakes(world(effect=0.25))
    quantile = begin(with_cap(shop(tmp_path / "one", lake=lake), quantile=0.99))
    (cap,) = kept(quantile)
    assert (cap.metric, cap.quantile) == ("revenue_3d", 0.99)
    assert cap.value > 0
    with quantile.registry() as registry:
        (finding,) = registry.findings(SLUG, check="caps")
        assert finding.evidence["caps"][0]["value"] == cap.value
    stated = begin(with_cap(shop(tmp_path / "other", lake=lake), value=cap.value))
    assert summed(quantile) == summed(stated)


def test_an_amendment_of_something_else_leaves_it_where_it_was(tmp_path: Path, lakes: Lakes) -> None:
    workspace = with_cap(shop(tmp_path, lake=lakes(world(effect=0.25))), quantile=0.99)
    early = TODAY - timedelta(days=3)
    register(workspace, Offer(where="a test", text=promise()), by="ada", today=early)
    before = kept(workspace)
    renamed = Offer(where="a test", text=promise(title="Another title"))
    register(workspace, renamed, by="ada", today=TODAY, reason="a better title")
    assert kept(workspace) == before
    with_cap(workspace, quantile=0.95)
    register(workspace, renamed, by="ada", today=TODAY, reason="a lower cap")
    (after,) = kept(workspace)
    assert after.value < before[0].value
    assert after.origin != before[0].origin


def test_without_a_history_it_is_refused(tmp_path: Path, lakes: Lakes) -> None:
    workspace = with_cap(shop(tmp_path, lake=lakes(world(effect=0.25))), quantile=0.99)
    long_before = TODAY - timedelta(days=90)
    with pytest.raises(PromiseError) as refused:
        register(workspace, Offer(where="a test", text=promise()), by="ada", today=long_before)
    (problem,) = refused.value.problems
    assert (problem.where, problem.field) == ("metrics/revenue_3d.yaml", "cap.quantile")
    assert "no history" in problem.message
