"""The base of everything people write: frozen, strict, and aware of what was stated and what was left to a default."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SLUG_PATTERN = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"
COLUMN_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
TABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*){0,2}$"

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Slug = Annotated[str, Field(pattern=SLUG_PATTERN, min_length=3, max_length=60)]
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=60)]
Column = Annotated[str, Field(pattern=COLUMN_PATTERN, max_length=120)]
Table = Annotated[str, Field(pattern=TABLE_PATTERN, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]


def _calendar_day(value: object) -> object:
    """Read YYYY-MM-DD and nothing else: pydantic would also take a text of digits as seconds since 1970."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        raise ValueError("is not a calendar day")
    try:
        return date.fromisoformat(value.strip())
    except ValueError as error:
        raise ValueError("is not a calendar day") from error


Day = Annotated[date, BeforeValidator(_calendar_day)]


class Document(BaseModel):
    """A text from a person, checked at the door: unknown fields are errors, values never change afterwards."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, use_enum_values=False, allow_inf_nan=False
    )

    def stated(self) -> dict[str, Any]:
        """What was written, as JSON values, without defaults: an upgrade that adds a default changes nothing here."""
        return self.model_dump(mode="json", exclude_unset=True)
