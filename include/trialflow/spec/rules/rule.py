"""What a rule is: a function of a promise that yields complaints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from trialflow.errors import Problem
from trialflow.spec.promise import Promise
from trialflow.spec.yaml_text import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a rule may know besides the promise: the day of registration, and the first day on record."""

    today: date
    registered_first_day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A problem without its place; `where` is set only when it lies in another file than the experiment's."""

    field: str
    value: Any
    message: str
    cure: str
    where: str = ""

    def problem(self, where: str) -> Problem:
        """The complaint about a text from `where`."""
        value = self.value.isoformat() if isinstance(self.value, date) else shown(self.value)
        return Problem(where=self.where or where, field=self.field, value=value, message=self.message, cure=self.cure)


def touch(field: str, fault: str) -> bool:
    """Whether two dotted fields are the same or one lies within the other; `*` is any entry."""
    pairs = zip(field.split("."), fault.split("."), strict=False)
    return all("*" in pair or pair[0] == pair[1] for pair in pairs)


Rule = Callable[[Promise, Circumstances], Iterator[Complaint]]
