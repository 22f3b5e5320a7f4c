"""One life through the DAGs, and what must hold of them on the way."""

from __future__ import annotations

import shutil
from datetime import date

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.dags.conftest import ROOT, states
from tests.dags.signer import answering
from trialflow.decision import Verdict
from trialflow.registry import Stage
from trialflow.stages.samples import load_samples
from trialflow.stages.sign import signed_decision
from trialflow_operators.times import AS_OF, KEY_DAY, KEY_SLUG

SLUG = "cookie_cats"
DAY = "2018-01-01"
ASKED = {"slug": SLUG, "as_of": DAY}


def promise_text(workspace, slug: str = SLUG) -> str:
    return (workspace.include / "experiments" / f"{slug}.yaml").read_text()


@pytest.mark.slow
def test_an_experiment_lives_its_whole_life(workspace, run_dag):
    load_samples(workspace)

    run = run_dag("preregistration", conf={"yaml": promise_text(workspace)})
    assert states(run)["register"] == ["success"]
    assert states(run)["order"] == ["skipped"]
    assert states(run)["done"] == ["success"]

    assert states(run_dag("aa_validation", conf={"slug": SLUG}))["validate"] == ["success"]

    run = run_dag("daily_monitoring", conf={"as_of": DAY})
    assert states(run)["monitor"] == ["success"]

    assert states(run_dag("novelty_decay", conf={"as_of": DAY}))["judge"] == ["success"]
    with answering("ROLLBACK gate_40", by="ada", follow_ups="Ask players; eve; 2018-02-15") as asked:
        run = run_dag("final_analysis", conf=ASKED)
    assert states(run) == {"analyse": ["success"], "sign": ["success"], "tell": ["skipped"], "done": ["success"]}
    assert asked[0]["options"] == ["ROLLBACK gate_40", "SHIP gate_40", "HOLD", "INVALID"]
    with workspace.registry() as registry:
        assert registry.life(SLUG, date(2018, 1, 1)).stage is Stage.DECIDED
        decision = signed_decision(registry, SLUG, date(2018, 1, 1))
        memos = registry.memos(SLUG, kind="decision", revisions=True)
        assert {memo.kind for memo in registry.memos(SLUG)} == {"registration", "decision"}
    assert (decision.final_verdict, decision.signed_by, decision.overridden) == (Verdict.ROLLBACK, "ada", False)
    assert asked[0]["body"].endswith(memos[0].documents["markdown"])
    assert [memo.revision for memo in memos] == [0, 1]
    assert announced("trialflow_decided")[-1] == f"{SLUG}|{DAY}"
    assert (workspace.memo_root / SLUG / f"{DAY}-decision.html").is_file()

    again = run_dag("final_analysis", conf=ASKED)
    assert states(again)["sign"] == ["skipped"]
    assert states(again)["done"] == ["success"]

    assert states(run_dag("rollout", conf={"slug": SLUG, "as_of": DAY}))["record"] == ["success"]
    with workspace.registry() as registry:
        assert registry.life(SLUG, date(2018, 1, 1)).stage is Stage.ROLLED_BACK

    run = run_dag("quarterly_holdout", conf={"as_of": DAY})
    assert states(run)["compare"] == ["skipped"]
    assert str(run.state) == "success"


