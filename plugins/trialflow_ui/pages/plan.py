"""A plan, and the promise that it becomes. Nothing here stores anything: registration is a run in Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from trialflow.errors import NotSupportedError, Problem, PromiseError, WarehouseError
from trialflow.overview import plan_words
from trialflow.overview.plan_concerns import concerns
from trialflow.overview.plan_faults import by_field
from trialflow.overview.plan_form import BASES, MOST_GUARDRAILS, PlanForm, draft, label, part_text
from trialflow.overview.plan_history import recorded, segments_on_record
from trialflow.overview.planning import Planned, planned
from trialflow.overview.promise_text import LONGEST as LONGEST_WORD
from trialflow.overview.promise_text import WORDS, offers, with_words, words_in
from trialflow.overview.reader import Reader
from trialflow.overview.unanswered import public_reason
from trialflow.spec.catalog import Catalog
from trialflow.spec.experiment import Policy
from trialflow.spec.yaml_text import MAX_CHARACTERS
from trialflow.stages.preregistration import Accepted, Offer, check
from trialflow_ui.access import may_act
from trialflow_ui.entry import PREFIX
from trialflow_ui.plan_charts import chance_chart, effect_chart
from trialflow_ui.record import record, registry, workspace
from trialflow_ui.render import page, yesterday

router = APIRouter()
LONGEST = 200
WHERE = "the promise"
GUARDED = ("guardrail_", "margin_", "mean_", "std_dev_")
POLICIES = {
    Policy.FIXED.value: "one look, on the last day",
    Policy.GROUP_SEQUENTIAL.value: "group sequential, with planned looks",
    Policy.ALWAYS_VALID.value: "always valid, read every day",
}


@router.get("/plan/")
def plan(
    request: Request, view: Annotated[Reader, Depends(record)], can_act: Annotated[bool, Depends(may_act)]
) -> HTMLResponse:
    """The form, and what registration would lock for it."""
    query = _query(request)
    catalog = workspace().catalog()
    form = PlanForm.of(query)
    made = _made(form, view) if "effect" in query else None
    result = made.result if made else None
    faults = by_field(made.faults) if made else {}
    today = yesterday() + timedelta(days=1)
    return page(
        request,
        "plan.html.j2",
        section="plan",
        title="Plan",
        form=form,
        usual=draft(PlanForm(), today=today),
        faults=faults,
        guarded=bool(form.numbered) or any(name.startswith(GUARDED) for name in faults),
        asked=made is not None,
        result=result,
        concerns=tuple(concerns(result)) if result else (),
        words=plan_words,
        charts=(effect_chart(result), chance_chart(result)) if result and result.curve else (),
        metrics=sorted(catalog.metrics.values(), key=lambda one: (one.source, one.name)),
        parts=_parts(view, catalog, form.part),
        audiences=offers(view)["audience"],
        label=label,
        bases=BASES,
        policies=POLICIES,
        rows=min(max([0, *(number for number, _ in form.numbered)]) + 1, MOST_GUARDRAILS),
        query=urlencode({name: value for name, value in query.items() if value}),
        query_with=lambda changes: urlencode(
            {name: value for name, value in {**query, **dict(changes)}.items() if value}
        ),
        can_act=can_act,
        today=today,
    )


@router.get("/plan/register")
def promise(
    request: Request, view: Annotated[Reader, Depends(record)], can_act: Annotated[bool, Depends(may_act)]
) -> HTMLResponse:
    """The promise as YAML, filled from a plan; a person writes the words."""
    query = _query(request)
    made = _made(PlanForm.of(query), view) if "effect" in query else None
    text = made.result.text if made and made.result else ""
    return _promise_page(request, view, can_act=can_act, text=text, faulty=bool(made and made.faults))


async def written(request: Request) -> dict[str, str]:
    """The words of the promise that were changed in their fields: what is as it was shown yields to the text."""
    sent = await request.form()

    def value(name: str) -> str:
        return str(sent.get(name) or "").replace("\r\n", "\n").strip()[:LONGEST_WORD]

    pairs = ((one.field, value(one.name), value(f"was_{one.name}")) for one in WORDS if one.name in sent)
    return {field: now for field, now, before in pairs if now != before}


@router.post("/plan/check")
def check_promise(
    request: Request,
    view: Annotated[Reader, Depends(record)],
    can_act: Annotated[bool, Depends(may_act)],
    words: Annotated[Mapping[str, str], Depends(written)],
    text: Annotated[str, Form(alias="yaml", max_length=MAX_CHARACTERS)] = "",
    reason: Annotated[str, Form(max_length=4000)] = "",
) -> HTMLResponse:
    """What registration would say to this text, with the words from the fields. It reads, and stores nothing."""
    if not can_act:
        raise HTTPException(403, "Checking a promise is for those who may register it.")
    problems: tuple[Problem, ...] = ()
    accepted = None
    # Browsers send line ends as CR LF.
    text, unwritten = with_words(text.replace("\r\n", "\n"), words, WHERE)
    try:
        offer = Offer(where=WHERE, fields={"yaml": text})
        accepted = check(workspace(), registry(), offer, today=yesterday() + timedelta(days=1))
    except PromiseError as error:
        problems = tuple(error.problems)
    except (WarehouseError, NotSupportedError) as error:
        cure = "state the baselines in the promise, or have the warehouse answer"
        problems = (Problem(where=WHERE, field="source", value="", message=public_reason(error), cure=cure),)
    on_record = accepted is not None and accepted.promise.slug in view.promises()
    return _promise_page(
        request,
        view,
        can_act=can_act,
        text=text,
        reason=reason,
        problems=(*unwritten, *problems),
        accepted=None if unwritten else accepted,
        on_record=on_record,
        checked=True,
        kept=words if unwritten else {},
    )


@router.get("/plan/check")
def checked_before(request: Request) -> Response:
    """Airflow's frame loads an address again that was posted to: then there is nothing to check."""
    back = urlencode(_query(request))
    return RedirectResponse(f"{PREFIX}/plan/register{f'?{back}' if back else ''}", status_code=303)


