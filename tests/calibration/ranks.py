"""Ranks and distributions: Mann–Whitney, the chance of a larger value, Kolmogorov–Smirnov."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.data import Grid, covers, few_values, fine_lognormal, fine_normal, many_zeros
from tests.calibration.outcomes import ALPHA, coverage, error
from tests.calibration.study import Array, Claim, Generator, Study
from trialflow.stats import kolmogorov_smirnov, mann_whitney


def studies() -> Iterator[Study]:
    """All studies of ranks."""
    heavy, bell, zeros = fine_lognormal(), fine_normal(1501), many_zeros()
    wide = bell.moved(factor=2.0, shift=-10.0)
    # (data, control, treatment, units of each, test and interval of ranks: do their assumptions hold)
    for word, low, high, n_control, n_treatment, claim in (
        ("", heavy, heavy, 200, 200, Claim.HOLDS),
        ("", heavy, heavy, 12, 12, Claim.MEASURED),
        ("", heavy, heavy, 950, 50, Claim.MEASURED),
        ("", bell, bell, 200, 200, Claim.HOLDS),
        (", spread 1 : 2", bell, wide, 950, 50, Claim.MEASURED),
        ("", zeros, zeros, 500, 500, Claim.MEASURED),
        ("", zeros, zeros, 950, 50, Claim.MEASURED),
        ("", few_values(3.0), few_values(3.0), 200, 200, Claim.MEASURED),
    ):
        yield _ranks(f"{low.name}, {n_control} / {n_treatment}{word}", low, high, (n_control, n_treatment), claim)


def _ranks(data: str, control: Grid, treatment: Grid, n: tuple[int, int], claim: Claim) -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = control.counts(generator, n[0], runs), treatment.counts(generator, n[1], runs)
        test = mann_whitney(low, high, level=0.95)
        return (
            test.p_value <= ALPHA,
            covers(test.interval.lower, test.interval.upper, 0.5),
            kolmogorov_smirnov(low, high).p_value <= ALPHA,
        )

    # Where only the spreads differ, the distributions do: no level is promised, and Kolmogorov and Smirnov find it.
    alike = np.array_equal(control.values, treatment.values)
    return Study(
        name=f"ranks, {data}",
        family="Ranks",
        data=data,
        rates=(
            error("Mann–Whitney", claim),
            coverage("P(treatment > control), Brunner–Munzel", claim),
            error("Kolmogorov–Smirnov", Claim.AT_MOST if alike and n[0] == n[1] else Claim.MEASURED),
        ),
        draw=draw,
        block=250,
        blocks=32,
    )
