"""Is the experiment sound: splits, A/A, pre-period imbalance, novelty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import chdtrc

from tests.calibration.data import HEAVY, NORMAL, UNEQUAL_HEAVY, Kind, joint, moments, variants
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Estimate,
    JointMoments,
    chi_square,
    difference_in_proportions,
    difference_in_ratios,
    fixed_horizon,
    novelty_contrast,
    pre_period_imbalance,
    rerandomise,
    sequential_split,
)

ALPHA = 0.05
DAYS = 28
CONCENTRATIONS = (100.0, 10_000.0)  # as the product's check has them


def studies() -> Iterator[Study]:
    """All studies of integrity."""
    yield from _splits()
    yield from _daily_splits()
    yield from _aa()
    yield from _imbalance()
    yield from _novelty()


def _splits() -> Iterator[Study]:
    designs = (
        ("10,000 units, .5 / .5", 10_000, np.array([0.5, 0.5]), Claim.HOLDS),
        ("10,000 units, .9 / .05 / .05", 10_000, np.array([0.9, 0.05, 0.05]), Claim.HOLDS),
        ("10,000 units, one arm of three without a share", 10_000, np.array([0.5, 0.5, 0.0]), Claim.HOLDS),
        ("60 units, .9 / .1", 60, np.array([0.9, 0.1]), Claim.MEASURED),
    )
    for data, n, shares, claim in designs:

        def draw(generator: Generator, runs: int, n: int = n, shares: Array = shares) -> Sequence[Array]:
            p = chi_square(generator.multinomial(n, shares, size=runs), shares).p_value
            return (p <= ALPHA, p <= 0.01)

        yield Study(
            name=f"split, {data}",
            family="Split",
            data=data,
            rates=tuple(
                Rate(method=f"chi-square at {alpha:g}", quantity="type I error", promised=alpha, claim=claim)
                for alpha in (ALPHA, 0.01)
            ),
            draw=draw,
            block=5000,
            blocks=20,
        )


def _daily_splits() -> Iterator[Study]:
    even = np.broadcast_to([0.5, 0.5], (DAYS, 2))
    ramp = np.repeat([[0.95, 0.05], [0.8, 0.2], [0.5, 0.5]], [7, 7, 14], axis=0)
    three = np.broadcast_to([0.6, 0.2, 0.2], (DAYS, 3))
    for data, shares in (("even", even), ("ramp 5 %, 20 %, 50 %", ramp), (".6 / .2 / .2", three)):

        def draw(generator: Generator, runs: int, shares: Array = shares) -> Sequence[Array]:
            counts = np.stack([generator.multinomial(2000, row, size=runs) for row in shares], axis=1)
            p = np.array([sequential_split(one, shares, concentration=CONCENTRATIONS).p_value[-1] for one in counts])
            expected = np.cumsum(2000.0 * shares, axis=0)
            statistic = ((np.cumsum(counts, axis=1) - expected) ** 2 / expected).sum(axis=2)
            naive = chdtrc(shares.shape[1] - 1.0, statistic)
            return (p <= ALPHA, p <= 0.001, (naive <= ALPHA).any(axis=1), (naive <= 0.001).any(axis=1))

        naive = "chi-square on every day (wrong)"
        yield Study(
            name=f"daily split, {data}",
            family="Split",
            data=f"{data}, 28 days of 2,000 new units",
            rates=(
                Rate(method="sequential, at .05", quantity="type I error", promised=ALPHA, claim=Claim.AT_MOST),
                Rate(method="sequential, at .001", quantity="type I error", promised=0.001, claim=Claim.AT_MOST),
                Rate(method=f"{naive}, at .05", quantity="type I error", promised=ALPHA, claim=Claim.MEASURED),
                Rate(method=f"{naive}, at .001", quantity="type I error", promised=0.001, claim=Claim.MEASURED),
            ),
            draw=draw,
            block=1000,
            blocks=20,
        )


def _aa() -> Iterator[Study]:
    """Buckets of units re-split: the rate of rejections, and what the judgement says about sound and broken estimators."""

    def buckets(generator: Generator) -> JointMoments:
        views = 1.0 + generator.poisson(3.0, size=(512, 8))
        level = generator.beta(2.0, 8.0, size=views.shape)
        return joint(generator.binomial(views.astype(int), level).astype(float), views)

    def ratio(low: JointMoments, high: JointMoments) -> Estimate:
        return difference_in_ratios(low, high)

    def rows(low: JointMoments, high: JointMoments) -> Estimate:
        from trialflow.stats import Moments

        arms = (
            Moments.from_proportion(n=np.rint(arm.n * arm.mean[:, 1]), successes=np.rint(arm.n * arm.mean[:, 0]))
            for arm in (low, high)
        )
        return difference_in_proportions(*arms)

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        found = np.zeros((4, runs))
        for run in range(runs):
            units = buckets(generator)
            seed = int(generator.integers(2**32))
            for place, estimator in enumerate((ratio, rows)):
                result = rerandomise(units, splits=1000, share=0.5, seed=seed, estimator=estimator, alpha=ALPHA)
                found[place, run] = result.rate
                found[2 + place, run] = float(result.interval.lower) > 1.2 * ALPHA
        return found

    yield Study(
        name="aa",
        family="A/A validation",
        data="clicks per view, 512 buckets of 8 units, 1,000 splits",
        rates=(
            Rate(method="delta method", quantity="rejections", promised=ALPHA),
            Rate(method="views taken for units (wrong)", quantity="rejections", promised=ALPHA, claim=Claim.MEASURED),
            Rate(method="judgement of the delta method", quantity="failed", promised=0.01, claim=Claim.AT_MOST),
            Rate(method="judgement of views taken for units", quantity="failed", promised=1.0, claim=Claim.MEASURED),
        ),
        draw=draw,
        block=25,
        blocks=20,
    )


def _imbalance() -> Iterator[Study]:
    for kind, claim in ((NORMAL, Claim.HOLDS), (HEAVY, Claim.MEASURED), (UNEQUAL_HEAVY, Claim.MEASURED)):

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            arms = []
            for n in (kind.n_control, kind.n_treatment):
                first = kind.values(generator, (runs, n))
                arms.append(joint(first, 0.5 * first + kind.values(generator, (runs, n))))
            return (pre_period_imbalance(variants(*arms)).p_value <= ALPHA,)

        yield Study(
            name=f"imbalance, {kind.name}",
            family="Pre-period imbalance",
            data=f"two covariates, {kind.name}",
            rates=(Rate(method="Hotelling's chi-square", quantity="type I error", promised=ALPHA, claim=claim),),
            draw=draw,
            block=500,
            blocks=24,
        )


def _novelty() -> Iterator[Study]:
    for data, heavy, claim in (
        ("normal, 300 / 300", False, Claim.HOLDS),
        ("lognormal(1.5) levels, 300 / 300", True, Claim.MEASURED),
    ):

        def draw(generator: Generator, runs: int, heavy: bool = heavy) -> Sequence[Array]:
            arms = []
            for effect in (0.0, 0.5):
                level = generator.normal(size=(runs, 300, 1))
                days = level + 0.5 * generator.normal(size=(runs, 300, 14))
                values = (np.exp(1.2 * days) if heavy else days) + effect
                arms.append(moments(values[:, :, 7:].mean(axis=2) - values[:, :, :7].mean(axis=2)))
            test = fixed_horizon(novelty_contrast(arms[0], arms[1]), level=0.95)
            return (test.p_value <= ALPHA,)

        yield Study(
            name=f"novelty, {data}",
            family="Novelty",
            data=f"constant effect, 14 days, {data}",
            rates=(Rate(method="late − early contrast", quantity="type I error", promised=ALPHA, claim=claim),),
            draw=draw,
            block=100,
            blocks=40,
        )
