"""The door: a text or a filled form becomes a promise, or is refused with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from trialflow.errors import Problem, PromiseError
from trialflow.spec.catalog import Catalog
from trialflow.spec.experiment import Experiment
from trialflow.spec.form import field_of_form, page_of_form
from trialflow.spec.parsing import Reading, read_experiment
from trialflow.spec.promise import Promise
from trialflow.spec.rules import problems_of
from trialflow.spec.rules.rule import touch
from trialflow.spec.yaml_text import Page, read_page


def admit(
    text: str,
    where: str,
    *,
    catalog: Catalog,
    today: date,
    registered_first_day: date | None = None,
    slug: str | None = None,
) -> Promise:
    """The promise in a YAML text, resolved and ready to be planned and registered.

    `today` is the day of registration; `registered_first_day` the first day on record if this is an amendment; `slug`
    the file's name without its ending, which must be the slug. Raises PromiseError with the problems of form, of names
    and of rules together; a rule about a field that is itself faulty stays silent.
    """
    page = read_page(text, where)
    reading = read_experiment(page)
    problems = [*reading.problems, *_beyond_form(reading, page, catalog, today, registered_first_day)]
    found = reading.model.slug if reading.model else None
    if slug is not None and found is not None and found != slug and "slug" not in reading.mended:
        cure = f"name the file {found}.yaml, or write slug: {slug}"
        problems.append(
            Problem(where=page.place("slug"), field="slug", value=found, message="is not the file's name", cure=cure)
        )
    if problems or reading.model is None:
        raise PromiseError(problems)
    return catalog.promise(reading.model, where)


def admit_form(
    fields: Mapping[str, Any],
    where: str = "the form",
    *,
    catalog: Catalog,
    today: date,
    registered_first_day: date | None = None,
) -> Promise:
    """The promise in a form's flat fields (see `form.FORM`); a pasted YAML text goes the way of `admit`.

    Raises PromiseError like `admit`; problems name the form's own fields.
    """
    page = page_of_form(fields, where)
    reading = read_experiment(page)
    problems = [*reading.problems, *_beyond_form(reading, page, catalog, today, registered_first_day)]
    if problems or reading.model is None:
        pasted = bool(page.lines)
        raise PromiseError(problems if pasted else [field_of_form(problem) for problem in problems])
    return catalog.promise(reading.model, where)


def placed(page: Page, slug: str | None = None) -> Experiment | None:
    """The experiment of a refused page, if what tells whether its layer is free can be read; never to be registered.

    `slug` is the file's name, which counts where the page's own slug cannot be read. Days in the wrong order tell
    nothing.
    """
    reading = read_experiment(page)
    needed = ("layer", "calendar.first_day", "calendar.last_day", "calendar.max_extension_days")
    if reading.model is None or any(touch(field, fault) for field in needed for fault in reading.mended):
        return None
    if reading.model.calendar.days < 1 or (slug is None and "slug" in reading.mended):
        return None
    return reading.model.model_copy(update={"slug": slug}) if slug is not None else reading.model


def _beyond_form(
    reading: Reading[Experiment], page: Page, catalog: Catalog, today: date, registered_first_day: date | None
) -> Iterable[Problem]:
    """Unknown names and broken rules, with the line each stands in."""
    if reading.model is None:
        return ()
    promise, found = catalog.resolve(reading.model, page.where)
    unknown = [problem for problem in found if not any(touch(problem.field, fault) for fault in reading.mended)]
    named = {(problem.where, problem.field) for problem in unknown}
    broken = problems_of(
        promise, today=today, where=page.where, registered_first_day=registered_first_day, mended=reading.mended
    )
    once = [problem for problem in broken if (problem.where, problem.field) not in named]
    return [_in_line(problem, page) for problem in (*unknown, *once)]


def _in_line(problem: Problem, page: Page) -> Problem:
    if problem.where != page.where:
        return problem
    return Problem(
        where=page.place(problem.field),
        field=problem.field,
        value=problem.value,
        message=problem.message,
        cure=problem.cure,
    )
