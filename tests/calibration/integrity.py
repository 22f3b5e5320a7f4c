"""Is the experiment sound: splits, A/A, pre-period imbalance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import chdtrc

from tests.calibration.cuped import before_and_after
from tests.calibration.data import HEAVY, KINDS, NORMAL, SMALL, UNEQUAL, ZEROS, Kind, joint, variants
from tests.calibration.outcomes import ALPHA, between, error
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Estimate,
    JointMoments,
    Moments,
    adjust,
    chi_square,
    difference_in_means,
    difference_in_proportions,
    difference_in_ratios,
    exact_split,
    pre_period_imbalance,
    rerandomise,
    sequential_split,
    split_by_group,
)

DAYS = 28
CONCENTRATIONS = (100.0, 10_000.0)  # as the product's check has them


def studies() -> Iterator[Study]:
    """All studies of integrity."""
    yield from _splits()
    yield from _exact_splits()
    yield from _groups()
    yield from _daily_splits()
    yield from _aa()
    yield from _aa_of_means()
    yield from _imbalance()


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


def _exact_splits() -> Iterator[Study]:
    for n, shares in ((60, (0.9, 0.1)), (12, (0.5, 0.5)), (15, (0.6, 0.2, 0.2))):

        def draw(generator: Generator, runs: int, n: int = n, shares: tuple[float, ...] = shares) -> Sequence[Array]:
            counts, where = np.unique(generator.multinomial(n, shares, size=runs), axis=0, return_inverse=True)
            p = np.array([exact_split(one, shares) for one in counts])[where.reshape(-1)]
            return p <= ALPHA, p <= 0.01

        data = f"{n} units, " + " / ".join(f"{share:g}"[1:] for share in shares)
        yield Study(
            name=f"exact split, {data}",
            family="Split",
            data=data,
            rates=tuple(error(f"exact multinomial test at {alpha:g}", Claim.AT_MOST, alpha) for alpha in (ALPHA, 0.01)),
            draw=draw,
            block=5000,
            blocks=20,
        )


def _groups() -> Iterator[Study]:
    """Twenty countries, large to tiny; then one of them without a third of its treated units."""
    large = np.array([5000, 2000, 1000, 500, 300, 200, 150, 100, 80, 60, 50, 40, 30, 20, 15, 12, 10, 8, 6, 4])
    for data, sizes, shares in (
        ("20 groups of 5000 to 4 units, .5 / .5", large, (0.5, 0.5)),
        ("20 groups of 5000 to 4 units, .95 / .05", large, (0.95, 0.05)),
        ("20 groups of 500 units, .4 / .3 / .3", np.full(20, 500), (0.4, 0.3, 0.3)),
    ):

        def draw(
            generator: Generator, runs: int, sizes: Array = sizes, shares: tuple[float, ...] = shares
        ) -> Sequence[Array]:
            counts = np.stack([generator.multinomial(n, shares, size=runs) for n in sizes], axis=1).astype(float)
            broken = counts.copy()
            broken[:, 1, -1] = generator.binomial(counts[:, 1, -1].astype(int), 2.0 / 3.0)
            found = []
            for sound, lossy in zip(counts, broken, strict=True):
                alarms = split_by_group(sound, shares).adjusted_p_value <= 0.01
                found.append([alarms.any(), split_by_group(lossy, shares).adjusted_p_value[1] <= 0.01])
            return np.asarray(found, dtype=float).T

        yield Study(
            name=f"split by group, {data}",
            family="Split",
            data=data,
            rates=(
                Rate(method="split by group, at .01", quantity="any false alarm", promised=0.01, claim=Claim.AT_MOST),
                Rate(
                    method="split by group, a group lost a third of one variant",
                    quantity="detected",
                    promised=1.0,
                    claim=Claim.MEASURED,
                ),
            ),
            draw=draw,
            block=200,
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


def _aa_of_means() -> Iterator[Study]:
    """Means, CUPED off and on, re-split: heavy tails, zeros, few buckets and unequal shares."""
    # (data, kind of value, buckets, units in each, share of treatment)
    designs = (
        ("normal, 4,096 buckets of 2 units", NORMAL, 4096, 2, 0.5, Claim.HOLDS),
        ("normal, 512 buckets of 8 units", NORMAL, 512, 8, 0.5, Claim.HOLDS),
        ("lognormal(1.5), 512 buckets of 8 units", HEAVY, 512, 8, 0.5, Claim.MEASURED),
        ("lognormal(1.5), 512 buckets of 8 units, 5 % treated", HEAVY, 512, 8, 0.05, Claim.MEASURED),
        ("90 % zeros, 512 buckets of 8 units", ZEROS, 512, 8, 0.5, Claim.MEASURED),
        ("normal, 64 buckets of 8 units", SMALL, 64, 8, 0.5, Claim.MEASURED),
        ("normal, 512 buckets of 8 units, 5 % treated", UNEQUAL, 512, 8, 0.05, Claim.MEASURED),
    )

    def off(low: JointMoments, high: JointMoments) -> Estimate:
        return difference_in_means(low.variable(0), high.variable(0))

    def on(low: JointMoments, high: JointMoments) -> Estimate:
        return between(adjust(variants(low, high)).moments)

    for data, kind, count, size, share, claim in designs:

        def draw(
            generator: Generator,
            runs: int,
            kind: Kind = kind,
            count: int = count,
            size: int = size,
            share: float = share,
        ) -> Sequence[Array]:
            found = np.zeros((4, runs))
            for run in range(runs):
                units = joint(*before_and_after(generator, kind, count, size))
                seed = int(generator.integers(2**32))
                for place, estimator in enumerate((off, on)):
                    result = rerandomise(units, splits=1000, share=share, seed=seed, estimator=estimator, alpha=ALPHA)
                    found[place, run] = result.rate
                    found[2 + place, run] = float(result.interval.lower) > 1.2 * ALPHA
            return found

        judged = Claim.AT_MOST if claim is Claim.HOLDS else claim
        yield Study(
            name=f"aa, {data}",
            family="A/A validation",
            data=f"{data}, 1,000 splits",
            rates=(
                Rate(method="Welch, CUPED off", quantity="rejections", promised=ALPHA, claim=claim),
                Rate(method="Welch, CUPED on", quantity="rejections", promised=ALPHA, claim=claim),
                Rate(method="judgement of Welch, CUPED off", quantity="failed", promised=0.01, claim=judged),
                Rate(method="judgement of Welch, CUPED on", quantity="failed", promised=0.01, claim=judged),
            ),
            draw=draw,
            block=10 if count < 4096 else 4,
            blocks=10,
        )


def _imbalance() -> Iterator[Study]:
    for kind in KINDS:
        # Before the experiment both variants spread alike, whatever the treatment does later.
        data = kind.name.split(", spread")[0]
        claim = Claim.HOLDS if kind is NORMAL else Claim.MEASURED

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            arms = []
            for n in (kind.n_control, kind.n_treatment):
                first = kind.values(generator, (runs, n))
                arms.append(joint(first, 0.5 * first + kind.values(generator, (runs, n))))
            return (pre_period_imbalance(variants(*arms)).p_value <= ALPHA,)

        yield Study(
            name=f"imbalance, {kind.name}",
            family="Pre-period imbalance",
            data=f"two covariates, {data}",
            rates=(error("Hotelling's chi-square", claim),),
            draw=draw,
            block=500,
            blocks=24,
        )