@pytest.mark.slow
def test_an_answer_that_cannot_stand_is_asked_for_again_with_what_was_written(workspace, run_dag):
    load_samples(workspace)
    hostile = promise_text(workspace).replace("title: ", "title: '{{ 6 * 7 }} {% raw %}' # ")
    run_dag("preregistration", conf={"yaml": hostile})
    run_dag("aa_validation", conf={"slug": SLUG})
    before = announced("trialflow_decided")

    written = {"owner": "Eve", "follow_ups": "Ask players; eve; in February"}
    with answering("HOLD", by="eve", **written) as asked:
        run = run_dag("final_analysis", conf=ASKED)
    assert "{{ 6 \\* 7 }} {% raw %}" in asked[0]["body"]
    assert states(run)["sign"] == ["success"]
    assert announced("trialflow_decided") == before
    assert announced()[-1] == f"{SLUG}|{DAY}"
    with workspace.registry() as registry:
        assert registry.life(SLUG, date(2018, 1, 1)).stage is Stage.ANALYSED

    corrected = {"rationale": "We keep {{ both }} gates.", "follow_ups": "Ask players; eve; 2018-02-15"}
    with answering("HOLD", by="eve", **written | corrected) as asked:
        run_dag("final_analysis", conf=ASKED)
    assert asked[0]["body"].startswith("## Please answer again")
    assert "is missing: HOLD where ROLLBACK is recommended" in asked[0]["body"]
    assert "'in February' is not a day" in asked[0]["body"]
    assert announced("trialflow_decided") == [*before, f"{SLUG}|{DAY}"]
    with workspace.registry() as registry:
        decision = signed_decision(registry, SLUG, date(2018, 1, 1))
        (message,) = (one for one in registry.messages(SLUG) if one.message.key.startswith("sign-again|"))
    assert (decision.final_verdict, decision.overridden, decision.signed_by) == (Verdict.HOLD, True, "eve")
    assert decision.signature.rationale == "We keep {{ both }} gates."
    ((_, link),) = message.message.links
    assert link.startswith("ui:/dags/final_analysis/runs/")
    assert link.endswith("/tasks/sign/required_actions")


def test_runs_that_wait_for_a_signature_keep_no_other_analysis_waiting():
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(str(ROOT / "dags" / "final_analysis.py")).dags["final_analysis"]
    assert dag.max_active_runs >= 1000
    sign = dag.get_task("sign")
    assert sign.retries >= 2
    assert sign.defaults is None
    assert sign.response_timeout is None
    assert set(sign.template_fields) == {"slug", "as_of"}


def test_a_bad_promise_fails_with_all_its_errors_and_stores_nothing(workspace, run_dag, caplog):
    bad = (
        promise_text(workspace)
        .replace("weight: 0.5", "weight: 0.7")
        .replace("metric: retention_7", "metric: retenshun_7")
    )
    run = run_dag("preregistration", conf={"yaml": bad})
    assert states(run)["register"] == ["failed"]
    assert states(run)["done"] == ["upstream_failed"]
    assert str(run.state) == "failed"
    with workspace.registry() as registry:
        assert registry.slugs() == ()


def test_a_change_without_a_reason_is_refused_and_with_one_is_an_amendment(workspace, run_dag):
    text = promise_text(workspace)
    run_dag("preregistration", conf={"yaml": text})
    changed = text.replace("absolute: 0.005", "absolute: 0.004")
    assert states(run_dag("preregistration", conf={"yaml": changed}))["register"] == ["failed"]
    run = run_dag("preregistration", conf={"yaml": changed, "reason": "The team lowered the bar."})
    assert states(run)["register"] == ["success"]
    with workspace.registry() as registry:
        (amendment,) = registry.amendments(SLUG)
    assert amendment.reason == "The team lowered the bar."
    assert [difference.field for difference in amendment.differences] == [
        "experiment.metrics.primary.minimum_effect.absolute"
    ]


def test_a_reason_without_a_promise_amends_the_file_of_the_named_slug_and_no_other(
    workspace, run_dag, tmp_path, monkeypatch
):
    shutil.copytree(workspace.include, tmp_path / "include", ignore=shutil.ignore_patterns("trialflow", "samples"))
    monkeypatch.setenv("TRIALFLOW_INCLUDE", str(tmp_path / "include"))
    slugs = (SLUG, "hillstrom")
    for path in (tmp_path / "include" / "experiments").glob("*.yaml"):
        if path.stem not in slugs:
            path.unlink()
    assert states(run_dag("preregistration"))["register"] == ["success", "success"]
    for slug in slugs:
        path = tmp_path / "include" / "experiments" / f"{slug}.yaml"
        path.write_text(path.read_text().replace("title: ", "title: Changed, "))

    refused = run_dag("preregistration", conf={"reason": "The title was wrong."})
    assert states(refused)["find"] == ["failed"]
    run = run_dag("preregistration", conf={"slug": SLUG, "reason": "The title was wrong."})
    assert states(run)["register"] == ["success"]
    with workspace.registry() as registry:
        assert [one.reason for one in registry.amendments(SLUG)] == ["The title was wrong."]
        assert registry.amendments("hillstrom") == ()


