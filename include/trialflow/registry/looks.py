"""The ledger of alpha: how a look is written down, and what restated data may change in it."""

from __future__ import annotations

import dataclasses
import math
from datetime import date
from typing import Any

from trialflow.registry.canonical import canonical, parsed
from trialflow.spec.look import Look, LookPurpose

_NUMBERS = ("information", "alpha_spent", "boundary", "z")


def identity(look: Look) -> dict[str, Any]:
    """What makes two looks the same look, beside the experiment."""
    return {"variant": look.variant, "metric": look.metric, "purpose": look.purpose.value, "as_of": look.as_of}


def reevaluated(recorded: Look, again: Look) -> Look:
    """The recorded look itself when nothing changed, else its next revision: what was spent stays as it was spent."""
    revised = dataclasses.replace(recorded, z=again.z, crossed=again.crossed, data_fingerprint=again.data_fingerprint)
    return (
        recorded
        if text_of(revised) == text_of(recorded)
        else dataclasses.replace(revised, revision=recorded.revision + 1)
    )


def text_of(look: Look) -> str:
    """Canonical JSON of a look; non-finite numbers (a boundary that cannot be crossed yet) stand as texts."""
    document = dataclasses.asdict(look) | {"purpose": look.purpose.value, "as_of": look.as_of.isoformat()}
    numbers = {name: float(document[name]) for name in _NUMBERS}
    plain = {name: value if math.isfinite(value) else str(value) for name, value in numbers.items()}
    return canonical(document | plain | {"crossed": bool(look.crossed)})


def look_of(text: str) -> Look:
    """The inverse of `text_of`."""
    document = parsed(text)
    numbers = {name: float(document[name]) for name in _NUMBERS}
    kinds = {"purpose": LookPurpose(document["purpose"]), "as_of": date.fromisoformat(document["as_of"])}
    return Look(**(document | numbers | kinds))
