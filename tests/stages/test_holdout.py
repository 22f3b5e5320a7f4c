"""The quarterly holdout: everybody against those who never got anything, beside what was shipped."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from tests.stages.conftest import Lakes
from tests.stages.worlds import FINAL, FIRST, SLUG, SOURCE, TODAY, begin, fill, merged, promise, shop, world
from trialflow.decision import Decision, Signature, Verdict
from trialflow.registry import Event, EventKind
from trialflow.simulation import Arm
from trialflow.stages.aa_validation import validate
from trialflow.stages.final_analysis import analyse
from trialflow.stages.holdout import compare_holdout, exposed_share, holdouts
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.quarter import quarter_of
from trialflow.stages.sign import sign
from trialflow.stages.workspace import Workspace
from trialflow.warehouse.summary import ExposureSummary, Summary

HELD = "held_out"
SHIPPED_ON = date(2026, 1, 18)


@pytest.mark.parametrize(
    ("day", "quarter"),
    [
        (date(2026, 1, 1), (date(2026, 1, 1), date(2026, 3, 31))),
        (date(2026, 3, 31), (date(2026, 1, 1), date(2026, 3, 31))),
        (date(2024, 5, 6), (date(2024, 4, 1), date(2024, 6, 30))),
        (date(2026, 12, 31), (date(2026, 10, 1), date(2026, 12, 31))),
    ],
)
def test_a_quarter_has_its_first_and_last_day(day: date, quarter: tuple[date, date]) -> None:
    assert quarter_of(day) == quarter


@pytest.fixture
def quarterly(tmp_path: Path, lakes: Lakes) -> Workspace:
    """The shop's people, of whom one in five is also held out of everything; one experiment has shipped by the end."""
    workspace = fill(shop(tmp_path), world(effect=0.25))
    arms = (Arm(name="holdout", weight=0.2), Arm(name="everybody", weight=0.8))
    # The same people seen by another log: only its exposures are used.
    fill(
        workspace, world(slug=HELD, arms=arms, prefix="held_", source="held", seed=5, behaviours=world().behaviours[:1])
    )
    exposures = {"table": "held_exposures", "segments": {"device": "device"}}
    held = merged(SOURCE, {"name": "held", "exposures": exposures})
    (workspace.include / "sources" / "held.yaml").write_text(yaml.safe_dump(held))
    variants = [
        {"name": "holdout", "role": "holdout", "weight": 0.2},
        {"name": "everybody", "role": "treatment", "weight": 0.8},
    ]
    text = promise(
        slug=HELD,
        source="held",
        layer="holdout",
        variants=variants,
        analysis={"stopping": {"policy": "fixed", "looks": None}, "novelty": None},
    )
    begin(workspace)
    register(workspace, Offer(where="a test", text=text), by="ada", today=TODAY)
    validate(workspace, HELD)
    return workspace


def test_only_promises_with_a_holdout_that_have_begun_are_compared(quarterly: Workspace) -> None:
    assert holdouts(quarterly, TODAY) == ()
    assert holdouts(quarterly, FIRST) == (HELD,)


