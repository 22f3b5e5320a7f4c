"""What people are told whose request was not answered: what was wrong, with which value, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from trialflow_ui.entry import PREFIX

TITLES = {
    400: "This address cannot be read",
    403: "Your login does not allow this",
    404: "There is no such page",
    405: "This address is only for reading",
    422: "This address asks for something that cannot be",
    500: "This page could not be made",
    503: "The record cannot be read",
}
PLACES = (
    ("/metrics/", "All metrics"),
    ("/plan/", "Plan an experiment"),
    ("/layers/", "Calendar of layers"),
    ("/portfolio/", "Portfolio"),
    ("/experiments/", "All experiments"),
)
"""Where to go on from, by the beginning of the address; the last one else."""
BY_STATUS = {
    400: "Write the address anew, or go on from here.",
    403: "Ask an administrator of this Airflow for the right to read the DAG daily_monitoring.",
    404: "Follow a link from the list of experiments.",
    405: "Go on from here.",
    422: "Correct it in the address, or go on from here.",
}
BY_PLACE: Mapping[tuple[int, str], str] = {
    (
        403,
        "/plan/check",
    ): "Ask an administrator of this Airflow for the right to start runs of preregistration, or give the "
    "text to somebody who has it.",
    (403, "/run/"): "Ask an administrator for the right to read runs of this DAG and of daily_monitoring.",
    (404, "/assets/"): "Pages name their files themselves: load the page again.",
    (404, "/metrics/"): "Choose a metric from the list, or describe it in a file below include/metrics/.",
}
"""Advice where that of the status does not fit, by status and beginning of the address."""

LONGEST = 60
"""Characters of a wrong value that are repeated."""
FAULTS = {
    "string_too_long": "has {length} characters; at most {max_length} are read",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is not a whole number of reasonable size",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "date_from_datetime_parsing": "is not a day written as YYYY-MM-DD",
    "date_from_datetime_inexact": "is not a day written as YYYY-MM-DD",
    "date_parsing": "is not a day written as YYYY-MM-DD",
    "literal_error": "is none of {expected}",
    "enum": "is none of {expected}",
    "missing": "is missing",
}
"""What is wrong with a value, by pydantic's name for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer in words; `onward` is an address with what it is called."""

    status: int
    title: str
    problem: str
    advice: str
    onward: tuple[str, str]


def refusal(status: int, path: str, problem: str = "", *, advice: str = "", method: str = "GET") -> Refusal:
    """What to say about an address, whose `path` may begin with the prefix; without a `problem` it is found here."""
    place = path.removeprefix(PREFIX)
    phrase = HTTPStatus(status).phrase
    return Refusal(
        status=status,
        title=TITLES.get(status, phrase),
        problem=_sentence(_plain(status, path, method) if problem in ("", phrase) else problem),
        advice=advice or next(_advice(status, place), BY_STATUS.get(status, "")),
        onward=next((one for one in PLACES if place.startswith(one[0])), PLACES[-1]),
    )


def _advice(status: int, place: str) -> Iterator[str]:
    return (text for (code, start), text in BY_PLACE.items() if code == status and place.startswith(start))


def _plain(status: int, path: str, method: str) -> str:
    """In place of the bare phrase of a status."""
    if status == HTTPStatus.NOT_FOUND:
        return f"There is no page at {shortened(path)}"
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{method} is not answered at {shortened(path)}"
    return (
        "These pages need a right that your login does not have"
        if status == HTTPStatus.FORBIDDEN
        else HTTPStatus(status).phrase
    )


def misread(faults: Iterable[Mapping[str, Any]]) -> str:
    """The faults that pydantic found in an address, in words."""
    return " ".join(_sentence(_fault(one)) for one in faults)


def _fault(fault: Mapping[str, Any]) -> str:
    name, value = fault["loc"][-1], fault["input"]
    facts = {**fault.get("ctx", {}), "length": len(value) if isinstance(value, str) else 0}
    words = FAULTS.get(fault["type"])
    wrong = words.format(**facts) if words else str(fault["msg"])
    return f"{name} {wrong}" if value is None else f"{name} = {shortened(str(value))} {wrong}"


def shortened(value: str) -> str:
    """A value as it is repeated to a person: without what cannot be seen, and not long."""
    seen = "".join(letter if letter.isprintable() else "�" for letter in value)
    return seen if len(seen) <= LONGEST else f"{seen[: LONGEST - 1]}…"


def _sentence(text: str) -> str:
    told = text[:1].upper() + text[1:] if text.startswith("there ") else text
    return told if told.endswith((".", "!", "?", "…")) else f"{told}."
