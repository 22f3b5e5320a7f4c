"""What an experiment may learn from the others on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.checks.test_shrinkage import effects, row
from tests.fakes import a_promise, a_source
from trialflow.checks.finding import Finding
from trialflow.decision import Decision, Reason, Verdict
from trialflow.registry import Registry
from trialflow.spec.fingerprint import document, fingerprint
from trialflow.spec.plan_document import plan_document
from trialflow.spec.promise import Promise
from trialflow.stages.portfolio import finished_before, shrinkage

TODAY = date(2026, 6, 1)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(f"sqlite:///{tmp_path / 'record.db'}") as opened:
        yield opened


def register(registry: Registry, slug: str, *, simulated: bool = False) -> Promise:
    promise = a_promise(slug=slug, source=a_source().model_copy(update={"simulated": simulated}))
    stated = document(promise)
    stated["sources"]["shop"]["simulated"] = simulated
    registry.register(stated, plan_document(promise.plan), fingerprint(promise), slug, "ada")
    return promise


def decide(registry: Registry, slug: str, as_of: date, estimate: float, verdict: Verdict = Verdict.HOLD) -> Finding:
    made = Finding.from_document(effects(row(estimate), experiment=slug).document() | {"as_of": as_of.isoformat()})
    decision = Decision(
        experiment=slug,
        as_of=as_of,
        verdict=verdict,
        reasons=(Reason(text="Because.", check="effects", finding=made.fingerprint),),
        findings={"effects": made.fingerprint},
    )
    with registry.append(slug) as record:
        record.findings([made])
        record.decision(decision.document(), decision.fingerprint, as_of)
    return made


def test_every_finished_experiment_counts_whatever_its_verdict(registry: Registry) -> None:
    mine = register(registry, "mine")
    for number, verdict in enumerate((Verdict.SHIP, Verdict.HOLD, Verdict.ROLLBACK)):
        register(registry, f"other-{number}")
        decide(registry, f"other-{number}", TODAY - timedelta(days=1), 0.1 * number, verdict)
    found = finished_before(registry, mine, TODAY)
    assert [(one.experiment, one.estimate) for one in found] == [("other-0", 0.0), ("other-1", 0.1), ("other-2", 0.2)]


def test_what_is_not_over_by_then_or_is_no_effect_does_not_count(registry: Registry) -> None:
    mine = register(registry, "mine")
    decide(registry, "mine", TODAY - timedelta(days=9), 0.9)
    for slug in ("same-day", "extended", "invalid", "undecided"):
        register(registry, slug)
    decide(registry, "same-day", TODAY, 0.1)
    decide(registry, "extended", TODAY - timedelta(days=1), 0.1, Verdict.EXTEND)
    decide(registry, "invalid", TODAY - timedelta(days=1), 0.1, Verdict.INVALID)
    assert finished_before(registry, mine, TODAY) == ()


def test_simulated_effects_say_nothing_about_real_ones(registry: Registry) -> None:
    real, simulated = register(registry, "real"), register(registry, "made-up", simulated=True)
    decide(registry, "real", TODAY - timedelta(days=1), 0.1)
    decide(registry, "made-up", TODAY - timedelta(days=1), 0.2)
    assert finished_before(registry, real, TODAY) == ()
    assert finished_before(registry, simulated, TODAY) == ()


def test_the_last_verdict_counts_with_the_effects_it_weighed(registry: Registry) -> None:
    mine = register(registry, "mine")
    register(registry, "other")
    decide(registry, "other", TODAY - timedelta(days=9), 0.1, Verdict.EXTEND)
    decide(registry, "other", TODAY - timedelta(days=2), 0.2)
    decide(registry, "other", TODAY - timedelta(days=2), 0.3)  # restated data
    assert [one.estimate for one in finished_before(registry, mine, TODAY)] == [0.3]


def test_a_final_analysis_without_effects_has_nothing_to_shrink(registry: Registry) -> None:
    mine = register(registry, "mine")
    assert shrinkage(registry, mine, {}, TODAY) is None
    made = effects(row())
    found = shrinkage(registry, mine, {"effects": made}, TODAY)
    assert found is not None
    assert found.check == "shrinkage"
    assert "and 0 came before" in found.headline
