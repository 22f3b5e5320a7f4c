"""After a group-sequential stop: interval, estimate and p-value that know when the stop came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tests.calibration.daily import cumulative
from tests.calibration.data import exponential, lognormal, normal, zero_inflated
from tests.calibration.looks import known, paths
from tests.calibration.outcomes import ALPHA, coverage, error
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import boundaries, difference_in_means, repeated_p_values, stagewise

FAMILY = "After a group-sequential stop"
# Estimates and their standard errors (runs, look) with the true effect.
Sample = Callable[[Generator, int], tuple[Array, Array, float]]


def studies() -> Iterator[Study]:
    """All studies of what is told after a stop."""
    yield from _normal_statistic()
    yield from _units()
    yield _repeated()


def _normal_statistic() -> Iterator[Study]:
    for data, looks, drift in (
        ("4 equal looks, O'Brien–Fleming type, power .8", 4, 2.8),
        ("4 equal looks, O'Brien–Fleming type, no effect", 4, 0.0),
        ("4 equal looks, O'Brien–Fleming type, power .99", 4, 4.3),
        ("14 equal looks, O'Brien–Fleming type, power .8", 14, 2.8),
    ):
        information = np.arange(1, looks + 1) / looks

        def sample(
            generator: Generator, runs: int, information: Array = information, drift: float = drift
        ) -> tuple[Array, Array, float]:
            z = paths(generator, runs, information, drift=drift)
            return z / np.sqrt(information), np.broadcast_to(information**-0.5, z.shape), drift

        yield _after(data, looks, sample, Claim.HOLDS, name="after a stop" if looks == 4 and drift == 2.8 else None)


def _units() -> Iterator[Study]:
    """Four weekly looks at units; the effect is what the fixed test of normal values would find with power .8."""
    for data, values, mean_spread, per_look in (
        ("normal, 4 × 100 + 100", normal, 3.0, (100, 100)),
        ("exponential, 4 × 100 + 100", exponential, 1.0, (100, 100)),
        ("lognormal(1.5), 4 × 100 + 100", lognormal, 8.97, (100, 100)),
        ("95 % zeros, 4 × 100 + 100", zero_inflated, 12.1, (100, 100)),
        ("normal, 4 × 5 + 5", normal, 3.0, (5, 5)),
        ("normal, 4 × 190 + 10", normal, 3.0, (190, 10)),
        ("lognormal(1.5), 4 × 190 + 10", lognormal, 8.97, (190, 10)),
    ):

        def sample(
            generator: Generator,
            runs: int,
            values: Callable[[Generator, tuple[int, ...]], Array] = values,
            mean_spread: float = mean_spread,
            per_look: tuple[int, int] = per_look,
        ) -> tuple[Array, Array, float]:
            effect = 2.8 * mean_spread * float(np.sqrt((1.0 / per_look[0] + 1.0 / per_look[1]) / 4.0))
            low, high = (
                cumulative(values(generator, (runs, 4, n)) + by) for n, by in zip(per_look, (0.0, effect), strict=True)
            )
            estimate = difference_in_means(low, high)
            return estimate.estimate, estimate.std_error, effect

        claim = Claim.HOLDS if data.startswith("normal, 4 × 100") else Claim.MEASURED
        yield _after(data, 4, sample, claim)


def _after(data: str, looks: int, sample: Sample, claim: Claim, *, name: str | None = None) -> Study:
    design = boundaries(np.arange(1, looks + 1) / looks, alpha=ALPHA)

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        estimate, spread, truth = sample(generator, runs)
        crossed = np.abs(estimate / spread) >= design.z
        stop = np.where(crossed.any(axis=1), crossed.argmax(axis=1), looks - 1)
        found = []
        for run, at in enumerate(stop):
            value, half = estimate[run, at], spread[run, at]
            effect = stagewise(
                known(np.asarray(value), np.asarray(half)),
                past_information=spread[run, :at] ** -2.0,
                past_boundaries=design.z[:at],
                level=0.95,
            )
            found.append(
                [
                    effect.interval.lower <= truth <= effect.interval.upper,
                    effect.stagewise_p_value <= ALPHA,
                    effect.median_unbiased > truth,
                    value > truth,
                    abs(value - truth) <= 1.959964 * half,
                    abs(value - truth) <= design.z[at] * half,
                ]
            )
        outcomes = list(np.asarray(found, dtype=float).T)
        return outcomes if truth == 0.0 else [outcomes[0], *outcomes[2:]]

    null = "no effect" in data
    return Study(
        name=name or f"after a stop, {data}",
        family=FAMILY,
        data=data,
        rates=(
            coverage("stage-wise interval", claim),
            *((error("stage-wise p-value", claim),) if null else ()),
            Rate(method="median-unbiased estimate", quantity="above the truth", promised=0.5, claim=claim),
            Rate(method="plain estimate", quantity="above the truth", promised=0.5, claim=Claim.MEASURED),
            coverage("fixed-horizon interval (wrong)", Claim.MEASURED),
            coverage("repeated interval", Claim.AT_LEAST if claim is Claim.HOLDS else claim),
        ),
        draw=draw,
        block=100,
        blocks=20 if name else 8,
    )


def _repeated() -> Study:
    """The smallest level whose boundary would have been crossed, at any of four looks."""
    information = np.arange(1, 5) / 4.0

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        z = paths(generator, runs, information)
        last = np.array([repeated_p_values(one, information).always_valid_p_value[-1] for one in z])
        return last <= ALPHA, last <= 0.2

    return Study(
        name="repeated p-values",
        family=FAMILY,
        data="4 equal looks, O'Brien–Fleming type, no effect",
        rates=(error("repeated p-value"), error("repeated p-value, at .2", Claim.HOLDS, 0.2)),
        draw=draw,
        block=50,
        blocks=24,
    )
