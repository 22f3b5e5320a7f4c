"""Rules about fields that can be stated but are read by nothing yet: refused, so that nobody relies on them."""

from __future__ import annotations

from collections.abc import Iterator

from trialflow.spec.promise import Promise
from trialflow.spec.rules.rule import Circumstances, Complaint

MESSAGE = "is not supported yet"


def restate_days(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """No run looks at earlier days again by itself."""
    for source in promise.sources.values():
        if source.restate_days:
            cure = "leave it out, and run a day again after its data was restated"
            where = f"sources/{source.name}.yaml"
            value = source.restate_days
            yield Complaint(field="restate_days", value=value, message=MESSAGE, cure=cure, where=where)