def test_everybody_is_compared_with_the_holdout_beside_what_was_shipped(quarterly: Workspace) -> None:
    shipped = analyse(quarterly, SLUG, SHIPPED_ON).decision
    assert shipped.verdict is Verdict.SHIP
    assert compare_holdout(quarterly, HELD, FINAL).evidence["shipped"] == []  # nobody has signed yet
    sign(quarterly, SLUG, SHIPPED_ON, verdict=Verdict.SHIP, by="ada", signed_on=SHIPPED_ON)
    finding = compare_holdout(quarterly, HELD, FINAL)
    (row,) = finding.evidence["comparisons"]

    # The same from the rows alone: views within three days of the first exposure in the holdout's own log.
    engine = quarterly.lake.engine()
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "with units as (select unit_id, arg_min(variant, exposed_at) as variant, min(exposed_at) as at"
            f" from held_exposures where experiment = '{HELD}' group by unit_id)"
            " select variant, count(e.unit_id) as views from units u left join events e on e.unit_id = u.unit_id"
            " and e.name = 'view' and e.occurred_at >= u.at and e.occurred_at::date - u.at::date <= 3"
            " group by u.unit_id, variant"
        ).fetchall()
    arms = {name: np.asarray([views for arm, views in rows if arm == name], float) for name in ("holdout", "everybody")}
    welch = stats.ttest_ind(arms["everybody"], arms["holdout"], equal_var=False)
    assert row["n_control"] == len(arms["holdout"])
    assert row["estimate"] == pytest.approx(arms["everybody"].mean() - arms["holdout"].mean(), rel=1e-9)
    assert row["p_value"] == pytest.approx(welch.pvalue, rel=1e-6)
    assert row["lower"] == pytest.approx(welch.confidence_interval().low, rel=1e-6)

    # The shipped effect stands beside it, as its own decision saw it.
    with quarterly.registry() as registry:
        (effects,) = registry.findings(SLUG, check="effects")
        *_, memo = registry.memos(HELD, kind="holdout")
        keys = [one.message.key for one in registry.messages(HELD)]
    (told,) = finding.evidence["shipped"]
    (stop,) = effects.evidence["after_stop"]
    with engine.connect() as connection:
        came, late = connection.exec_driver_sql(
            "with units as (select min(exposed_at)::date as day from held_exposures"
            f" where experiment = '{HELD}' group by unit_id having arg_min(variant, exposed_at) = 'everybody')"
            f" select count(*), count(*) filter (day > date '{SHIPPED_ON}') from units"
        ).one()
    assert told["experiment"] == SLUG
    assert not told["shrunken"]  # one finished experiment does not tell how large effects usually are
    assert told["naive"] == pytest.approx(effects.evidence["comparisons"][0]["estimate"])
    assert told["estimate"] == pytest.approx(stop["median_unbiased"])
    assert told["exposure"] == pytest.approx(late / came)
    assert finding.evidence["shipped_sum"] == pytest.approx(stop["median_unbiased"] * late / came)
    assert finding.evidence["gap"] == pytest.approx(row["estimate"] - finding.evidence["shipped_sum"])
    assert SLUG in memo.documents["markdown"]
    assert f"holdout|{HELD}|{FINAL}|{finding.fingerprint}" in keys


def test_what_was_not_shipped_by_then_is_not_counted_and_again_changes_nothing(quarterly: Workspace) -> None:
    early = compare_holdout(quarterly, HELD, date(2026, 1, 11))
    assert early.evidence["shipped"] == []
    analyse(quarterly, SLUG, SHIPPED_ON)
    sign(quarterly, SLUG, SHIPPED_ON, verdict=Verdict.SHIP, by="ada", signed_on=SHIPPED_ON)
    with quarterly.registry() as registry:
        digest = registry.digest(HELD)
    assert compare_holdout(quarterly, HELD, date(2026, 1, 11)) == early
    with quarterly.registry() as registry:
        assert registry.digest(HELD) == digest


def told(kind: EventKind, day: int, share: float | None = None) -> Event:
    detail = {} if share is None else {"share": share}
    return Event(slug=SLUG, kind=kind, as_of=date(2026, 1, day), detail=detail)


@pytest.mark.parametrize(
    ("events", "share"),
    [
        ([], 0.8),  # out from the day after the signature on: 8 of 10 days
        (
            [told(EventKind.ROLLOUT_STEP, 3, 0.1), told(EventKind.ROLLOUT_STEP, 5, 0.5), told(EventKind.LAUNCHED, 7)],
            0.52,
        ),
        ([told(EventKind.ROLLOUT_STEP, 3, 0.5), told(EventKind.ROLLED_BACK, 5)], 0.1),
        ([told(EventKind.ROLLOUT_STEP, 3, 0.5), told(EventKind.ROLLOUT_PAUSED, 5)], 0.4),
        ([told(EventKind.LAUNCHED, 1)], 0.8),  # of an earlier verdict
    ],
)
def test_a_launch_counts_for_the_units_that_came_while_it_was_out(events: list[Event], share: float) -> None:
    days = [date(2026, 1, day) for day in range(1, 11)]
    units = np.asarray([[10, 90]] * 10)
    exposures = ExposureSummary(days=tuple(days), variants=("holdout", "everybody"), new_units=units)
    summary = Summary(
        experiment=HELD, as_of=days[-1], days=tuple(days), variants=exposures.variants, exposures=exposures, metrics=()
    )
    signature = Signature(
        verdict=Verdict.SHIP, recommended=Verdict.SHIP, signed_by="ada", signed_on=date(2026, 1, 2), decision="f00d"
    )
    decision = Decision(
        experiment=SLUG, as_of=date(2026, 1, 2), verdict=Verdict.SHIP, reasons=(), findings={}, signature=signature
    )
    assert exposed_share(events, decision, summary, holdout_name="holdout") == pytest.approx(share)
