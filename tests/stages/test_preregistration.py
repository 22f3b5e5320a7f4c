"""The way in: everything that is wrong at once, nothing stored, and what may be begun anew."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from scipy.stats import norm

from tests.stages.conftest import Lakes
from tests.stages.worlds import (
    FINAL,
    FIRST,
    LAST,
    SLUG,
    TODAY,
    begin,
    days,
    fill,
    promise,
    shop,
    world,
    write_experiment,
)
from trialflow.checks import Status
from trialflow.errors import LockedError, PromiseError
from trialflow.registry import EventKind, Stage
from trialflow.stages.aa_validation import validate
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor, running
from trialflow.stages.orders import order
from trialflow.stages.preregistration import Offer, register, waiting
from trialflow.stages.workspace import Workspace
from trialflow.warehouse.lake import Lake

BAD = promise(
    owner=None,
    variants=[
        {"name": "control", "role": "control", "weight": 0.5},
        {"name": "treatment", "role": "treatment", "weight": 0.7},
    ],
    metrics={"primary": {"metric": "vews_3d"}, "guardrails": [{"metric": "complained_1d", "margin": {}}]},
    calendar={"last_day": date(2026, 1, 16)},
    surprise=1,
)
WRONG = {
    "owner": "missing",
    "surprise": "unknown field",
    "variants": "weights that do not sum to 1",
    "metrics.primary.metric": "no such metric",
    "metrics.guardrails.0.margin": "neither relative nor absolute",
    "calendar.last_day": "no full weeks",
}


def offer(text: str) -> Offer:
    return Offer(where="a test", text=text)


def refusal(workspace: Workspace, offered: Offer, *, today: date = TODAY) -> PromiseError:
    with pytest.raises(PromiseError) as refused:
        register(workspace, offered, by="ada", today=today)
    return refused.value


class TestABadPromise:
    @pytest.mark.parametrize(
        "offered",
        [Offer(where="small_shop.yaml", text=BAD, slug=SLUG), Offer(where="the form", fields={"yaml": BAD})],
        ids=["file", "pasted"],
    )
    def test_is_refused_with_everything_that_is_wrong_and_nothing_is_stored(
        self, benefit: Workspace, offered: Offer
    ) -> None:
        problems = refusal(benefit, offered).problems
        for field in WRONG:
            assert any(one.field.startswith(field) for one in problems), (field, problems)
        assert all(one.cure and one.message and one.where.startswith(offered.where) for one in problems)
        with benefit.registry() as registry:
            assert registry.slugs() == ()
            assert registry.outbox() == ()
        assert not benefit.memo_root.exists()

    def test_in_the_form_is_refused_by_the_form_s_own_fields(self, benefit: Workspace) -> None:
        fields = {
            "slug": SLUG,
            "title": "A new ranker",
            "hypothesis": "h",
            "mechanism": "m",
            "source": "shop",
            "unit": "visitor",
            "layer": "ranking",
            "audience": "all",
            "variants": ["control control 0.5", "treatment treatment 0.7"],
            "primary_metric": "vews_3d",
            "minimum_effect": 0.2,
            "guardrails": ["complained_1d"],
            "first_day": "2026-01-05",
            "last_day": "2026-01-16",
            "surprise": "?",
        }
        named = {
            one.field.partition(".")[0] for one in refusal(benefit, Offer(where="the form", fields=fields)).problems
        }
        assert {"owner", "variants", "primary_metric", "guardrails", "last_day", "surprise"} <= named
        with benefit.registry() as registry:
            assert registry.slugs() == ()

    def test_that_is_no_yaml_says_where(self, benefit: Workspace) -> None:
        (problem,) = refusal(benefit, offer("slug: [unclosed\ntitle: x")).problems
        assert "a test" in problem.where
        assert problem.cure

    def test_in_the_past_is_refused_and_an_amendment_of_it_is_not(self, benefit: Workspace) -> None:
        (problem,) = refusal(benefit, offer(promise()), today=FIRST).problems
        assert problem.field == "calendar.first_day"
        begin(benefit)
        changed = promise(title="A newer ranker")
        assert register(benefit, offer(changed), by="ada", today=FIRST, reason="A slip of the pen.").amended


def test_a_missing_baseline_is_one_problem(benefit: Workspace) -> None:
    looks = {"stopping": {"policy": "group_sequential", "looks": [7]}}
    before_all_visits = date(2025, 6, 1)
    problems = refusal(benefit, offer(promise(analysis=looks)), today=before_all_visits).problems
    assert [one.field for one in problems] == ["baselines.views_3d"]


def test_an_underpowered_promise_is_told_the_day_by_which_the_traffic_suffices(benefit: Workspace) -> None:
    small = {"primary": {"metric": "views_3d", "minimum_effect": {"relative": 0.08}}}
    fixed = {"stopping": {"policy": "fixed", "looks": None}}
    (problem,) = refusal(benefit, offer(promise(metrics=small, analysis=fixed))).problems
    assert problem.field == "calendar.last_day"
    (enough,) = map(date.fromisoformat, re.findall(r"run until (\d{4}-\d\d-\d\d)", problem.cure))

    # By hand: two arms of n units find d with power .9 (a guardrail halves the chance to miss) when n = 2 (z + z)² s² / d²;
    # traffic as it was visited.
    register(benefit, offer(promise(slug="probe_only", layer="probe", analysis=fixed)), by="ada", today=TODAY)
    with benefit.registry() as registry:
        plan = registry.promise("probe_only").plan
    base = next(one for one in plan["metrics"] if one["metric"] == "views_3d")
    effect = 0.08 * base["baseline_mean"]
    per_arm = math.ceil(2 * (norm.ppf(0.975) + norm.ppf(0.9)) ** 2 * base["baseline_std_dev"] ** 2 / effect**2)
    weeks = math.ceil(2 * per_arm / plan["units_per_day"] / 7)
    assert enough == FIRST + timedelta(days=7 * weeks - 1)

    longer = promise(metrics=small, analysis=fixed, calendar={"last_day": enough})
    shorter = promise(metrics=small, analysis=fixed, calendar={"last_day": enough - timedelta(days=7)})
    refusal(benefit, offer(shorter))
    assert register(benefit, offer(longer), by="ada", today=TODAY).created


def test_a_promise_made_ahead_of_time_is_planned_and_validated_on_days_that_are_over(
    tmp_path: Path, lakes: Lakes
) -> None:
    lake = lakes(world(effect=0.25))
    ahead, eve = shop(tmp_path / "ahead", lake=lake), shop(tmp_path / "eve", lake=lake)
    later = {"first_day": date(2026, 2, 2), "last_day": date(2026, 2, 15)}
    begin(ahead, promise(calendar=later), today=date(2026, 1, 4))
    begin(eve, today=date(2026, 1, 4))
    with ahead.registry() as one, eve.registry() as other:
        assert one.promise(SLUG).plan["units_per_day"] == other.promise(SLUG).plan["units_per_day"] > 0
        (early,), (late,) = one.findings(SLUG, check="aa"), other.findings(SLUG, check="aa")
        assert early.evidence["metrics"] == late.evidence["metrics"]
        assert one.life(SLUG, date(2026, 2, 2)).stage is Stage.RUNNING


class TestALayer:
    def test_that_is_taken_is_refused(self, begun: Workspace) -> None:
        (problem,) = refusal(begun, offer(promise(slug="second_shop"))).problems
        assert (problem.field, problem.value) == ("layer", "ranking")
        assert SLUG in problem.message
        assert str(LAST) in problem.message

    def test_that_is_taken_is_told_together_with_what_else_is_wrong(self, begun: Workspace) -> None:
        wrong = promise(slug="second_shop", owner=None, metrics={"primary": {"metric": "vews_3d"}})
        problems = refusal(begun, offer(wrong)).problems
        assert sorted(one.field for one in problems) == ["layer", "metrics.primary.metric", "owner"]

    def test_is_not_asked_for_where_its_days_cannot_be_read(self, begun: Workspace) -> None:
        wrong = promise(slug="second_shop", calendar={"last_day": "soon"})
        assert [one.field for one in refusal(begun, offer(wrong)).problems] == ["calendar.last_day"]

    def test_is_free_for_others_and_for_other_days(self, begun: Workspace) -> None:
        elsewhere = promise(slug="second_shop", layer="search")
        after = promise(slug="third_shop", calendar={"first_day": date(2026, 1, 19), "last_day": date(2026, 2, 1)})
        assert register(begun, offer(elsewhere), by="ada", today=TODAY).created
        assert register(begun, offer(after), by="ada", today=TODAY).created

    def test_is_free_again_once_its_holder_is_withdrawn_and_taken_once_it_begins_anew(self, begun: Workspace) -> None:
        order(begun, SLUG, "withdraw", as_of=TODAY, by="ada", reason="Not now.")
        rival = offer(promise(slug="second_shop"))
        again = {"first_day": date(2026, 1, 6), "last_day": date(2026, 1, 19)}
        register(begun, offer(promise(calendar=again)), by="ada", today=TODAY, reason="Now after all.")
        assert [one.field for one in refusal(begun, rival).problems] == ["layer"]
        order(begun, SLUG, "withdraw", as_of=date(2026, 1, 7), by="ada", reason="Really not.")
        assert register(begun, rival, by="ada", today=TODAY).created


class TestAnAmendment:
    CHANGED = promise(metrics={"primary": {"minimum_effect": {"relative": 0.19}}})

    def test_needs_a_reason(self, begun: Workspace) -> None:
        with pytest.raises(LockedError, match=r"metrics\.primary\.minimum_effect\.relative"):
            register(begun, offer(self.CHANGED), by="ada", today=TODAY)
        with begun.registry() as registry:
            assert registry.promise(SLUG).version == 1
            assert registry.amendments(SLUG) == ()

    def test_with_a_reason_is_recorded_field_by_field_and_shown_in_the_memo(self, begun: Workspace) -> None:
        with pytest.raises(PromiseError, match=r"reason = .*U\+202E"):
            register(begun, offer(self.CHANGED), by="eve", today=TODAY, reason="\u202eSmaller")
        answer = register(begun, offer(self.CHANGED), by="eve", today=TODAY, reason="Smaller ones pay too.")
        assert answer.amended
        assert [(one.field, one.before, one.after) for one in answer.differences] == [
            ("experiment.metrics.primary.minimum_effect.relative", "0.2", "0.19")
        ]
        analyse(begun, SLUG, date(2026, 1, 18))
        with begun.registry() as registry:
            (memo,) = registry.memos(SLUG, kind="decision")
            assert len(registry.memos(SLUG, kind="registration", revisions=True)) == 2
        assert "Smaller ones pay too." in memo.documents["markdown"]
        assert "minimum_effect" in memo.documents["markdown"]

    def test_is_told_as_an_amendment_with_its_reason_and_both_values(self, begun: Workspace) -> None:
        register(begun, offer(self.CHANGED), by="eve", today=TODAY, reason="Smaller ones pay too.")
        with begun.registry() as registry:
            first, second = registry.memos(SLUG, kind="registration", revisions=True)
            told = registry.message(f"registered|{SLUG}|2")
        assert "Amendment" not in first.documents["markdown"]
        assert "AMENDED" in second.documents["markdown"]
        assert told is not None
        for text in (second.documents["markdown"].replace("\\", ""), str(told.message.payload)):
            assert "This is version 2 of the promise" in text
            assert "Smaller ones pay too." in text
            assert "experiment.metrics.primary.minimum_effect.relative" in text
            assert "0.19" in text

    def test_that_says_the_same_changes_nothing(self, begun: Workspace) -> None:
        with begun.registry() as registry:
            digest = registry.digest(SLUG)
        assert not register(begun, offer(promise()), by="eve", today=TODAY - timedelta(days=1)).created
        with begun.registry() as registry:
            assert registry.digest(SLUG) == digest

    def test_that_moves_the_first_day_begins_anew(self, tmp_path: Path, lakes: Lakes) -> None:
        broken = world(seed=9)
        workspace = begin(shop(tmp_path, lake=lakes(broken)))
        monitor(workspace, SLUG, date(2026, 1, 7))
        order(workspace, SLUG, "stop", as_of=date(2026, 1, 7), by="ada", reason="The log was wrong.")
        anew = promise(calendar={"first_day": date(2026, 1, 12), "last_day": date(2026, 1, 25)})
        register(workspace, offer(anew), by="ada", today=date(2026, 1, 8), reason="The log is mended.")

        # Neither the old validation nor the old stop counts for the new life.
        assert running(workspace, date(2026, 1, 12)) == ()
        with workspace.registry() as registry:
            assert registry.life(SLUG, date(2026, 1, 12)).stage is Stage.BLOCKED
        validate(workspace, SLUG)
        assert running(workspace, date(2026, 1, 12)) == (SLUG,)
        assert running(workspace, date(2026, 1, 11)) == ()
        monitor(workspace, SLUG, date(2026, 1, 14))
        with workspace.registry() as registry:
            (srm,) = registry.findings(SLUG, as_of=date(2026, 1, 14), check="srm")
            assert registry.life(SLUG, date(2026, 1, 14)).stage is Stage.RUNNING
        assert [row["day"] for row in srm.evidence["path"]] == ["2026-01-12", "2026-01-13", "2026-01-14"]


class TestTheFileScan:
    def test_finds_what_is_new_or_changed_and_nothing_else(self, tmp_path: Path, lakes: Lakes) -> None:
        workspace = shop(tmp_path, lake=lakes(world(effect=0.25)), text=promise())
        write_experiment(workspace.include, promise(slug="second_shop", layer="search"))
        assert [one.slug for one in waiting(workspace)] == ["second_shop", SLUG]
        for one in waiting(workspace):
            register(workspace, one, by="schedule", today=TODAY)
        assert waiting(workspace) == ()

        path = write_experiment(workspace.include, promise(title="A newer ranker"))
        (found,) = waiting(workspace)
        assert (found.slug, found.where) == (SLUG, "small_shop.yaml")
        with pytest.raises(LockedError, match="title"):
            register(workspace, found, by="schedule", today=TODAY)

        # Comments, order and spelling of the same promise are no change; a definition that it rests on is one.
        path.write_text("# as it was\n" + promise())
        assert waiting(workspace) == ()
        metric = workspace.include / "metrics" / "complained_1d.yaml"
        metric.write_text(metric.read_text().replace("to_day: 1", "to_day: 2"))
        assert [one.slug for one in waiting(workspace)] == ["second_shop", SLUG]

    def test_offers_a_bad_file_so_that_it_is_refused_aloud(self, tmp_path: Path, lakes: Lakes) -> None:
        workspace = shop(tmp_path, lake=lakes(world(effect=0.25)), text=promise())
        (workspace.include / "experiments" / "broken.yaml").write_text("slug: [")
        assert [one.slug for one in waiting(workspace)] == ["broken", SLUG]

    def test_a_deleted_file_changes_nothing(self, tmp_path: Path, lakes: Lakes) -> None:
        workspace = shop(tmp_path, lake=lakes(world(effect=0.25)), text=promise())
        begin(workspace)
        first = monitor(workspace, SLUG, date(2026, 1, 8))
        with workspace.registry() as registry:
            digest = registry.digest(SLUG)
        (workspace.include / "experiments" / "small_shop.yaml").unlink()
        assert waiting(workspace) == ()
        assert running(workspace, date(2026, 1, 8)) == (SLUG,)
        assert monitor(workspace, SLUG, date(2026, 1, 8)) == first
        with workspace.registry() as registry:
            assert registry.digest(SLUG) == digest

    def test_a_file_that_was_changed_without_an_amendment_is_warned_of_and_not_used(
        self, tmp_path: Path, lakes: Lakes
    ) -> None:
        workspace = shop(tmp_path, lake=lakes(world(effect=0.25)), text=promise())
        begin(workspace)
        write_experiment(workspace.include, promise(metrics={"primary": {"minimum_effect": {"relative": 0.5}}}))
        assert monitor(workspace, SLUG, date(2026, 1, 8)).statuses["lock"] == "warn"
        with workspace.registry() as registry:
            (lock,) = registry.findings(SLUG, check="lock")
            assert registry.promise(SLUG).document["experiment"]["metrics"]["primary"]["minimum_effect"] == {
                "relative": 0.2
            }
        assert "minimum_effect" in lock.headline


def _alike(*, buckets: int, each: int) -> Iterator[str]:
    """Ids of units in few hash buckets of the A/A test, `each` in every bucket."""
    filled: dict[str, int] = {}
    number = 0
    while len(filled) < buckets or min(filled.values()) < each:
        unit = f"p{number}"
        bucket = hashlib.md5(f"{SLUG}-aa-{unit}".encode(), usedforsecurity=False).hexdigest()[:3]
        number += 1
        if int(bucket, 16) < buckets and filled.get(bucket, 0) < each:
            filled[bucket] = filled.get(bucket, 0) + 1
            yield unit


@pytest.fixture
def clustered(own: Workspace) -> Workspace:
    """A past in which units are not independent: those that are split together behave alike."""
    rng_day, units = datetime(2025, 12, 29, 9, tzinfo=UTC), list(_alike(buckets=60, each=8))
    views: list[str] = []
    for unit in units:
        bucket = int(hashlib.md5(f"{SLUG}-aa-{unit}".encode(), usedforsecurity=False).hexdigest()[:3], 16)
        views += [unit] * (1 + 4 * (bucket % 2))
    table: Callable[[dict[str, Any]], pa.Table] = pa.table
    lake = Lake(own.lake_root)
    day = rng_day.date()
    lake.write("visits", day, table({"unit_id": units, "occurred_at": [rng_day] * len(units)}))
    later = [rng_day + timedelta(hours=1)] * len(views)
    names, amounts = ["view"] * len(views), [1.0] * len(views)
    lake.write("events", day, table({"unit_id": views, "name": names, "occurred_at": later, "amount": amounts}))
    return own


ONLY_VIEWS: dict[str, Any] = {
    "metrics": {
        "primary": {"metric": "views_3d", "minimum_effect": {"relative": 0.9}},
        "secondary": [],
        "guardrails": [],
    }
}


class TestValidation:
    def test_blocks_the_start_when_the_test_rejects_too_often(self, clustered: Workspace) -> None:
        register(clustered, offer(promise(**ONLY_VIEWS)), by="ada", today=TODAY)
        finding = validate(clustered, SLUG)
        (row,) = finding.evidence["metrics"]
        assert finding.status is Status.FAIL
        assert finding.blocks
        assert row["lower"] > 1.2 * row["alpha"]
        assert row["splits"] >= 1000
        assert running(clustered, FIRST) == ()
        with clustered.registry() as registry:
            assert registry.life(SLUG, FIRST).stage is Stage.BLOCKED
            assert registry.message(f"alert|{SLUG}|aa|{finding.as_of}|fail") is not None

    def test_that_is_waived_passes_and_is_shown(self, clustered: Workspace) -> None:
        register(clustered, offer(promise(**ONLY_VIEWS)), by="ada", today=TODAY)
        validate(clustered, SLUG)
        waived = promise(**ONLY_VIEWS, analysis={"aa": {"waived": "Units come in households."}})
        register(clustered, offer(waived), by="ada", today=TODAY, reason="We know why.")
        assert validate(clustered, SLUG).status is Status.NOT_APPLICABLE
        assert running(clustered, FIRST) == (SLUG,)
        fill(clustered, world(effect=0.25, pre_days=0))
        for day in days(last=date(2026, 1, 6)):
            monitor(clustered, SLUG, day)
        analyse(clustered, SLUG, FINAL)
        with clustered.registry() as registry:
            assert EventKind.WAIVED in {event.kind for event in registry.events(SLUG)}
            (memo,) = registry.memos(SLUG, kind="decision")
        assert "Units come in households." in memo.documents["markdown"]

    def test_again_gives_the_same_finding(self, begun: Workspace) -> None:
        with begun.registry() as registry:
            digest = registry.digest(SLUG)
        validate(begun, SLUG)
        with begun.registry() as registry:
            assert registry.digest(SLUG) == digest


def test_two_promises_that_collide_never_get_in_side_by_side(own: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is registered after this one was checked, and before it is locked."""
    from trialflow.stages import preregistration

    fill(own, world())
    checked = preregistration.check

    def overtaken(workspace: Workspace, registry: Any, offered: Offer, *, today: date) -> Any:
        accepted = checked(workspace, registry, offered, today=today)
        monkeypatch.setattr(preregistration, "check", checked)
        register(own, offer(promise(slug="faster_shop")), by="eve", today=TODAY)
        return accepted

    monkeypatch.setattr(preregistration, "check", overtaken)
    with pytest.raises(PromiseError, match="faster_shop holds this layer"):
        register(own, offer(promise()), by="ada", today=TODAY)
    with own.registry() as registry:
        assert registry.slugs() == ("faster_shop",)