def test_people_can_end_an_experiment_with_a_reason(workspace, run_dag):
    run_dag("preregistration", conf={"yaml": promise_text(workspace)})
    refused = run_dag("preregistration", conf={"action": "withdraw", "slug": SLUG, "as_of": "2017-12-31"})
    assert states(refused)["order"] == ["failed"]
    run = run_dag(
        "preregistration",
        conf={"action": "withdraw", "slug": SLUG, "as_of": "2017-12-31", "reason": "The feature was cut."},
    )
    assert states(run)["order"] == ["success"]
    assert states(run)["register"] == ["skipped"]
    with workspace.registry() as registry:
        assert registry.life(SLUG, date(2018, 1, 1)).stage is Stage.RETIRED


def test_nothing_to_do_is_a_success(workspace, run_dag):
    run = run_dag("daily_monitoring", conf={"as_of": "2001-01-01"})
    assert states(run)["monitor"] == ["skipped"]
    assert str(run.state) == "success"


def test_a_run_speaks_of_the_day_before_it_or_of_the_day_it_is_told():
    import jinja2
    from airflow.sdk.definitions._internal.templater import SandboxedEnvironment
    from airflow.sdk.execution_time import macros

    class Run:
        logical_date = None
        run_after = "2026-03-02"

    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined)
    environment.filters["ds"] = str
    template = environment.from_string(AS_OF)
    assert template.render(params={"as_of": None}, macros=macros, dag_run=Run) == "2026-03-01"
    assert template.render(params={"as_of": "2026-01-05"}, macros=macros, dag_run=Run) == "2026-01-05"


@pytest.mark.parametrize(
    ("context", "slug", "day"),
    [
        ({"partition_key": "alpha|2026-01-05", "params": {"slug": None, "as_of": None}}, "alpha", "2026-01-05"),
        ({"partition_key": "alpha", "params": {"slug": None, "as_of": None}}, "alpha", ""),
        ({"partition_key": None, "params": {"slug": "beta", "as_of": "2026-01-06"}}, "beta", "2026-01-06"),
        ({"partition_key": None, "params": {"slug": None, "as_of": None}}, "", ""),
    ],
)
def test_a_consumer_reads_its_partition_key_or_its_params(context, slug, day):
    import jinja2

    assert jinja2.Template(KEY_SLUG).render(context) == slug
    assert jinja2.Template(KEY_DAY).render(context) == day


def test_an_operator_without_an_experiment_says_what_to_give(workspace):
    from trialflow_operators.final import AnalyseOperator

    with pytest.raises(AirflowFailException, match="give slug and as_of"):
        AnalyseOperator(task_id="analyse", slug="", as_of="").execute({})


def announced(asset: str = "trialflow_analysis_due") -> list[str]:
    """Partition keys of all events of an asset, None for one without a key."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetEvent.partition_key).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        return list(session.scalars(query.where(AssetModel.name == asset)))


@pytest.mark.slow
def test_only_days_with_something_due_are_announced(workspace, run_dag):
    slug = "open_bandit_men"
    load_samples(workspace)
    run_dag("preregistration", conf={"yaml": promise_text(workspace, slug)})
    run_dag("aa_validation", conf={"slug": slug})
    before = announced()
    assert states(run_dag("daily_monitoring", conf={"as_of": "2019-11-25"}))["monitor"] == ["success"]
    assert announced() == before
    assert states(run_dag("daily_monitoring", conf={"as_of": "2019-11-30"}))["monitor"] == ["success"]
    assert announced() == [*before, f"{slug}|2019-11-30"]
