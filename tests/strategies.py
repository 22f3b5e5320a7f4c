"""Hypothesis vocabulary: the inputs that properties are stated about, within the sizes that experiments have."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from trialflow.stats import Estimate, JointMoments, Moments, difference_in_means

Rows = NDArray[np.float64]

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)
LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.99])
ALPHAS = st.sampled_from([0.01, 0.025, 0.05, 0.1])
SIDES = st.sampled_from([1, 2])


@st.composite
def rows(draw: st.DrawFn, *, columns: int = 1, smallest: int = 2, largest: int = 60) -> Rows:
    """Unit-level values (unit, column): correlated normals of moderate size, some of them rounded to have ties."""
    generator = np.random.default_rng(draw(SEEDS))
    units = draw(st.integers(min_value=smallest, max_value=largest))
    mixing = generator.normal(size=(columns, columns)) + np.eye(columns)
    values = generator.normal(size=(units, columns)) @ mixing * draw(st.sampled_from([0.01, 1.0, 300.0]))
    values = values + draw(st.sampled_from([0.0, 1.0, -20.0]))
    return np.round(values, 1) if draw(st.booleans()) else values


@st.composite
def moments(draw: st.DrawFn) -> Moments:
    """Moments of one variable of one variant with at least two units."""
    return Moments.from_rows(draw(rows()))


@st.composite
def joint_moments(draw: st.DrawFn, *, columns: int = 2, smallest: int = 2) -> JointMoments:
    """Joint moments of one variant."""
    return JointMoments.from_rows(draw(rows(columns=columns, smallest=smallest)))


@st.composite
def awkward_moments(draw: st.DrawFn, *, columns: int = 1) -> JointMoments:
    """Moments that may be empty, of a single unit, constant or huge: whatever a warehouse can send."""
    kind = draw(st.sampled_from(["empty", "single", "constant", "zero", "huge", "sound"]))
    units = {"empty": 0, "single": 1}.get(kind, draw(st.integers(min_value=2, max_value=40)))
    generator = np.random.default_rng(draw(SEEDS))
    values = generator.normal(loc=3.0, size=(units, columns))
    if kind in ("constant", "zero"):
        values = np.full((units, columns), 0.0 if kind == "zero" else 0.1)
    if kind == "huge":
        values = values * 1e12
    return JointMoments.from_sums(float(units), values.sum(axis=0), values.T @ values)


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    """An estimable difference of two means."""
    control, treatment = draw(moments()), draw(moments())
    estimate = difference_in_means(control, treatment)
    return estimate if bool(estimate.estimable) else difference_in_means(*_unequal())


@st.composite
def information(draw: st.DrawFn, *, most: int = 8) -> NDArray[np.float64]:
    """Information of a few looks, growing by a twentieth to all of what was there before."""
    growth = draw(st.lists(st.floats(min_value=0.05, max_value=1.0), min_size=0, max_size=most - 1))
    return np.cumprod(np.asarray([1.0, *(1.0 + step for step in growth)]))


@st.composite
def shares(draw: st.DrawFn, *, arms: int = 3) -> NDArray[np.float64]:
    """Planned shares of the variants, none of them tiny; sums to 1."""
    weights = np.asarray(
        draw(st.lists(st.integers(min_value=1, max_value=9), min_size=arms, max_size=arms)), dtype=float
    )
    planned: NDArray[np.float64] = weights / weights.sum()
    return planned


def _unequal() -> tuple[Moments, Moments]:
    control = Moments.from_variance(n=10.0, mean=1.0, variance=1.0)
    return control, Moments.from_variance(n=12.0, mean=1.5, variance=2.0)


def same(one: Any, other: Any, *, rtol: float = 1e-9, atol: float = 1e-9) -> None:
    """Assert equality up to rounding, NaN equal to NaN."""
    np.testing.assert_allclose(one, other, rtol=rtol, atol=atol, equal_nan=True)
