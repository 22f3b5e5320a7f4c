"""Difference of quantiles at one planned look: units, clustered events, and ties, which are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.data import Grid, covers, few_values, fine_lognormal, fine_normal, joint, many_zeros
from tests.calibration.outcomes import coverage, error, holds, rejects
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    QuantileSummary,
    ValueCounts,
    difference_in_quantiles,
    mid_quantile_of_units,
    quantile_of_events,
    quantile_of_units,
)

LIFT = 0.1


def studies() -> Iterator[Study]:
    """All studies of quantiles."""
    yield from _quantiles()
    yield from _ties()
    yield _clustered_quantile()


def _quantiles() -> Iterator[Study]:
    heavy, bell, zeros = fine_lognormal(), fine_normal(), many_zeros(points=3001)
    for grid, probability, n_control, n_treatment, claim in (
        # Ranks are rounded outwards: a little less error than promised, never more.
        (heavy, 0.5, 2000, 2000, Claim.AT_MOST),
        (heavy, 0.9, 2000, 2000, Claim.AT_MOST),
        (heavy, 0.99, 2000, 2000, Claim.MEASURED),
        (heavy, 0.5, 1900, 100, Claim.MEASURED),
        (heavy, 0.5, 30, 30, Claim.MEASURED),
        (bell, 0.5, 2000, 2000, Claim.AT_MOST),
        (bell, 0.9, 1900, 100, Claim.MEASURED),
        (zeros, 0.98, 4000, 4000, Claim.MEASURED),
        (zeros, 0.97, 7600, 400, Claim.MEASURED),
    ):

        def draw(
            generator: Generator,
            runs: int,
            grid: Grid = grid,
            probability: float = probability,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
        ) -> Sequence[Array]:
            low, high = (grid.counts(generator, n, runs) for n in (n_control, n_treatment))
            lifted = ValueCounts(values=high.values * (1.0 + LIFT), counts=high.counts)
            base, null, effect = (quantile_of_units(one, probability=probability) for one in (low, high, lifted))
            return (
                rejects(difference_in_quantiles(base, null)),
                holds(difference_in_quantiles(base, effect), LIFT * grid.quantile(probability)),
                covers(base.lower, base.upper, grid.quantile(probability)),
            )

        back = Claim.AT_LEAST if claim is Claim.AT_MOST else claim
        data = f"{grid.name}, p{100 * probability:g}, {n_control} / {n_treatment}"
        yield Study(
            name=f"quantiles, {data}",
            family="Difference of quantiles",
            data=data,
            rates=(
                error("order statistics, units", claim),
                coverage("order statistics, units", back),
                coverage("interval of one quantile", Claim.AT_LEAST),
            ),
            draw=draw,
            block=250,
            blocks=24,
        )


def _ties() -> Iterator[Study]:
    """Counts and zeros: how often there is no number, and how often what is left of the tests errs (in all runs)."""
    for grid, probability, n in (
        (few_values(3.0), 0.5, 1000),
        (few_values(21.0), 0.5, 1000),
        (few_values(400.0), 0.5, 1000),
        (many_zeros(), 0.5, 1000),
        (many_zeros(), 0.95, 1000),
    ):

        def draw(
            generator: Generator, runs: int, grid: Grid = grid, probability: float = probability, n: int = n
        ) -> Sequence[Array]:
            arms = [grid.counts(generator, n, runs) for _ in range(2)]
            found = []
            for summary in (quantile_of_units, mid_quantile_of_units):
                difference = difference_in_quantiles(*(summary(one, probability=probability) for one in arms))
                found += [~difference.estimable, rejects(difference)]
            return found

        data = f"{grid.name}, p{100 * probability:g}, {n} / {n}"
        yield Study(
            name=f"quantiles, ties, {data}",
            family="Difference of quantiles",
            data=data,
            rates=(
                Rate(method="order statistics, units", quantity="no number", promised=1.0, claim=Claim.MEASURED),
                error("order statistics, units", Claim.MEASURED),
                Rate(method="mid-quantile", quantity="no number", promised=0.0, claim=Claim.MEASURED),
                error("mid-quantile", Claim.MEASURED),
            ),
            draw=draw,
            block=250,
            blocks=24,
        )


def _clustered_quantile() -> Study:
    def arm(generator: Generator) -> tuple[QuantileSummary, QuantileSummary]:
        # A unit has a level of its own and some ten events around it.
        events = 1 + generator.poisson(9.0, 400)
        level = np.repeat(generator.normal(size=400), events)
        values = np.exp(0.7 * level + 0.7 * generator.normal(size=len(level)))
        counts = ValueCounts.from_rows(values)
        below = (values <= float(counts.quantile(0.9))).astype(float)
        first = np.concatenate([[0], np.cumsum(events)[:-1]])
        shares = joint(np.add.reduceat(below, first), events.astype(float))
        return quantile_of_events(counts, shares, probability=0.9), quantile_of_units(counts, probability=0.9)

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        found = []
        for _ in range(runs):
            (low, low_naive), (high, high_naive) = arm(generator), arm(generator)
            found.append(
                [rejects(difference_in_quantiles(low, high)), rejects(difference_in_quantiles(low_naive, high_naive))]
            )
        return np.asarray(found).T

    return Study(
        name="quantiles, clustered events",
        family="Difference of quantiles",
        data="p90 of ten events a unit, 400 / 400 units",
        rates=(
            error("order statistics, events of units"),
            error("events taken for units (wrong)", Claim.MEASURED),
        ),
        draw=draw,
        block=250,
        blocks=16,
    )
