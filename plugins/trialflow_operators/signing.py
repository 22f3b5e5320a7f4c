"""The sign-off: a person answers in Airflow, the answer is recorded."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from trialflow_operators.base import announce, refusing, workspace
from trialflow_operators.times import ANALYSIS_DUE, DECIDED, day_of, partition_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from trialflow.stages.sign_off import Form

TEXT = ["null", "string"]
ASKED = "asked"
ANSWER_POLL_S = 2.0

FORM = {
    "rationale": Param(
        None,
        source="task",
        type=TEXT,
        format="multiline",
        title="Rationale",
        description="Why. Needed when another verdict than the recommended one is signed.",
    ),
    "owner": Param(None, source="task", type=TEXT, title="Owner", description="Who answers for what follows."),
    "follow_ups": Param(
        None,
        source="task",
        type=TEXT,
        format="multiline",
        title="Follow-ups",
        description="One a line: what; who; YYYY-MM-DD. Without a person it is the owner's; the day may be left out.",
    ),
    "recommendation": Param(
        None,
        source="task",
        type=TEXT,
        title="Recommendation",
        description="Fingerprint of the recommendation shown above. Leave it: it tells whether the data changed meanwhile.",
    ),
}


def _with_the_question(context: Context, form: dict[str, Any]) -> dict[str, Any]:
    """The form, about the recommendation that was asked where a program names none: data may be restated meanwhile."""
    asked = context["task_state_store"].get(ASKED)
    return form | {"recommendation": form.get("recommendation") or asked}


class SignOffOperator(HITLOperator):
    """Ask a person for the verdict with the memo as the question, and record the answer.

    Nobody answers by default and no time runs out: the task waits in `awaiting_input`, which holds no slot. An answer that
    cannot be recorded (an override without a reason, a follow-up that nobody can read) is kept, and announced as an
    analysis that is due: its run asks again, with the problem on top and the form as it was filled.
    """

    # Not subject and body: the memo holds texts from people, which must never be rendered as a template.
    template_fields = ("slug", "as_of")
    ui_color = "#fdf3d8"

    def __init__(self, *, slug: str, as_of: str, **kwargs: Any) -> None:
        # What is asked stands in the record and is read in `execute`; Airflow refuses an empty subject or no options.
        super().__init__(subject="Sign the verdict", options=["see the memo"], **kwargs)
        self.params = ParamsDict(deepcopy(FORM))
        self.slug = slug
        self.as_of = as_of

    def execute(self, context: Context) -> Any:
        """Ask, and wait."""
        from trialflow.errors import NothingToSignError
        from trialflow.stages.sign import signed_decision
        from trialflow.stages.sign_off import question

        if not self.slug:
            raise AirflowFailException("No experiment is named: give slug and as_of in the run's params.")
        asked_before = context["task_state_store"].get(ASKED)
        with refusing(), workspace().registry() as registry:
            as_of = day_of(self.as_of)
            known = signed_decision(registry, self.slug, as_of)
            if known is not None and known.signature is not None:
                if asked_before != known.fingerprint:
                    raise AirflowSkipException(f"{known.signed_by} has signed {known.final_verdict} already.")
                return self._told(context, DECIDED, f"{known.final_verdict} by {known.signed_by}")
            try:
                asked = question(registry, self.slug, as_of)
            except NothingToSignError as nothing:
                raise AirflowSkipException(str(nothing)) from nothing
        self.subject, self.body, self.options = asked.subject, asked.body, list(asked.options)
        self._fill(asked.form)
        if asked_before:
            self._wait_for_the_answer(context)
        context["task_state_store"].set(ASKED, asked.form.recommendation, retention=NEVER_EXPIRE)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer; return the signed verdict and who signed."""
        from trialflow.errors import NothingToSignError, SignatureError
        from trialflow.stages.sign_off import answered

        if "error" in event:
            self.process_trigger_event_error(event)
        by = event["responded_by_user"]
        try:
            with refusing():
                signed = answered(
                    workspace(),
                    self.slug,
                    day_of(self.as_of),
                    option=event["chosen_options"][0] if event["chosen_options"] else "",
                    form=_with_the_question(context, event["params_input"] or {}),
                    by=by["name"] if by else "",
                    at=event["responded_at"],
                )
        except NothingToSignError as nothing:
            raise AirflowSkipException(str(nothing)) from nothing
        except SignatureError as refused:
            self.log.warning("The answer was not recorded, and is asked for again: %s", refused)
            return self._told(context, ANALYSIS_DUE, str(refused))
        verdict = f"{signed.decision.final_verdict} by {signed.decision.signed_by}"
        if not signed.created:
            raise AirflowSkipException(f"It was signed already: {verdict}.")
        return self._told(context, DECIDED, verdict)

    def _told(self, context: Context, asset: Any, text: str) -> str:
        announce(context, asset, [partition_of(self.slug, day_of(self.as_of))])
        self.log.info("%s on %s: %s", self.slug, self.as_of, text)
        return text

    def _fill(self, form: Form) -> None:
        """Let the form begin with what is known."""
        for name in FORM:
            self.params[name] = getattr(form, name) or None

    def _wait_for_the_answer(self, context: Context) -> None:
        """Wait for the answer to the question of an earlier try, given or not.

        Airflow 3.3 can fail a sign-off that is answered within a second of parking. The question and its answer outlive
        the try, but asking again would delete the answer, and only a trigger can read it.
        """
        ti_id = context["ti"].id
        self.defer(
            trigger=HITLTrigger(
                ti_id=ti_id, options=self.options, params={}, timeout_datetime=None, poke_interval=ANSWER_POLL_S
            ),
            method_name="execute_complete",
        )