def _promise_page(
    request: Request,
    view: Reader,
    *,
    can_act: bool,
    text: str,
    reason: str = "",
    problems: tuple[Problem, ...] = (),
    accepted: Accepted | None = None,
    on_record: bool = False,
    checked: bool = False,
    faulty: bool = False,
    kept: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """`kept` are words that could not be written into the text: they stay in their fields."""
    was = words_in(text)
    said = was | dict(kept or {})
    return page(
        request,
        "plan_register.html.j2",
        section="plan",
        title="Register a promise",
        text=text,
        fields=[one for one in WORDS if one.field in said or "." not in one.field],
        said=said,
        was=was,
        offers=offers(view),
        wrong={one.field: one for one in reversed(problems)},
        reason=reason,
        problems=problems,
        accepted=accepted,
        on_record=on_record,
        checked=checked,
        faulty=faulty,
        back=urlencode(_query(request)),
        can_act=can_act,
    )


def _query(request: Request) -> dict[str, str]:
    return {name[:LONGEST]: value[:LONGEST] for name, value in request.query_params.items()}


def _made(form: PlanForm, view: Reader) -> Planned:
    catalog = workspace().catalog()
    return planned(form, workspace(), catalog, recorded(view, catalog), today=yesterday() + timedelta(days=1))


def _parts(view: Reader, catalog: Catalog, chosen: str) -> dict[str, tuple[str, ...]]:
    """By source the segments that may stand for an audience; what was chosen stays among them."""
    found = {
        source: tuple(text for dimension, value in pairs if (text := part_text(dimension, value)))
        for source, pairs in segments_on_record(view).items()
        if source in catalog.sources
    }
    known = {text for texts in found.values() for text in texts}
    return {source: texts for source, texts in found.items() if texts} | (
        {"as typed": (chosen,)} if chosen and chosen not in known else {}
    )
