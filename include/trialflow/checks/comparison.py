"""One comparison of a treatment with control, as evidence: plain numbers that decisions and memos read back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A treatment against control on one metric in one segment.

    Sizes are on the metric's own scale, `relative_*` as shares of the control value (Fieller; None where unbounded or not
    estimable). `level` is the interval's coverage. `p_value` stands only at a fixed-horizon final look, `adjusted_p_value`
    after the promised multiplicity correction. `crossed` is the stopping rule's answer (None on a day without a look).
    `std_error` of 0 or a missing number means not estimable: then `estimate` is None and `why_not` says why.
    """

    variant: str
    metric: str
    role: str
    direction: str
    segment_dimension: str = ""
    segment_value: str = ""
    method: str
    n_control: float
    n_treatment: float
    control: float | None
    treatment: float | None
    estimate: float | None
    std_error: float | None
    lower: float | None
    upper: float | None
    level: float
    relative_estimate: float | None = None
    relative_lower: float | None = None
    relative_upper: float | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    boundary: float | None = None
    crossed: bool | None = None
    margin: float | None = None
    non_inferior: bool | None = None
    unadjusted_estimate: float | None = None
    unadjusted_std_error: float | None = None
    variance_reduction: float | None = None
    why_not: str = ""

    def document(self) -> dict[str, Any]:
        """JSON form, for evidence."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Comparison:
        """The inverse of `document`."""
        return cls(**document)


def number(value: float) -> float | None:
    """A finite number rounded to 12 significant digits (the same bytes on every machine), or None."""
    return float(f"{float(value):.12g}") + 0.0 if math.isfinite(value) else None  # + 0.0 turns -0.0 into 0.0
