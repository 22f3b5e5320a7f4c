"""The planning form: what was typed, and the document of a promise that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from typing import Any

from trialflow.errors import Problem
from trialflow.memo.words import short_day
from trialflow.spec.catalog import Catalog
from trialflow.spec.experiment import Amount, Policy
from trialflow.spec.rules.calendar import WEEK
from trialflow.spec.source import UnitSource
from trialflow.spec.yaml_text import shown

WHERE = "the form"
MOST_WEEKS = 52
MOST_UNITS_A_DAY = 1e10
MOST_DIGITS = 15
MOST_GUARDRAILS = 6
EARLIEST = date(2000, 1, 1)
FARTHEST = timedelta(days=1000)
BASES: Mapping[str, str] = {
    "": "the best there is: warehouse, else record",
    "warehouse": "measured in the warehouse",
    "record": "the latest registration",
    "hand": "typed by hand",
}

BLANK: Mapping[str, str] = dict.fromkeys(
    ("slug", "title", "hypothesis", "mechanism", "owner", "unit", "layer", "audience", "waived"), ""
)
STAND_INS: Mapping[str, str] = dict.fromkeys(BLANK, "planned") | {"slug": "a-plan"}
"""Words that a plan does not ask for: blank where a person still has to write them, stand-ins where only numbers count."""

FIELDS: Mapping[str, str] = {
    "metric": "Primary metric",
    "effect": "Smallest effect worth having",
    "scale": "Scale",
    "audience": "Audience",
    "part": "Measured as",
    "share": "Audience's share of the traffic",
    "policy": "Stopping",
    "basis": "Baseline and traffic from",
    "through": "Last day of history",
    "mean": "Mean per unit",
    "std_dev": "Standard deviation per unit",
    "traffic": "New units a day",
    "treatments": "Treatments",
    "control": "Control's share",
    "first_day": "First day",
    "weeks": "Weeks",
    "alpha": "Alpha",
    "power": "Power",
    "looks": "Interim look days",
    "cuped": "Variance reduction",
    "gain": "CUPED removes",
    "guardrail": "Guardrail",
    "margin": "Margin",
    "margin_scale": "Scale",
}
"""What the form calls each field."""

_PART = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=([\w .:+/&-]{1,80})")
_PERCENT = re.compile(r"(.+?)\s*%")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailRow:
    """One guardrail as it was typed."""

    metric: str = ""
    margin: str = ""
    scale: str = "relative"
    mean: str = ""
    std_dev: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanForm:
    """All fields as they were typed; the defaults are what an empty form shows."""

    metric: str = ""
    effect: str = ""
    scale: str = "relative"
    audience: str = ""
    part: str = ""
    share: str = ""
    basis: str = ""
    through: str = ""
    mean: str = ""
    std_dev: str = ""
    traffic: str = ""
    treatments: str = "1"
    control: str = ""
    alpha: str = "0.05"
    power: str = "0.8"
    policy: str = Policy.FIXED.value
    looks: str = ""
    weeks: str = ""
    first_day: str = ""
    cuped: str = ""
    gain: str = ""
    guardrails: tuple[GuardrailRow, ...] = ()

    @classmethod
    def of(cls, query: Mapping[str, str]) -> PlanForm:
        """From the parameters of an address; those of guardrails end in their number, from 1."""
        names = [one.name for one in fields(cls) if one.name != "guardrails"]
        given = {name: query[name].strip() for name in names if name in query}
        return cls(**given, guardrails=tuple(_row(query, number) for number in range(1, MOST_GUARDRAILS + 1)))

    @property
    def numbered(self) -> tuple[tuple[int, GuardrailRow], ...]:
        """Guardrails that name a metric, with their number in the form."""
        return tuple((number, one) for number, one in enumerate(self.guardrails, 1) if one.metric)


def label(name: str) -> str:
    """What the form calls a field; those of a guardrail with its number."""
    kind, _, number = name.rpartition("_")
    return f"{FIELDS[kind]} {number}" if number.isdigit() else FIELDS.get(name, "")


def part_text(dimension: str, value: str) -> str:
    """A segment as the form writes it; nothing where it holds signs that a condition could be broken with."""
    text = f"{dimension}={value}"
    return text if _PART.fullmatch(text) else ""


def _row(query: Mapping[str, str], number: int) -> GuardrailRow:
    def typed(name: str, otherwise: str = "") -> str:
        return query.get(f"{name}_{number}", otherwise).strip()

    return GuardrailRow(
        metric=typed("guardrail"),
        margin=typed("margin"),
        scale=typed("margin_scale", "relative"),
        mean=typed("mean"),
        std_dev=typed("std_dev"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The numbers of a form that stand in no promise or need reading first. `weeks` is None where they are to be found.

    `part` is the segment whose units stand for the audience, by dimension and value; `share` the audience's of the traffic.
    """

    form: PlanForm
    first_day: date
    through: date
    weeks: int | None
    looks: tuple[Any, ...] | None
    treatments: int
    control: float
    traffic: float | None
    gain: float | None
    part: tuple[str, str] | None = None
    share: float | None = None
    maturity: int = 0
    faults: tuple[Problem, ...] = field(default=())

    @property
    def audience(self) -> str:
        """Who can enter, in the words of the promise: those that were typed, else the segment."""
        return self.form.audience or (": ".join(self.part) if self.part else "")

    @property
    def least_weeks(self) -> int:
        """The shortest calendar whose last look, after `maturity` days, comes behind the looks that were typed."""
        typed = (look for look in self.looks or () if isinstance(look, int))
        return max([1, *((look - self.maturity) // WEEK + 1 for look in typed)])


def draft(form: PlanForm, catalog: Catalog | None = None, *, today: date) -> Draft:
    """Read what no promise reads. Without a first day it is the second Monday from now; history ends before both.

    The `catalog` tells how long after its last day a calendar still waits for windows to close.
    """
    faults: list[Problem] = []
    maturity = _maturity(form, catalog) if catalog else 0
    monday = today + timedelta(days=2 * WEEK - today.weekday())
    first_day = _day(form.first_day, "first_day", monday, (EARLIEST, today + FARTHEST), faults)
    known = min(today, first_day) - timedelta(days=1)
    through = _day(form.through, "through", known, (EARLIEST, known), faults)
    treatments = _whole(form.treatments, "treatments", 1, 9, faults) or 1
    control = _bounded(form.control, "control", (0.0, 1.0), "give control's share of all units, as in 50%", faults)
    _as_shares(form, faults)
    part = _PART.fullmatch(form.part)
    if form.part and part is None:
        faults.append(fault("part", form.part, "is no segment", "choose one from the list"))
    if form.share and form.traffic:
        faults.append(fault("share", form.share, "is given beside the traffic", "give one of both"))
    return Draft(
        form=form,
        first_day=first_day,
        through=through,
        weeks=_whole(form.weeks, "weeks", 1, MOST_WEEKS, faults),
        looks=_looks(form.looks, WEEK * MOST_WEEKS + maturity, faults),
        treatments=treatments,
        control=control or 1.0 / (treatments + 1),
        traffic=_bounded(form.traffic, "traffic", (0.0, MOST_UNITS_A_DAY), "give new units a day, as in 1200", faults),
        gain=_bounded(form.gain, "gain", (0.0, 1.0), "give the share of variance that it removes, as in 30%", faults),
        part=(part[1], part[2].strip()) if part else None,
        share=_share(form.share, faults),
        maturity=maturity,
        faults=tuple(faults),
    )


def _looks(text: str, last: int, faults: list[Problem]) -> tuple[Any, ...] | None:
    """Days of interim looks before the `last` one there can be; what is no number is left to the promise's own reader."""
    found = tuple(number(part) for part in text.replace(",", " ").split())
    if any(isinstance(look, int) and look >= last for look in found):
        message = f"does not come before day {last}, the last look of {MOST_WEEKS} weeks"
        faults.append(fault("looks", text, message, f"give days before {last}"))
        return None
    return found or None


def _share(text: str, faults: list[Problem]) -> float | None:
    if number(text) == 1:
        return None
    return _bounded(text, "share", (0.0, 1.0), "give the part of the traffic that may enter, as in 40%", faults)


def _as_shares(form: PlanForm, faults: list[Problem]) -> None:
    """A relative 3 is 300%, but whoever types it means 3%: only the sign tells."""
    rows = ((f"margin_{place}", one.margin, one.scale) for place, one in form.numbered)
    for name, text, scale in (("effect", form.effect, form.scale), *rows):
        value = number(text) if text and scale == "relative" and "%" not in text else 0.0
        if not isinstance(value, str) and value >= 1.0:
            faults.append(
                fault(name, text, f"would be {value:.0%} of the control value", f"write {text}% or {value:.0%}")
            )


def document(
    drafted: Draft, catalog: Catalog, weeks: int, *, words: Mapping[str, str], stated: Mapping[str, Any]
) -> dict[str, Any]:
    """The promise that this form plans, as JSON values, over so many weeks; `stated` are its baselines."""
    form = drafted.form
    metric = catalog.metrics.get(form.metric)
    source = catalog.sources.get(metric.source) if metric else None
    validated = isinstance(source, UnitSource) and source.population is not None
    stopping: dict[str, Any] = {"policy": form.policy}
    if looks := looks_in(drafted, catalog, weeks):
        stopping["looks"] = list(looks)
    return {
        **{name: words[name] for name in ("slug", "title", "hypothesis", "mechanism", "owner")},
        "source": metric.source if metric else "",
        **{name: words[name] for name in ("unit", "layer")},
        "audience": drafted.audience or words["audience"],
        "variants": _variants(drafted),
        "metrics": {
            "primary": {"metric": form.metric, "minimum_effect": _amount(form.effect, form.scale)},
            "guardrails": [
                {"metric": one.metric, "margin": _amount(one.margin, one.scale)} for _, one in form.numbered
            ],
        },
        "calendar": {
            "first_day": drafted.first_day.isoformat(),
            "last_day": (drafted.first_day + timedelta(days=WEEK * weeks - 1)).isoformat(),
            "maturity_days": _maturity(form, catalog),
        },
        "analysis": {
            "alpha": number(form.alpha),
            "power": number(form.power),
            "stopping": stopping,
            **({"variance_reduction": {"method": form.cuped}} if form.cuped else {}),
            **({} if validated else {"aa": {"waived": words["waived"]}}),
        },
        **({"baselines": dict(stated)} if stated else {}),
    }


def looks_in(drafted: Draft, catalog: Catalog, weeks: int) -> tuple[Any, ...]:
    """Interim look days: those that were typed, else the end of every week after the first window has closed."""
    if drafted.looks is not None or drafted.form.policy != Policy.GROUP_SEQUENTIAL.value:
        return drafted.looks or ()
    metric = catalog.metrics.get(drafted.form.metric)
    closed = metric.window.to_day if metric and metric.window else 0
    return tuple(day for day in range(WEEK, WEEK * weeks, WEEK) if day > closed)


def typed_baselines(form: PlanForm) -> dict[str, dict[str, Any]]:
    """Baselines that were typed, as a promise states them."""
    rows = (
        (form.metric, form.mean, form.std_dev),
        *((one.metric, one.mean, one.std_dev) for _, one in form.numbered),
    )
    return {
        metric: {name: number(text) for name, text in (("mean", mean), ("std_dev", spread)) if text}
        for metric, mean, spread in rows
        if metric and (mean or spread)
    }


def number(text: str) -> int | float | str:
    """`2%` is 0.02, `1,200` is 1200; what is no number stays a text, for the promise's own reader to refuse.

    So does what is not finite or has more than MOST_DIGITS places before the point.
    """
    percent = _PERCENT.fullmatch(text.strip())
    plain = (percent[1] if percent else text).strip()
    plain = plain.replace(",", "") if _THOUSANDS.fullmatch(plain) else plain
    try:
        found = float(f"{float(plain) / 100:.12g}") if percent else int(plain) if plain.isdigit() else float(plain)
    except ValueError:
        return text
    return found if abs(found) < 10**MOST_DIGITS else text


def amount_typed(size: Amount) -> dict[str, str]:
    """The entries of the form that make this size of an effect."""
    if size.relative is not None:
        return {"effect": f"{100.0 * size.relative:.6g}%", "scale": "relative"}
    return {"effect": f"{size.absolute:.6g}", "scale": "absolute"}


def _amount(text: str, scale: str) -> dict[str, Any]:
    return {scale: number(text)} if text else {}


def _variants(drafted: Draft) -> list[dict[str, Any]]:
    count = drafted.treatments
    names = ["treatment"] if count == 1 else [f"treatment-{place}" for place in range(1, count + 1)]
    share = (1.0 - drafted.control) / count
    return [
        {"name": "control", "role": "control", "weight": drafted.control},
        *({"name": name, "role": "treatment", "weight": share} for name in names),
    ]


def _maturity(form: PlanForm, catalog: Catalog) -> int:
    """Days until the last unit's longest window has closed."""
    named = (catalog.metrics.get(name) for name in (form.metric, *(one.metric for _, one in form.numbered)))
    return max((metric.window.to_day for metric in named if metric and metric.window), default=0)


def _day(text: str, name: str, otherwise: date, limits: tuple[date, date], faults: list[Problem]) -> date:
    try:
        found = date.fromisoformat(text) if text else otherwise
    except ValueError:
        faults.append(fault(name, text, "is not a calendar day", "write it as YYYY-MM-DD, as in 2026-03-02"))
        return otherwise
    if limits[0] <= found <= limits[1]:
        return found
    faults.append(
        fault(name, text, f"is not from {short_day(limits[0])} to {short_day(limits[1])}", "choose a day between these")
    )
    return otherwise


def _whole(text: str, name: str, least: int, most: int, faults: list[Problem]) -> int | None:
    found = number(text) if text else None
    if found is None or (isinstance(found, int) and least <= found <= most):
        return found if isinstance(found, int) else None
    faults.append(fault(name, text, f"is not a whole number from {least} to {most}", "write it in digits"))
    return None


def _bounded(text: str, name: str, limits: tuple[float, float], cure: str, faults: list[Problem]) -> float | None:
    found = number(text) if text else None
    if found is None or (not isinstance(found, str) and limits[0] < found < limits[1]):
        return None if found is None else float(found)
    faults.append(fault(name, text, f"is not a number between {limits[0]:g} and {limits[1]:,.0f}", cure))
    return None


def fault(name: str, value: str, message: str, cure: str) -> Problem:
    """A fault of one field of the form."""
    return Problem(where=WHERE, field=name, value=shown(value), message=message, cure=cure)
