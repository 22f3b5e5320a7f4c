"""The trigger form: flat fields as Airflow's Params give them, turned into the document that the YAML would hold.

`FORM` is the whole form. A DAG makes one Param of each field from `FormField.schema`; nothing here knows Airflow. An
empty field is a field not stated, so that form and YAML give the same fingerprint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trialflow.errors import Problem
from trialflow.spec.descriptions import DESCRIPTIONS
from trialflow.spec.experiment import DesignKind, Multiplicity, Policy
from trialflow.spec.translation import did_you_mean
from trialflow.spec.yaml_text import Page, read_page, shown

YAML_FIELD = "yaml"
_NUMBERS = ("number", "integer")


class _LineError(ValueError):
    """A line of a list does not have the promised words; the message is what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field: where its value goes in the document, how the form shows it, and how lines are read into entries.

    `path` is dotted, empty for the pasted YAML. `schema` holds JSON Schema words as Airflow's Param takes them. Every
    field starts empty (null).
    """

    name: str
    path: str
    section: str
    title: str
    description: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any] | None = field(default=None, repr=False)

    @property
    def param(self) -> dict[str, Any]:
        """Keywords of the Param that shows this field; its value is None."""
        return {**self.schema, "title": self.title, "description": self.description, "section": self.section}


def page_of_form(fields: Mapping[str, Any], where: str) -> Page:
    """The form as a page for the same parser that reads YAML.

    A pasted YAML text is read as it is, and must then stand alone. Raises PromiseError only for text that is no YAML.
    """
    given = {name: value for name, value in fields.items() if not _empty(value)}
    pasted = given.pop(YAML_FIELD, None)
    if pasted is not None:
        stated = {name: value for name, value in given.items() if name in _BY_NAME}
        page = read_page(str(pasted), where)
        return dataclasses.replace(page, problems=(*page.problems, *_both_ways(stated, where)))
    problems: list[Problem] = []
    document: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _BY_NAME:
            problems.append(_problem(where, name, value, "is not a field of the form", did_you_mean(name, _BY_NAME)))
            continue
        _place(document, _BY_NAME[name].path.split("."), _document_value(_BY_NAME[name], value, where, problems))
    _set_amount(document, fields, where, problems)
    return Page(where=where, value=_without_empty(document), problems=tuple(problems))


def field_of_form(problem: Problem) -> Problem:
    """The same problem under the name that the form gives to its field."""
    for one in sorted(FORM, key=lambda found: len(found.path), reverse=True):
        if one.path and (problem.field == one.path or problem.field.startswith(one.path + ".")):
            return dataclasses.replace(problem, field=one.name + problem.field[len(one.path) :])
    return problem


def _document_value(one: FormField, value: object, where: str, problems: list[Problem]) -> object:
    if one.read is not None:
        entries = value if isinstance(value, Sequence) and not isinstance(value, str) else str(value).splitlines()
        return list(_entries(one, one.read, [str(entry) for entry in entries if str(entry).strip()], where, problems))
    kinds = one.schema["type"]
    if isinstance(value, str) and any(kind in kinds for kind in _NUMBERS):
        return _number(value)  # a REST client may send "0.8"; the form itself sends numbers
    return value.isoformat() if hasattr(value, "isoformat") else value


def _entries(
    one: FormField, read: Callable[[str], Any], lines: Sequence[str], where: str, problems: list[Problem]
) -> Iterator[Any]:
    for index, line in enumerate(lines):
        try:
            yield read(line.strip())
        except _LineError as error:
            cure = one.description
            problems.append(_problem(where, f"{one.path}.{index}", line, str(error), cure))
            yield None  # keeps the place, so that the lines after it keep their numbers


def _both_ways(stated: Mapping[str, Any], where: str) -> list[Problem]:
    cure = "leave the fields below empty, or the YAML"
    message = "is filled although a YAML text is given"
    return [_problem(where, name, value, message, cure) for name, value in stated.items()]


def _set_amount(document: dict[str, Any], fields: Mapping[str, Any], where: str, problems: list[Problem]) -> None:
    """The minimum effect has one number and a scale beside it."""
    effect = document.get("metrics", {}).get("primary", {}).pop("minimum_effect", None)
    scale = fields.get("minimum_effect_scale") or "relative"
    document.get("metrics", {}).get("primary", {}).pop("minimum_effect_scale", None)
    if scale not in ("relative", "absolute"):
        cure = did_you_mean(str(scale), ("relative", "absolute"))
        problems.append(_problem(where, "minimum_effect_scale", scale, "is not one of relative, absolute", cure))
    elif effect is not None:
        _place(document, ["metrics", "primary", "minimum_effect", scale], effect)


def _place(document: dict[str, Any], path: Sequence[str], value: object) -> None:
    for part in path[:-1]:
        document = document.setdefault(part, {})
    document[path[-1]] = value


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    inner = {key: _without_empty(value) if isinstance(value, dict) else value for key, value in document.items()}
    return {key: value for key, value in inner.items() if value != {}}


def _empty(value: object) -> bool:
    return value is None or value == "" or value == [] or (isinstance(value, str) and not value.strip())


def _number(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def _words(line: str, least: int, most: int) -> list[str]:
    words = line.replace(":", " ").split()
    if not least <= len(words) <= most:
        raise _LineError(f"has {len(words)} words")
    return words


def _variant(line: str) -> dict[str, Any]:
    name, role, weight, *model = _words(line, 3, 4)
    return {"name": name, "role": role, "weight": _number(weight)} | ({"model_version": model[0]} if model else {})


def _guardrail(line: str) -> dict[str, Any]:
    metric, margin, scale = _words(line, 3, 3)
    return {"metric": metric, "margin": {scale: _number(margin)}}


def _segment(line: str) -> dict[str, Any]:
    dimension, colon, values = line.partition(":")
    named = [value.strip() for value in values.split(",") if value.strip()]
    if not colon or not named:
        raise _LineError("names no values")
    return {"dimension": dimension.strip(), "values": named}


def _rollout(line: str) -> dict[str, Any]:
    share, days = _words(line, 2, 2)
    return {"share": _number(share), "days": _number(days)}


def _ramp(line: str) -> dict[str, Any]:
    day, *shares = line.split()
    pairs = [share.partition("=") for share in shares]
    if not pairs or not all(equals for _, equals, _ in pairs):
        raise _LineError("names no variant=share")
    return {"day": day.rstrip(":"), "weights": {name: _number(share) for name, _, share in pairs}}


def _problem(where: str, name: str, value: object, message: str, cure: str) -> Problem:
    return Problem(where=where, field=name, value=shown(value), message=message, cure=cure)


def _make(
    section: str,
    name: str,
    path: str,
    kind: str = "string",
    *,
    about: str = "",
    read: Callable[[str], Any] | None = None,
    **schema: object,
) -> FormField:
    model, key = _OWNERS.get(path.rpartition(".")[0], "Experiment"), path.rpartition(".")[2]
    return FormField(
        name=name,
        path=path,
        section=section,
        title=name.replace("_", " ").capitalize(),
        description=about or DESCRIPTIONS[model][key],
        schema={"type": [kind, "null"], **schema},
        read=read,
    )


_OWNERS = {
    "": "Experiment",
    "calendar": "Calendar",
    "metrics": "Metrics",
    "metrics.primary": "Primary",
    "analysis": "Analysis",
    "analysis.stopping": "Stopping",
    "analysis.variance_reduction": "VarianceReduction",
    "analysis.aa": "AaRequirement",
    "analysis.novelty": "NoveltyPolicy",
    "decision": "DecisionRules",
}
_LINES = "one per line"

FORM: tuple[FormField, ...] = (
    _make(
        "Paste YAML",
        YAML_FIELD,
        "",
        about="The whole promise as YAML; then leave all other fields empty.",
        format="multiline",
    ),
    _make("What and why", "slug", "slug"),
    _make("What and why", "title", "title"),
    _make("What and why", "hypothesis", "hypothesis", format="multiline"),
    _make("What and why", "mechanism", "mechanism", format="multiline"),
    _make("What and why", "owner", "owner"),
    _make("What and why", "slack_channel", "slack_channel"),
    _make("What and why", "notes", "notes", format="multiline"),
    _make("Who and how", "source", "source"),
    _make("Who and how", "unit", "unit"),
    _make("Who and how", "design", "design", enum=[*(kind.value for kind in DesignKind), None]),
    _make("Who and how", "layer", "layer"),
    _make("Who and how", "audience", "audience"),
    _make(
        "Who and how",
        "variants",
        "variants",
        "array",
        read=_variant,
        about=f"{_LINES}: name role weight [model version], as in: control control 0.5 ranker-v1",
    ),
    _make("When", "first_day", "calendar.first_day", format="date"),
    _make("When", "last_day", "calendar.last_day", format="date"),
    _make("When", "maturity_days", "calendar.maturity_days", "integer", minimum=0, maximum=180),
    _make("When", "max_extension_days", "calendar.max_extension_days", "integer", minimum=0, maximum=180),
    _make("When", "time_zone", "calendar.time_zone"),
    _make(
        "When",
        "ramp",
        "calendar.ramp",
        "array",
        read=_ramp,
        about=f"{_LINES}: day variant=share variant=share, as in: 2026-03-02 control=0.9 treatment=0.1",
    ),
    _make("Metrics", "primary_metric", "metrics.primary.metric"),
    _make("Metrics", "minimum_effect", "metrics.primary.minimum_effect", "number"),
    _make(
        "Metrics",
        "minimum_effect_scale",
        "metrics.primary.minimum_effect_scale",
        about="relative (0.02 is 2 % of control; the default) or absolute (the metric's own unit)",
        enum=["relative", "absolute", None],
    ),
    _make("Metrics", "secondary", "metrics.secondary", "array", read=str, about=f"{_LINES}: a metric's name"),
    _make(
        "Metrics",
        "guardrails",
        "metrics.guardrails",
        "array",
        read=_guardrail,
        about=f"{_LINES}: metric margin scale, as in: error_rate 0.02 relative",
    ),
    _make("Metrics", "diagnostics", "metrics.diagnostics", "array", read=str, about=f"{_LINES}: a metric's name"),
    _make(
        "Metrics",
        "segments",
        "segments",
        "array",
        read=_segment,
        about=f"{_LINES}: dimension: value, value, as in: device: phone, desktop",
    ),
    _make("Analysis", "alpha", "analysis.alpha", "number", exclusiveMinimum=0, exclusiveMaximum=0.5),
    _make("Analysis", "power", "analysis.power", "number", exclusiveMinimum=0.5, exclusiveMaximum=1),
    _make("Analysis", "stopping_policy", "analysis.stopping.policy", enum=[*(policy.value for policy in Policy), None]),
    _make("Analysis", "looks", "analysis.stopping.looks", "array", read=_number),
    _make("Analysis", "variance_reduction", "analysis.variance_reduction.method", enum=["none", "cuped", None]),
    _make("Analysis", "multiplicity", "analysis.multiplicity", enum=[*(one.value for one in Multiplicity), None]),
    _make("Analysis", "aa_waived", "analysis.aa.waived"),
    _make("Analysis", "novelty_policy", "analysis.novelty.policy", enum=["required", "report", "none", None]),
    _make(
        "Decision",
        "rollout",
        "decision.rollout",
        "array",
        read=_rollout,
        about=f"{_LINES}: share days, as in: 0.25 7",
    ),
    _make(
        "Decision",
        "system_guardrails",
        "decision.system_guardrails",
        "array",
        read=_guardrail,
        about=f"{_LINES}, for the ramp alone: metric margin scale, as in: slow_requests 0.005 absolute",
    ),
    _make("Decision", "watch_days", "decision.watch_days", "integer", minimum=0, maximum=400),
    _make("Decision", "replay", "replay", "boolean"),
)
_BY_NAME = {one.name: one for one in FORM}
