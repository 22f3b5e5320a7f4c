"""The sign-off operator where dag.test() does not lead: retries after an answer, and what is skipped."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from tests.dags.test_life import DAY, SLUG, promise_text
from trialflow.decision import Verdict
from trialflow.stages.aa_validation import validate
from trialflow.stages.final_analysis import analyse
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.samples import load_samples
from trialflow.stages.sign import sign, signed_decision
from trialflow_operators.signing import SignOffOperator
from trialflow_operators.times import ANALYSIS_DUE, DECIDED

AS_OF = date(2018, 1, 1)


@pytest.fixture
def analysed(workspace):
    """Cookie Cats with a verdict that waits for a signature."""
    load_samples(workspace)
    offer = Offer(where="test", text=promise_text(workspace), slug=SLUG)
    register(workspace, offer, by="test", today=date(2026, 11, 22))
    validate(workspace, SLUG)
    return analyse(workspace, SLUG, AS_OF).decision


class Announced(dict):
    """Stands for the outlets' events: asset → partition keys."""

    def __missing__(self, asset):
        self[asset] = SimpleNamespace(keys=[])
        self[asset].add_partitions = self[asset].keys.extend
        return self[asset]


def a_try(asked: str = "") -> tuple[SignOffOperator, dict[str, Any]]:
    """The operator, and the context of a try; `asked` is the recommendation that an earlier try has asked about."""
    operator = SignOffOperator(task_id="sign", slug=SLUG, as_of=DAY, outlets=[DECIDED, ANALYSIS_DUE])
    known = {"asked": asked} if asked else {}
    ti = SimpleNamespace(id=uuid.uuid4(), task=operator)
    return operator, {"task_state_store": known, "ti": ti, "task_instance": ti, "outlet_events": Announced()}


def an_answer(option: str, **form: str) -> dict[str, Any]:
    person = {"id": "1", "name": "ada"}
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return {"chosen_options": [option], "params_input": form, "responded_at": at, "responded_by_user": person}


def test_a_retry_waits_for_the_answer_to_the_question_that_was_asked_and_does_not_ask_again(analysed):
    operator, context = a_try(asked=analysed.fingerprint)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    assert isinstance(deferred.value.trigger, HITLTrigger)
    assert deferred.value.trigger.ti_id == context["ti"].id
    assert deferred.value.method_name == "execute_complete"
    assert deferred.value.timeout is None


def test_a_try_that_was_killed_after_signing_still_starts_the_rollout(workspace, analysed):
    sign(workspace, SLUG, AS_OF, verdict=Verdict.ROLLBACK, by="ada", signed_on=AS_OF)
    operator, context = a_try(asked=analysed.fingerprint)
    assert operator.execute(context) == "ROLLBACK by ada"
    assert context["outlet_events"][DECIDED].keys == [f"{SLUG}|{DAY}"]
    assert operator.outlets == [DECIDED]

    operator, context = a_try()
    with pytest.raises(AirflowSkipException, match="ada has signed ROLLBACK already"):
        operator.execute(context)


def test_an_answer_is_recorded_with_its_user_and_announced(workspace, analysed):
    operator, context = a_try()
    assert operator.execute_complete(context, an_answer("ROLLBACK gate_40")) == "ROLLBACK by ada"
    assert context["outlet_events"][DECIDED].keys == [f"{SLUG}|{DAY}"]
    with workspace.registry() as registry:
        assert signed_decision(registry, SLUG, AS_OF).signed_by == "ada"
    with pytest.raises(AirflowSkipException, match="signed already"):
        operator.execute_complete(context, an_answer("HOLD", rationale="I am late."))


def test_an_answer_to_a_recommendation_that_was_replaced_is_asked_again(analysed):
    operator, context = a_try()
    told = operator.execute_complete(context, an_answer("ROLLBACK gate_40", recommendation="0000000000000000"))
    assert "restated" in told
    assert context["outlet_events"][ANALYSIS_DUE].keys == [f"{SLUG}|{DAY}"]
    assert operator.outlets == [ANALYSIS_DUE]


def test_an_answer_that_names_no_recommendation_is_about_the_one_that_was_asked(analysed):
    operator, context = a_try(asked="0000000000000000")
    assert "restated" in operator.execute_complete(context, an_answer("ROLLBACK gate_40", recommendation=""))
    operator, context = a_try(asked=analysed.fingerprint)
    assert operator.execute_complete(context, an_answer("ROLLBACK gate_40")) == "ROLLBACK by ada"


def test_where_nothing_was_analysed_nothing_is_asked(workspace):
    operator, context = a_try()
    with pytest.raises(AirflowFailException, match="cookie_cats"):
        operator.execute(context)
    nobody = SignOffOperator(task_id="sign", slug="", as_of="")
    with pytest.raises(AirflowFailException, match="give slug and as_of"):
        nobody.execute({})
