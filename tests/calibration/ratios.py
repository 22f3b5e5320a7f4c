"""Ratio of sums at one planned look, CUPED on and off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tests.calibration.data import joint, variants
from tests.calibration.outcomes import between, error, error_and_coverage, holds, rejects
from tests.calibration.study import Array, Claim, Generator, Study
from trialflow.stats import Moments, adjust_ratios, difference_in_proportions, difference_in_ratios

Views = Callable[[Generator, tuple[int, int]], Array]


def studies() -> Iterator[Study]:
    """All studies of ratios."""
    yield from _ratios()
    yield from _adjusted()


def poisson_views(generator: Generator, shape: tuple[int, int]) -> Array:
    """1 + Poisson(4)."""
    return np.asarray(1.0 + generator.poisson(4.0, shape))


def heavy_views(generator: Generator, shape: tuple[int, int]) -> Array:
    """Lognormal(1.2), rounded up."""
    return np.ceil(np.exp(generator.normal(0.5, 1.2, shape)))


def rare_views(generator: Generator, shape: tuple[int, int]) -> Array:
    """Nine units in ten view nothing."""
    return (generator.random(shape) < 0.1) * poisson_views(generator, shape)


def visits(generator: Generator, shape: tuple[int, int], views: Views, share: float) -> tuple[Array, Array]:
    """Clicks and views of each unit: units differ in their share of clicks, and their views are clustered."""
    seen = views(generator, shape)
    spread = generator.beta(20.0 * share, 20.0 * (1.0 - share), shape)
    return generator.binomial(seen.astype(np.int64), spread).astype(float), seen


# (data, units of control and treatment, views, share of clicks, does the normal approximation hold)
DESIGNS: tuple[tuple[str, int, int, Views, float, Claim], ...] = (
    ("Poisson views, 1000 / 1000", 1000, 1000, poisson_views, 0.2, Claim.HOLDS),
    ("lognormal(1.2) views, 1000 / 1000", 1000, 1000, heavy_views, 0.2, Claim.MEASURED),
    ("Poisson views, 950 / 50", 950, 50, poisson_views, 0.2, Claim.MEASURED),
    ("Poisson views, 10 / 10", 10, 10, poisson_views, 0.2, Claim.MEASURED),
    ("lognormal(1.2) views, 950 / 50", 950, 50, heavy_views, 0.2, Claim.MEASURED),
    ("90 % of units without views, 1000 / 1000", 1000, 1000, rare_views, 0.2, Claim.MEASURED),
    ("one click in 100 views, 1000 / 1000", 1000, 1000, poisson_views, 0.01, Claim.MEASURED),
)


def _ratios() -> Iterator[Study]:
    for data, n_control, n_treatment, views, share, claim in DESIGNS:

        def draw(
            generator: Generator,
            runs: int,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
            views: Views = views,
            share: float = share,
        ) -> Sequence[Array]:
            low = joint(*visits(generator, (runs, n_control), views, share))
            high = joint(*visits(generator, (runs, n_treatment), views, share))
            lifted = joint(*visits(generator, (runs, n_treatment), views, 1.1 * share))
            rows = [
                Moments.from_proportion(n=np.rint(arm.n * arm.mean[:, 1]), successes=np.rint(arm.n * arm.mean[:, 0]))
                for arm in (low, high)
            ]
            return (
                rejects(difference_in_ratios(low, high)),
                holds(difference_in_ratios(low, lifted), 0.1 * share),
                rejects(difference_in_proportions(*rows)),
            )

        yield Study(
            name=f"ratios, {data}",
            family="Ratio of sums",
            data=data,
            rates=(
                *error_and_coverage("delta method", claim),
                error("views taken for units (wrong)", Claim.MEASURED),
            ),
            draw=draw,
            block=400,
            blocks=25 if n_control > 10 else 50,
        )


def _adjusted() -> Iterator[Study]:
    """The same with the ratio of a time before, whose views are others and whose units are the same."""
    for data, n_control, n_treatment, views, share, claim in DESIGNS:

        def draw(
            generator: Generator,
            runs: int,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
            views: Views = views,
            share: float = share,
        ) -> Sequence[Array]:
            def arm(n: int, lift: float) -> Sequence[Array]:
                shape = (runs, n)
                spread = generator.beta(20.0 * share, 20.0 * (1.0 - share), shape)
                now, before = (views(generator, shape) for _ in range(2))
                clicks = generator.binomial(now.astype(np.int64), np.minimum(lift * spread, 1.0))
                clicks_before = generator.binomial(before.astype(np.int64), spread)
                return clicks.astype(float), now, clicks_before.astype(float), before

            low, high, lifted = (
                joint(*arm(n, lift)) for n, lift in ((n_control, 1.0), (n_treatment, 1.0), (n_treatment, 1.1))
            )
            null, effect = (adjust_ratios(variants(low, one)).moments for one in (high, lifted))
            return rejects(between(null)), holds(between(effect), 0.1 * share)

        yield Study(
            name=f"ratios, cuped, {data}",
            family="Ratio of sums",
            data=data,
            rates=error_and_coverage("delta method, CUPED on", claim),
            draw=draw,
            block=100 if n_control > 10 else 400,
            blocks=50,
        )
