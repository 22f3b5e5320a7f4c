"""Every memo can be made again from the record, and whatever was changed behind its back is found."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.stages.conftest import Lakes
from tests.stages.worlds import FINAL, SLUG, begin, promise, shop, world
from trialflow.decision import Verdict
from trialflow.errors import MemoInputError, NotSupportedError
from trialflow.registry import StoredMemo
from trialflow.registry.canonical import canonical
from trialflow.stages import rebuild as rebuilding
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.orders import order
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.rebuild import rebuild, rebuilt, signed_memo
from trialflow.stages.sign import sign, signed_decision
from trialflow.stages.telling import texts_of
from trialflow.stages.verify import Outcome, Proof, report, verify
from trialflow.stages.workspace import Workspace

DAY = date(2026, 1, 18)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, lakes: Lakes) -> Path:
    """A life with an amendment, a pause, an analysis and a signature against the recommendation; to be copied."""
    root = tmp_path_factory.mktemp("lived")
    workspace = begin(shop(root, lake=lakes(world(effect=0.25))))
    register(
        workspace,
        Offer(where="a test", text=promise(audience="All visitors but robots (simulated)")),
        by="ada",
        today=date(2026, 1, 4),
        reason="Robots were forgotten.",
    )
    order(workspace, SLUG, "pause", as_of=date(2026, 1, 7), by="ada", reason="A holiday.")
    order(workspace, SLUG, "resume", as_of=date(2026, 1, 8), by="ada", reason="")
    monitor(workspace, SLUG, date(2026, 1, 11))
    analyse(workspace, SLUG, DAY)
    sign(workspace, SLUG, DAY, verdict=Verdict.HOLD, by="eve", rationale="Too dear to run.", signed_on=DAY)
    return root


@pytest.fixture
def workspace(lived: Path, tmp_path: Path, lakes: Lakes) -> Workspace:
    shutil.copytree(lived / "home", tmp_path / "home")
    return shop(tmp_path, lake=lakes(world(effect=0.25)))


def proofs(workspace: Workspace) -> tuple[Proof, ...]:
    with workspace.registry() as registry:
        return verify(registry)


def broken(workspace: Workspace) -> list[str]:
    return [str(proof) for proof in proofs(workspace) if proof.outcome is Outcome.BROKEN]


def memos(workspace: Workspace) -> dict[tuple[str, int], StoredMemo]:
    with workspace.registry() as registry:
        return {(one.kind, one.revision): one for one in registry.memos(SLUG, revisions=True)}


def tamper(workspace: Workspace, *statements: str) -> None:
    """Change the file as somebody would who does not ask the library."""
    with sqlite3.connect(workspace.registry_url.removeprefix("sqlite:///")) as connection:
        triggers = connection.execute("select name from sqlite_master where type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f'drop trigger "{name}"')
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
    connection.close()


def test_every_memo_is_made_again_byte_for_byte(workspace: Workspace) -> None:
    told = memos(workspace)
    assert sorted(told) == [("decision", 0), ("decision", 1), ("registration", 0), ("registration", 1)]
    with workspace.registry() as registry:
        for stored in told.values():
            assert texts_of(rebuilt(registry, stored)) == stored.documents
        assert texts_of(rebuild(registry, SLUG, DAY)) == told["decision", 1].documents
    assert {proof.outcome for proof in proofs(workspace)} == {Outcome.HOLDS}


def test_what_is_recorded_later_changes_no_memo_of_before(workspace: Workspace) -> None:
    order(workspace, SLUG, "pause", as_of=date(2026, 1, 9), by="ada", reason="Given late.")
    monitor(workspace, SLUG, date(2026, 1, 6))
    monitor(workspace, SLUG, FINAL)
    assert broken(workspace) == []


def test_the_signature_is_added_to_the_memo_as_it_was_analysed(workspace: Workspace) -> None:
    with workspace.registry() as registry:
        decision = signed_decision(registry, SLUG, DAY)
        assert decision is not None
        memo = signed_memo(registry, decision)
    assert memo.labels[0] == "overridden: SHIP treatment was recommended"
    assert texts_of(memo)["html"] == memos(workspace)["decision", 1].documents["html"]


def test_a_memo_that_is_not_there_or_keeps_no_inputs_is_refused(workspace: Workspace) -> None:
    with workspace.registry() as registry:
        with pytest.raises(MemoInputError, match="no decision memo"):
            rebuild(registry, SLUG, date(2026, 1, 2))
        old = dataclasses.replace(registry.memos(SLUG)[0], documents={"markdown": "Once upon a time."})
        with pytest.raises(NotSupportedError, match="keeps no inputs"):
            rebuilt(registry, old)


def field(table: str, column: str, where: str, old: str, new: str) -> str:
    return (
        f"update {table} set {column} = replace({column}, '{old}', '{new}') where {where} and {column} like '%{old}%'"
    )


OF_THE_DAY = "as_of = '2026-01-18'"


@pytest.mark.parametrize(
    "statement",
    [
        field("promises", "document", "version = 1", "Ranking team", "Other team"),
        field("promises", "plan", "version = 2", '"units_per_day":9', '"units_per_day":8'),
        field("promises", "plan", "version = 2", '"tuning_units":', '"tuning_units":1'),
        field("promises", "plan", "version = 1", '"units_per_day":', '"units_per_day":x'),
        field("promises", "document", "version = 1", '"hypothesis"', '"hypotheses"'),
        field("promises", "reason", "version = 2", "Robots", "Humans"),
        field("promises", "fingerprint", "version = 2", "a", "b"),
        field("findings", "document", f"{OF_THE_DAY} and check_name = 'effects'", '"estimate":0', '"estimate":1'),
        field("findings", "document", "check_name = 'power'", '"headline":"', '"headline":"Not '),
        field("findings", "status", f"{OF_THE_DAY} and check_name = 'srm'", "pass", "warn"),
        "delete from findings where check_name = 'srm' and as_of = '2026-01-18'",
        field("looks", "document", OF_THE_DAY, '"crossed":false', '"crossed":true'),
        "delete from looks where as_of = '2026-01-11'",
        field("decisions", "document", OF_THE_DAY, "SHIP", "HOLD"),
        field("decisions", "fingerprint", OF_THE_DAY, "a", "b"),
        field("events", "detail", "kind = 'paused'", "holiday", "strike"),
        "delete from events where kind = 'paused'",
        field("events", "detail", "kind = 'signed'", "Too dear", "Too cheap"),
        field("events", "by", "kind = 'signed'", "eve", "bob"),
        field("events", "detail", "kind = 'decided'", "HOLD", "SHIP"),
        "delete from events where kind = 'signed'",
        "update summaries set data_fingerprint = 'f00d' where as_of = '2026-01-18'",
        field("memos", "documents", "kind = 'decision' and revision = 1", "Too dear", "Too cheap"),
        field("memos", "documents", "kind = 'registration' and revision = 0", "Ranking team", "Other team"),
        "delete from memos where kind = 'decision' and revision = 0",
    ],
)
def test_whatever_was_changed_is_found(workspace: Workspace, statement: str) -> None:
    tamper(workspace, statement)
    assert broken(workspace)


def test_a_finding_changed_with_care_is_missed_by_nobody_who_cited_it(workspace: Workspace) -> None:
    tamper(
        workspace,
        field("findings", "document", f"{OF_THE_DAY} and check_name = 'effects'", '"estimate":0', '"estimate":1'),
    )
    told = " ".join(broken(workspace))
    assert "decision of 2026-01-18" in told
    assert "not on record as they were weighed: effects" in told
    assert "the finding effects of 2026-01-18" in told


@pytest.fixture
def other_code(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """The same library as if its files were others."""

    def use(name: str) -> None:
        monkeypatch.setattr("trialflow.stages.verify.code", lambda: name)

    return use


def test_a_memo_of_other_code_that_comes_out_the_same_holds_and_says_so(
    workspace: Workspace, other_code: Callable[[str], None]
) -> None:
    other_code("trialflow 9.9.9 (0123456789ab)")
    told = [proof for proof in proofs(workspace) if proof.subject.startswith("memo")]
    assert {proof.outcome for proof in told} == {Outcome.HOLDS}
    assert all("the same bytes, though made by trialflow" in proof.told for proof in told)


def test_a_memo_that_other_code_tells_otherwise_is_told_apart_and_fails_nothing(
    workspace: Workspace, other_code: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(source: rebuilding.Source, made_by: str) -> object:
        return dataclasses.replace(build(source, made_by), summary="In other words.")

    build = rebuilding.BUILDERS["decision"]
    monkeypatch.setattr(rebuilding, "BUILDERS", {**rebuilding.BUILDERS, "decision": otherwise})
    assert "made again it differs in html, inputs, markdown, slack" in " ".join(broken(workspace))
    other_code("trialflow 9.9.9 (0123456789ab)")
    assert broken(workspace) == []
    assert "not comparable with trialflow 9.9.9 (0123456789ab)" in report(proofs(workspace))


def test_code_that_is_said_to_have_made_a_memo_must_stand_in_it(workspace: Workspace) -> None:
    stored = memos(workspace)["decision", 1]
    inputs = json.loads(stored.documents["inputs"]) | {"code": "trialflow 8 (feed)"}
    text = canonical({**stored.documents, "inputs": canonical(inputs)}).replace("'", "''")
    tamper(workspace, f"update memos set documents = '{text}' where kind = 'decision' and revision = 1")
    assert "its text does not name trialflow 8 (feed)" in " ".join(broken(workspace))


def test_a_memo_without_inputs_is_not_comparable(workspace: Workspace) -> None:
    tamper(workspace, "update memos set documents = '{\"markdown\":\"Old.\"}' where kind = 'registration'")
    assert broken(workspace) == []
    outcomes = {proof.outcome for proof in proofs(workspace) if "registration" in proof.subject}
    assert outcomes == {Outcome.NOT_COMPARABLE}


def test_the_report_counts_what_it_lists(workspace: Workspace) -> None:
    text = report(proofs(workspace))
    assert text.startswith(f"{SLUG}\n  holds")
    assert text.endswith("0 not comparable, 0 broken")
