"""The kinds of data: well-behaved, heavy-tailed, zero-inflated, few and unequal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from tests.calibration.study import Array, Generator
from trialflow.stats import JointMoments, Moments, ValueCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Units of both variants: `n_control` and `n_treatment` of them, values (runs, n) with the known `mean`."""

    name: str
    n_control: int
    n_treatment: int
    mean: float
    std_dev: float
    values: Callable[[Generator, tuple[int, ...]], Array]
    treatment_std: float = 1.0  # spread of treatment around the mean, in that of control

    @property
    def std_error(self) -> float:
        """Standard error of the difference of means."""
        return self.std_dev * float(np.sqrt(1.0 / self.n_control + self.treatment_std**2 / self.n_treatment))

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

LOGNORMAL_STD = LOGNORMAL_MEAN * float(np.sqrt(np.exp(2.25) - 1.0))
ZERO_INFLATED_STD = float(np.sqrt(0.05 * np.exp(8.0) - ZERO_INFLATED_MEAN**2))


def _normal(name: str, n_control: int, n_treatment: int, treatment_std: float = 1.0) -> Kind:
    return Kind(
        name=name,
        n_control=n_control,
        n_treatment=n_treatment,
        mean=10.0,
        std_dev=3.0,
        values=normal,
        treatment_std=treatment_std,
    )


def _lognormal(name: str, n_control: int, n_treatment: int) -> Kind:
    return Kind(
        name=name,
        n_control=n_control,
        n_treatment=n_treatment,
        mean=LOGNORMAL_MEAN,
        std_dev=LOGNORMAL_STD,
        values=lognormal,
    )


NORMAL = _normal("normal, 500 / 500", 500, 500)
HEAVY = _lognormal("lognormal(1.5), 500 / 500", 500, 500)
ZEROS = Kind(
    name="95 % zeros, 500 / 500",
    n_control=500,
    n_treatment=500,
    mean=ZERO_INFLATED_MEAN,
    std_dev=ZERO_INFLATED_STD,
    values=zero_inflated,
)
SMALL = _normal("normal, 8 / 8", 8, 8)
FEW = Kind(name="exponential, 30 / 30", n_control=30, n_treatment=30, mean=1.0, std_dev=1.0, values=exponential)
UNEQUAL = _normal("normal, 950 / 50, spread 1 : 2", 950, 50, 2.0)
UNEQUAL_HEAVY = _lognormal("lognormal(1.5), 950 / 50", 950, 50)
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


def covers(lower: Array, upper: Array, truth: float | Array) -> Array:
    """Whether each interval holds the truth."""
    return (lower <= truth) & (truth <= upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A distribution on ascending `values` (v,) with their chances (v,): what needs counts of values is drawn from it."""

    name: str
    values: Array
    chance: Array

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(self.values @ self.chance)

    def counts(self, generator: Generator, n: int, runs: int) -> ValueCounts:
        """`n` units in each of `runs`."""
        drawn = generator.multinomial(n, self.chance, size=runs).astype(float)
        return ValueCounts(values=self.values, counts=drawn)

    def quantile(self, probability: float) -> float:
        """The smallest value with at least that share at or below it."""
        return float(self.values[int(np.argmax(np.cumsum(self.chance) >= probability - 1e-12))])

    def moved(self, *, factor: float = 1.0, shift: float = 0.0) -> Grid:
        """The same with other values."""
        return Grid(name=self.name, values=self.values * factor + shift, chance=self.chance)


def _bell(points: int) -> tuple[Array, Array]:
    z = np.linspace(-4.5, 4.5, points)
    chance = np.exp(-0.5 * z**2)
    return z, chance / chance.sum()


def fine_normal(points: int = 3001) -> Grid:
    """Mean 10, standard deviation 3, fine enough to be continuous."""
    z, chance = _bell(points)
    return Grid(name="normal", values=10.0 + 3.0 * z, chance=chance)


def fine_lognormal(std_dev: float = 1.0, points: int = 3001) -> Grid:
    """exp of N(0, std_dev²), fine enough to be continuous."""
    z, chance = _bell(points)
    return Grid(name=f"lognormal({std_dev:g})", values=np.exp(std_dev * z), chance=chance)


def many_zeros(share: float = 0.95, points: int = 1501) -> Grid:
    """A share of zeros, else exp of N(3, 1)."""
    z, chance = _bell(points)
    values = np.concatenate([[0.0], np.exp(3.0 + z)])
    return Grid(
        name=f"{100 * share:g} % zeros", values=values, chance=np.concatenate([[share], (1.0 - share) * chance])
    )


def few_values(mean: float) -> Grid:
    """Poisson counts."""
    values = np.arange(float(int(mean + 12.0 * np.sqrt(mean)) + 2))
    chance = np.exp(values * np.log(mean) - mean - gammaln(values + 1.0))
    return Grid(name=f"Poisson({mean:g}) counts", values=values, chance=chance / chance.sum())
