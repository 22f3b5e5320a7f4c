"""Frozen results: numbers and the method's name, never a judgment.

Every array in one result has the same broadcast shape. A fixed-horizon `Effect` has a `p_value`; a `SequentialEffect`
deliberately has none, so that peeking at a bare p-value is a type error.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum, StrEnum
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trialflow.stats.moments import Bools, Floats


class Scale(StrEnum):
    """In what an effect is measured."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"


class Alternative(StrEnum):
    """Which side of the null a test looks at."""

    TWO_SIDED = "two-sided"
    GREATER = "greater"
    LESS = "less"


class Gap(IntEnum):
    """Why there is no number; `reason` ends the sentence "no number, because …"."""

    NONE = 0
    TOO_FEW_UNITS = 1
    NO_VALUE = 2
    NO_VARIATION = 3
    INSUFFICIENT_RANKS = 4
    EMPTY_STRATUM = 5
    TIES = 6
    BELOW_PRECISION = 7

    @property
    def reason(self) -> str:
        """What is missing, in words; empty where there is a number."""
        return _REASONS[self]


_REASONS = {
    Gap.NONE: "",
    Gap.TOO_FEW_UNITS: "a variant has too few units",
    Gap.NO_VALUE: "a denominator sums to 0 or a value is not finite",
    Gap.NO_VARIATION: "no value differs from another",
    Gap.INSUFFICIENT_RANKS: "the quantile is too extreme for so few units",
    Gap.EMPTY_STRATUM: "a stratum has units in one variant only",
    Gap.TIES: "too many units share the same value: the quantile moves in steps",
    Gap.BELOW_PRECISION: "the spread lies below the precision of the summary",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interval:
    """A confidence interval; `level` is its coverage in [0, 1]. Unbounded ends are ±inf."""

    lower: Floats
    upper: Floats
    level: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """A treatment − control contrast with its standard error: what estimators return and tests consume.

    `control` and `treatment` are the two point values on the metric's own scale (adjusted ones after CUPED), with their
    own standard errors. `df` are the degrees of freedom of `std_error` (inf for a normal reference). Where there is no
    number (an empty variant, a single unit, nothing that varies) all of them are NaN, `estimable` is False and `gap`
    holds the code of the reason (a `Gap`; None where the estimator gives none).
    """

    estimate: Floats
    std_error: Floats
    df: Floats
    control: Floats
    treatment: Floats
    control_std_error: Floats
    treatment_std_error: Floats
    estimable: Bools
    scale: Scale
    method: str
    gap: NDArray[np.int8] | None = None

    @property
    def because(self) -> NDArray[np.object_]:
        """Why there is no number, in words, of the broadcast shape; "" where there is one."""
        unsaid = np.where(self.estimable, Gap.NONE, Gap.NO_VALUE)
        codes = np.asarray(unsaid if self.gap is None else self.gap)
        return np.array([Gap(int(code)).reason for code in codes.flat], dtype=object).reshape(codes.shape)

    @property
    def information(self) -> Floats:
        """1 / std_error²; 0 where nothing can be estimated."""
        safe = np.where(self.estimable, self.std_error, np.inf)
        return safe**-2.0

    def take(self, *key: int | slice | EllipsisType | Floats | None) -> Estimate:
        """Index into the broadcast shape, for example `estimate.take(-1)` for the last day."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        picked: dict[str, Any] = {name: value[key] for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **picked)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """A fixed-horizon result: valid at one planned look only."""

    estimate: Floats
    std_error: Floats
    df: Floats
    p_value: Floats
    interval: Interval
    scale: Scale
    method: str

    @property
    def estimable(self) -> Bools:
        """Where there is a number; every array is NaN elsewhere."""
        return np.isfinite(self.std_error)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequentialEffect:
    """A result that may be looked at repeatedly.

    `interval` covers at all looks simultaneously; `boundary_z` is the critical value in standard errors at each look;
    `information` is 1 / std_error²; `alpha_spent` the cumulative type I error spent up to the look (NaN for
    confidence sequences, which do not spend); `crossed` says whether the null value lies outside at that look.
    """

    estimate: Floats
    std_error: Floats
    interval: Interval
    boundary_z: Floats
    information: Floats
    alpha_spent: Floats
    crossed: Bools
    scale: Scale
    method: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlwaysValidEffect(SequentialEffect):
    """A sequential result whose p-value may be compared with alpha at any time, planned or not.

    `always_valid_p_value` is the running minimum over the looks so far (1 while there is no number), so it may stay below
    alpha when the interval of a later look covers the null again.
    """

    always_valid_p_value: Floats
