"""Difference of means at one planned look: independent variants, pairs, capped values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.cuped import before_and_after, mean_after
from tests.calibration.data import (
    HEAVY,
    KINDS,
    NORMAL,
    SMALL,
    UNEQUAL,
    ZEROS,
    Grid,
    Kind,
    fine_lognormal,
    fine_normal,
    joint,
    many_zeros,
    moments,
)
from tests.calibration.outcomes import between, coverage, error, error_and_coverage, holds, rejects
from tests.calibration.study import Array, Claim, Generator, Study
from trialflow.stats import (
    ValueCounts,
    difference_in_means,
    difference_in_means_equal_variance,
    paired_difference,
    pooled_threshold,
    winsorised,
)

LIFT = 0.1
CAP = 0.99


def studies() -> Iterator[Study]:
    """All studies of means."""
    yield from _means()
    yield from _pairs()
    yield from _capped()


def _means() -> Iterator[Study]:
    sound = (NORMAL, SMALL, UNEQUAL)
    for kind in KINDS:
        claim = Claim.HOLDS if kind in sound else Claim.MEASURED
        pooled = Claim.HOLDS if kind in (NORMAL, SMALL) else Claim.MEASURED

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            control, treatment = kind.pair(generator, runs)
            low, high = moments(control), moments(treatment)
            lifted = moments(treatment * (1.0 + LIFT))
            truth = LIFT * kind.mean
            return (
                rejects(difference_in_means(low, high)),
                holds(difference_in_means(low, lifted), truth),
                rejects(difference_in_means_equal_variance(low, high)),
            )

        yield Study(
            name=f"means, {kind.name}",
            family="Difference of means",
            data=kind.name,
            rates=(*error_and_coverage("Welch", claim), error("Student, equal variances", pooled)),
            draw=draw,
            block=1000,
            blocks=24,
        )


def _pairs() -> Iterator[Study]:
    """The same unit under both variants: values correlated about .7, less where tails are heavy."""
    for kind in (NORMAL, HEAVY, ZEROS, SMALL):

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            treatment, control = before_and_after(generator, kind, runs, kind.n_control)
            if kind in (NORMAL, SMALL):
                control = 10.0 + 3.0 * control
            else:
                # Both sides alike: as many silent units in one as in the other.
                control = np.where(generator.random(control.shape) < 0.2, control, 0.0) if kind is ZEROS else control
            lifted = treatment * (1.0 + LIFT)
            return (
                rejects(paired_difference(joint(control, treatment))),
                holds(paired_difference(joint(control, lifted)), LIFT * mean_after(kind)),
                rejects(difference_in_means(moments(control), moments(treatment))),
            )

        data = f"{kind.name.replace('95 %', '90 %').split(' / ')[0]} pairs"
        yield Study(
            name=f"pairs, {data}",
            family="Difference of means",
            data=data,
            rates=(
                *error_and_coverage("pairs", Claim.HOLDS if kind in (NORMAL, SMALL) else Claim.MEASURED),
                error("pairs taken for independent (wrong)", Claim.MEASURED),
            ),
            draw=draw,
            block=500,
            blocks=40,
        )


def _capped() -> Iterator[Study]:
    designs = (
        (fine_lognormal(1.5, 1501), 500, 500, Claim.MEASURED),
        (fine_lognormal(1.5, 1501), 950, 50, Claim.MEASURED),
        (many_zeros(), 500, 500, Claim.MEASURED),
        (fine_normal(1501), 500, 500, Claim.HOLDS),
        (fine_normal(1501), 8, 8, Claim.MEASURED),
        (fine_normal(1501), 950, 50, Claim.MEASURED),
    )
    for grid, n_control, n_treatment, claim in designs:

        def draw(
            generator: Generator,
            runs: int,
            grid: Grid = grid,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
        ) -> Sequence[Array]:
            arms = [grid.counts(generator, n, runs) for n in (n_control, n_treatment)]
            both = ValueCounts(values=grid.values, counts=np.stack([one.counts for one in arms], axis=-2))
            pooled = winsorised(both, upper=pooled_threshold(both, CAP)[..., None])
            # A cap fixed before data: here the difference of capped means is known.
            cap = grid.quantile(CAP)
            low, high = winsorised(arms[0], upper=cap), winsorised(_lifted(arms[1]), upper=cap)
            truth = float((np.minimum(grid.values * (1.0 + LIFT), cap) - np.minimum(grid.values, cap)) @ grid.chance)
            return rejects(between(pooled)), holds(difference_in_means(low, high), truth)

        data = f"{grid.name}, {n_control} / {n_treatment}"
        yield Study(
            name=f"capped, {data}",
            family="Difference of means",
            data=data,
            rates=(
                error("capped at the pooled 99 % quantile", claim),
                coverage("capped at a fixed value", claim),
            ),
            draw=draw,
            block=250,
            blocks=40,
        )


def _lifted(arm: ValueCounts) -> ValueCounts:
    return ValueCounts(values=arm.values * (1.0 + LIFT), counts=arm.counts)
