"""Frozen results: numbers and the method's name, never a judgment.

Every array in one result has the same broadcast shape. A fixed-horizon `Effect` has a `p_value`; a `SequentialEffect`
deliberately has none, so that peeking at a bare p-value is a type error.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum, StrEnum
from types import EllipsisType
from typing import Any, ClassVar, Literal

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
    NOT_A_SHARE = 8
    TOO_FEW_EFFECTS = 9
    TOO_FEW_DAYS = 10
    INSEPARABLE_DAYS = 11
    NOT_IDENTIFIED = 12
    TOO_FEW_EXPERIMENTS = 13
    NOT_SELECTED = 14
    NOTHING_TO_COMPARE = 15

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
    Gap.NOT_A_SHARE: "a share lies outside 0 to 1",
    Gap.TOO_FEW_EFFECTS: "fewer than two effects can be compared",
    Gap.TOO_FEW_DAYS: "there are too few days",
    Gap.INSEPARABLE_DAYS: "the errors of the days cannot be told apart: fewer days or more units are needed",
    Gap.NOT_IDENTIFIED: "the days seen do not tell how fast the effect changes",
    Gap.TOO_FEW_EXPERIMENTS: "too few finished experiments",
    Gap.NOT_SELECTED: "the result does not pass the threshold",
    Gap.NOTHING_TO_COMPARE: "fewer than two variants have units",
}


def reasons(codes: NDArray[np.int8]) -> NDArray[np.object_]:
    """The words of gap codes, of their shape; "" where there is a number."""
    return np.array([Gap(int(code)).reason for code in codes.flat], dtype=object).reshape(codes.shape)


def gap_codes(gap: NDArray[np.int8] | None, estimable: Bools) -> NDArray[np.int8]:
    """`gap`, and where there is no number and it names no reason, that a value is missing."""
    said = np.asarray(Gap.NONE if gap is None else gap)
    return np.where(~np.asarray(estimable) & (said == Gap.NONE), Gap.NO_VALUE, said).astype(np.int8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marked:
    """A result that says per cell of shape S whether there is a number: `gap` holds the code of the reason (a `Gap`)."""

    gap: NDArray[np.int8]

    @property
    def estimable(self) -> Bools:
        """Where there is a number, S."""
        return np.asarray(self.gap == Gap.NONE)

    @property
    def because(self) -> NDArray[np.object_]:
        """Why there is no number, in words, S; "" where there is one."""
        return reasons(self.gap)


class Believed:
    """What a Bayesian result is: right at one look that was fixed before, not under looking again and again.

    A 95 % credible interval that is looked at on 28 days excludes a true 0 in 28 % of experiments (docs/statistics.md).
    `label` stands beside such a number wherever a page or memo shows it, and nothing may stop on one.
    """

    __slots__ = ()

    stop_safe: ClassVar[Literal[False]] = False
    label: ClassVar[str] = "not stop-safe"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interval:
    """A confidence interval; `level` is its coverage in [0, 1]. Unbounded ends are ±inf."""

    lower: Floats
    upper: Floats
    level: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CredibleInterval(Believed, Interval):
    """A posterior interval; `level` is the belief that the value lies inside, given the prior, at one look."""


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
        return reasons(gap_codes(self.gap, self.estimable))

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
    """A fixed-horizon result: valid at one planned look only.

    Where there is no number every array is NaN and `gap` holds the code of the estimate's reason (a `Gap`; None where it
    gave none).
    """

    estimate: Floats
    std_error: Floats
    df: Floats
    p_value: Floats
    interval: Interval
    scale: Scale
    method: str
    gap: NDArray[np.int8] | None = None

    @property
    def estimable(self) -> Bools:
        """Where there is a number; every array is NaN elsewhere."""
        return np.isfinite(self.std_error)

    @property
    def because(self) -> NDArray[np.object_]:
        """Why there is no number, in words, of the broadcast shape; "" where there is one."""
        return reasons(gap_codes(self.gap, self.estimable))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequentialEffect:
    """A result that may be looked at repeatedly.

    `interval` covers at all looks simultaneously; `boundary_z` is the critical value in standard errors at each look;
    `information` is 1 / std_error²; `alpha_spent` the cumulative type I error spent up to the look (NaN for
    confidence sequences, which do not spend); `crossed` says whether the null value lies outside at that look. A look
    without a number has NaN ends, crosses nothing, and `gap` holds the code of the estimate's reason (a `Gap`; None where
    it gave none).
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
    gap: NDArray[np.int8] | None = None

    @property
    def estimable(self) -> Bools:
        """Where there is a number."""
        return np.isfinite(self.std_error)

    @property
    def because(self) -> NDArray[np.object_]:
        """Why there is no number, in words, of the shape of the looks; "" where there is one."""
        return reasons(gap_codes(self.gap, self.estimable))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlwaysValidEffect(SequentialEffect):
    """A sequential result whose p-value may be compared with alpha at any time, planned or not.

    `always_valid_p_value` is the running minimum over the looks so far (1 while there is no number), so it may stay below
    alpha when the interval of a later look covers the null again.
    """

    always_valid_p_value: Floats
