"""The kinds of data: well-behaved, heavy-tailed, zero-inflated, few and unequal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.calibration.study import Array, Generator
from trialflow.stats import JointMoments, Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Units of both variants: `n_control` and `n_treatment` of them, values (runs, n) with the known `mean`."""

    name: str
    n_control: int
    n_treatment: int
    mean: float
    values: Callable[[Generator, tuple[int, ...]], Array]
    treatment_std: float = 1.0  # spread of treatment around the mean, in that of control

    def pair(self, generator: Generator, runs: int) -> tuple[Array, Array]:
        """Values of control (runs, n_C) and treatment (runs, n_T) without any effect."""
        control = self.values(generator, (runs, self.n_control))
        treatment = self.values(generator, (runs, self.n_treatment))
        return control, self.mean + self.treatment_std * (treatment - self.mean)


def normal(generator: Generator, shape: tuple[int, ...]) -> Array:
    """Mean 10, standard deviation 3."""
    return generator.normal(10.0, 3.0, size=shape)


def lognormal(generator: Generator, shape: tuple[int, ...]) -> Array:
    """exp of N(0, 1.5²): skewness 33."""
    return np.exp(generator.normal(0.0, 1.5, size=shape))


def capped(generator: Generator, shape: tuple[int, ...]) -> Array:
    """The same with a cap at its 99 % quantile, exp(1.5 × 2.3263)."""
    return np.minimum(lognormal(generator, shape), 32.8)


def zero_inflated(generator: Generator, shape: tuple[int, ...]) -> Array:
    """95 % zeros, else lognormal: revenue per visitor."""
    return (generator.random(shape) < 0.05) * np.exp(generator.normal(3.0, 1.0, size=shape))


def exponential(generator: Generator, shape: tuple[int, ...]) -> Array:
    """Mean 1."""
    return generator.exponential(size=shape)


LOGNORMAL_MEAN = float(np.exp(1.125))
ZERO_INFLATED_MEAN = float(0.05 * np.exp(3.5))

NORMAL = Kind(name="normal, 500 / 500", n_control=500, n_treatment=500, mean=10.0, values=normal)
HEAVY = Kind(name="lognormal(1.5), 500 / 500", n_control=500, n_treatment=500, mean=LOGNORMAL_MEAN, values=lognormal)
ZEROS = Kind(
    name="95 % zeros, 500 / 500", n_control=500, n_treatment=500, mean=ZERO_INFLATED_MEAN, values=zero_inflated
)
SMALL = Kind(name="normal, 8 / 8", n_control=8, n_treatment=8, mean=10.0, values=normal)
FEW = Kind(name="exponential, 30 / 30", n_control=30, n_treatment=30, mean=1.0, values=exponential)
UNEQUAL = Kind(
    name="normal, 950 / 50, spread 1 : 2",
    n_control=950,
    n_treatment=50,
    mean=10.0,
    values=normal,
    treatment_std=2.0,
)
UNEQUAL_HEAVY = Kind(
    name="lognormal(1.5), 950 / 50", n_control=950, n_treatment=50, mean=LOGNORMAL_MEAN, values=lognormal
)
KINDS = (NORMAL, HEAVY, ZEROS, SMALL, FEW, UNEQUAL, UNEQUAL_HEAVY)


def moments(values: Array) -> Moments:
    """Moments over the last axis."""
    n = np.full(values.shape[:-1], float(values.shape[-1]))
    mean = values.mean(axis=-1)
    return Moments(n=n, mean=mean, m2=((values - mean[..., None]) ** 2).sum(axis=-1))


def joint(*values: Array) -> JointMoments:
    """Joint moments of several variables of the same units, over the last axis."""
    stacked = np.stack(values, axis=-1)
    n = np.full(stacked.shape[:-2], float(stacked.shape[-2]))
    mean = stacked.mean(axis=-2)
    away = stacked - mean[..., None, :]
    return JointMoments(n=n, mean=mean, m2=np.swapaxes(away, -1, -2) @ away)


def variants(*arms: JointMoments) -> JointMoments:
    """Arms stacked on a new last axis of S."""
    return JointMoments(
        n=np.stack([arm.n for arm in arms], axis=-1),
        mean=np.stack([arm.mean for arm in arms], axis=-2),
        m2=np.stack([arm.m2 for arm in arms], axis=-3),
    )


def covers(lower: Array, upper: Array, truth: float) -> Array:
    """Whether each interval holds the truth."""
    return (lower <= truth) & (truth <= upper)
