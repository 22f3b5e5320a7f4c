"""Power at the planned effect: does a plan deliver what it promised? Full form only, but for one short study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.data import joint, variants
from tests.calibration.looks import cumulative, paths
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Alternative,
    Moments,
    SpendingFunction,
    adjust,
    boundaries,
    cuped_variance_ratio,
    difference_in_means,
    difference_in_proportions,
    fixed_horizon,
    inflation,
    margin_contrast,
    non_inferiority_units,
    normal_score,
    proportion_units,
    student_units,
    units_per_variant,
)

ALPHA, POWER = 0.05, 0.8


def studies() -> Iterator[Study]:
    """All studies of plans."""
    yield _means("equal allocation", 1.0)
    yield _means("4 : 1 allocation", 0.25)
    yield _few()
    yield _shares()
    yield _adjusted()
    yield _margin()
    yield from _designs()
    yield _stopped_units()


def _study(data: str, method: str, draw: object, *, block: int = 2000, blocks: int = 20) -> Study:
    return Study(
        name=f"power, {method}, {data}",
        family="Power at the planned effect",
        data=data,
        rates=(Rate(method=method, quantity="power", promised=POWER, claim=Claim.PLANNED),),
        draw=draw,  # type: ignore[arg-type]
        block=block,
        blocks=blocks,
        short=False,
    )


def _sample(generator: Generator, runs: int, n: int, mean: float, std_dev: float = 1.0) -> Moments:
    return Moments(
        n=np.full(runs, float(n)),
        mean=mean + std_dev * generator.normal(size=runs) / np.sqrt(n),
        m2=std_dev**2 * generator.chisquare(n - 1, size=runs),
    )


def _means(data: str, ratio: float) -> Study:
    n = float(units_per_variant(std_dev=1.0, minimum_effect=0.1, alpha=ALPHA, power=POWER, ratio=ratio))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low = _sample(generator, runs, int(np.ceil(n)), 0.0)
        high = _sample(generator, runs, int(np.ceil(n * ratio)), 0.1)
        return (fixed_horizon(difference_in_means(low, high), level=1.0 - ALPHA).p_value <= ALPHA,)

    return _study(f"normal, effect .1, {data}", "Welch", draw)


def _few() -> Study:
    n = int(np.ceil(float(student_units(std_dev=1.0, minimum_effect=1.2, alpha=ALPHA, power=POWER))))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = _sample(generator, runs, n, 0.0), _sample(generator, runs, n, 1.2)
        return (fixed_horizon(difference_in_means(low, high), level=1.0 - ALPHA).p_value <= ALPHA,)

    return _study(f"normal, effect 1.2, {n} / {n}", "Welch, planned with t", draw)


def _shares() -> Study:
    n = int(np.ceil(float(proportion_units(control=0.1, treatment=0.12, alpha=ALPHA, power=POWER))))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = (
            Moments.from_proportion(n=np.full(runs, n), successes=generator.binomial(n, p, runs)) for p in (0.1, 0.12)
        )
        return (fixed_horizon(difference_in_proportions(low, high), level=1.0 - ALPHA).p_value <= ALPHA,)

    return _study(f"share .1 against .12, {n} / {n}", "two proportions", draw)


def _adjusted() -> Study:
    left = float(cuped_variance_ratio(0.7))
    full = float(units_per_variant(std_dev=1.0, minimum_effect=0.2, alpha=ALPHA, power=POWER))
    n = int(np.ceil(full * left))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        arms = []
        for effect in (0.0, 0.2):
            before = generator.normal(size=(runs, n))
            arms.append(joint(effect + 0.7 * before + np.sqrt(0.51) * generator.normal(size=(runs, n)), before))
        adjusted = adjust(variants(*arms)).moments
        estimate = difference_in_means(adjusted.take(..., 0), adjusted.take(..., 1))
        return (fixed_horizon(estimate, level=1.0 - ALPHA).p_value <= ALPHA,)

    return _study(f"normal, ρ = .7, {n} / {n} instead of {int(np.ceil(full))}", "CUPED", draw, block=500, blocks=80)


def _margin() -> Study:
    n = int(np.ceil(float(non_inferiority_units(std_dev=3.0, alpha=ALPHA, power=POWER, relative=0.05, mean=10.0))))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        estimate = difference_in_means(*(_sample(generator, runs, n, 10.0, 3.0) for _ in range(2)))
        moved = margin_contrast(estimate, direction_sign=1, relative=0.05)
        test = fixed_horizon(moved, level=1.0 - 2.0 * ALPHA, alternative=Alternative.GREATER)
        return (test.p_value <= ALPHA,)

    return _study(f"normal, margin 5 %, no difference, {n} / {n}", "non-inferiority", draw)


def _designs() -> Iterator[Study]:
    designs = (
        ("4 equal looks", np.arange(1, 5) / 4.0),
        ("28 equal looks", np.arange(1, 29) / 28.0),
        ("5 unequal looks", np.array([0.1, 0.15, 0.6, 0.9, 1.0])),
    )
    for data, fractions in designs:
        for name, spending in (
            ("O'Brien–Fleming type", SpendingFunction.OBRIEN_FLEMING),
            ("Pocock type", SpendingFunction.POCOCK),
        ):
            bound = boundaries(fractions, alpha=ALPHA, spending=spending).z
            # z_{.975} + z_{.8}, raised by what the looks cost.
            drift = 2.8015852 * float(np.sqrt(inflation(fractions, alpha=ALPHA, power=POWER, spending=spending)))

            def draw(
                generator: Generator,
                runs: int,
                fractions: Array = fractions,
                bound: Array = bound,
                drift: float = drift,
            ) -> Sequence[Array]:
                up = paths(generator, runs, fractions, drift=drift) >= bound
                return (up.any(axis=1),)

            yield _study(data, name, draw)


def _stopped_units() -> Study:
    """Units instead of a normal statistic: four weekly looks at a mean, sized with the inflation."""
    fractions = np.arange(1, 5) / 4.0
    bound = boundaries(fractions, alpha=ALPHA).z
    raised = inflation(fractions, alpha=ALPHA, power=POWER)
    n = float(units_per_variant(std_dev=1.0, minimum_effect=0.2, alpha=ALPHA, power=POWER, inflation=raised))
    per_look = int(np.ceil(n / 4.0))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = (cumulative(effect + generator.exponential(size=(runs, 4, per_look))) for effect in (0.0, 0.2))
        return ((normal_score(difference_in_means(low, high)) >= bound).any(axis=1),)

    return _study(f"exponential, 4 × {per_look} an arm", "O'Brien–Fleming type, units", draw, block=1000, blocks=40)
