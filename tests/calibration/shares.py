"""Difference of proportions at one planned look: normal approximations, exact tests, beliefs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.data import KINDS, NORMAL, Kind, covers, moments
from tests.calibration.outcomes import ALPHA, coverage, error, error_and_coverage, holds, rejects
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Alternative,
    BetaPosterior,
    Moments,
    agresti_caffo,
    best_of_normal,
    beta_posterior,
    binomial_test,
    compare_normal,
    compare_shares,
    difference_in_means,
    difference_in_proportions,
    fisher_exact,
    newcombe,
    pooled_z_test,
    probability_best,
    score_interval,
    score_test,
)


def studies() -> Iterator[Study]:
    """All studies of shares."""
    yield from _shares()
    yield _one_share()
    yield from _credible()
    yield from _beliefs()
    yield from _normal_beliefs()
    yield from _best()


def _shares() -> Iterator[Study]:
    # (n control, n treatment, share, does the normal approximation hold to Monte Carlo error)
    designs = (
        (5000, 5000, 0.1, True),
        (5000, 250, 0.1, False),
        (2000, 2000, 0.004, False),
        (30, 30, 0.2, False),
        (300, 12, 0.1, False),
        (19000, 1000, 0.004, False),
    )
    for n_control, n_treatment, share, sound in designs:
        data = f"share {share:g}, {n_control} / {n_treatment}"
        claim = Claim.HOLDS if sound else Claim.MEASURED
        few = n_treatment <= 30

        def draw(
            generator: Generator,
            runs: int,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
            share: float = share,
            few: bool = few,
        ) -> Sequence[Array]:
            low = Moments.from_proportion(
                n=np.full(runs, n_control), successes=generator.binomial(n_control, share, runs)
            )
            high = Moments.from_proportion(
                n=np.full(runs, n_treatment), successes=generator.binomial(n_treatment, share, runs)
            )
            better = share * 1.2
            lifted = Moments.from_proportion(
                n=np.full(runs, n_treatment), successes=generator.binomial(n_treatment, better, runs)
            )
            truth = better - share
            wald = difference_in_proportions(low, high)
            intervals = [f(low, lifted, level=1.0 - ALPHA) for f in (newcombe, agresti_caffo, score_interval)]
            wald_lifted = difference_in_proportions(low, lifted)
            # No variation at all (no success anywhere) has no interval: it rejects nothing and covers nothing.
            found = [
                rejects(wald),
                holds(wald_lifted, truth),
                pooled_z_test(low, high).p_value <= ALPHA,
                score_test(low, lifted, null=truth, corrected=True).p_value <= ALPHA,
                *(covers(one.lower, one.upper, truth) for one in intervals),
            ]
            return [*found, fisher_exact(low, high) <= ALPHA] if few else found

        names = ("Newcombe", "Agresti–Caffo", "score (Miettinen–Nurminen)")
        fisher = (error("Fisher exact", Claim.AT_MOST),)
        yield Study(
            name=f"shares, {data}",
            family="Difference of proportions",
            data=data,
            rates=(
                *error_and_coverage("unpooled (Wald)", claim),
                error("pooled z", claim),
                error("score test at the true difference", claim),
                *(coverage(name, claim) for name in names),
                *(fisher if few else ()),
            ),
            draw=draw,
            block=2000,
            blocks=10,
        )


def _one_share() -> Study:
    """Twelve trials: an exact test of a share, and the counts of two variants given their sum."""

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        hits = generator.binomial(12, 0.5, runs)
        events = generator.poisson(4.0, size=(2, runs))
        up = binomial_test(hits, np.full(runs, 12), alternative=Alternative.GREATER)
        return (
            binomial_test(hits, np.full(runs, 12)) <= ALPHA,
            up <= ALPHA,
            binomial_test(events[1], events.sum(axis=0)) <= ALPHA,
        )

    return Study(
        name="shares, exact",
        family="Difference of proportions",
        data="12 trials; Poisson(4) events in each variant",
        rates=tuple(
            error(f"exact binomial test, {word}", Claim.AT_MOST)
            for word in ("share ½, two-sided", "share ½, one-sided", "two event counts")
        ),
        draw=draw,
        block=500,
        blocks=20,
    )


def _credible() -> Iterator[Study]:
    for n_control, n_treatment, claim in ((2000, 2000, Claim.HOLDS), (2000, 40, Claim.MEASURED)):

        def draw(
            generator: Generator, runs: int, n_control: int = n_control, n_treatment: int = n_treatment
        ) -> Sequence[Array]:
            low, high = (
                Moments.from_proportion(n=np.full(runs, n), successes=generator.binomial(n, p, runs))
                for n, p in ((n_control, 0.1), (n_treatment, 0.12))
            )
            interval = compare_shares(beta_posterior(low), beta_posterior(high), level=1.0 - ALPHA).interval
            return (covers(interval.lower, interval.upper, 0.02),)

        balanced = n_control == n_treatment
        yield Study(
            name="credible, one look" if balanced else f"credible, one look, {n_control} / {n_treatment}",
            family="Bayesian comparisons, one look",
            data=f"share 0.1 against 0.12, {n_control} / {n_treatment}",
            rates=(coverage("beta-binomial credible interval", claim),),
            draw=draw,
            block=250 if balanced else 100,
            blocks=16 if balanced else 40,
        )


SURE = 0.95
BATCH = 50


def _beliefs() -> Iterator[Study]:
    """Shares that come from the prior: what is believed must be as often true as it is believed, at any size."""
    for n_control, n_treatment in ((200, 200), (20, 20), (200, 10)):

        def draw(
            generator: Generator, runs: int, n_control: int = n_control, n_treatment: int = n_treatment
        ) -> Sequence[Array]:
            truth = generator.beta(1.0, 1.0, size=(2, runs, BATCH))
            posteriors = [
                beta_posterior(
                    Moments.from_proportion(n=np.full(p.shape, float(n)), successes=generator.binomial(n, p))
                )
                for n, p in zip((n_control, n_treatment), truth, strict=True)
            ]
            believed = compare_shares(posteriors[0], posteriors[1], level=0.95)
            return _outcomes(believed.interval.lower, believed.interval.upper, believed.probability_better, *truth)

        yield _believed(
            f"shares from the prior, {n_control} / {n_treatment}", draw, "beta-binomial", block=5, blocks=12
        )


def _outcomes(lower: Array, upper: Array, better: Array, control: Array, treatment: Array) -> tuple[Array, Array]:
    """Of each run: the share of intervals that hold the truth, and of sure beliefs that are true."""
    inside = covers(lower, upper, treatment - control).mean(axis=1)
    sure = better >= SURE
    right = (sure & (treatment > control)).sum(axis=1) / np.maximum(sure.sum(axis=1), 1)
    return inside, np.where(sure.any(axis=1), right, SURE)


def _believed(
    data: str,
    draw: object,
    method: str,
    *,
    claim: tuple[Claim, Claim] = (Claim.HOLDS, Claim.AT_LEAST),
    block: int,
    blocks: int,
) -> Study:
    return Study(
        name=f"beliefs, {data}",
        family="Bayesian comparisons, one look",
        data=data,
        rates=(
            coverage(f"{method}, credible interval", claim[0]),
            Rate(method=f"{method}, P(better) ≥ .95", quantity="better in truth", promised=SURE, claim=claim[1]),
        ),
        draw=draw,  # type: ignore[arg-type]
        block=block,
        blocks=blocks,
    )


def _normal_beliefs() -> Iterator[Study]:
    """Effects that come from the prior, seen through means of every kind of data."""
    for kind in KINDS:

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            control, treatment = kind.pair(generator, runs * BATCH)
            effect = kind.std_error * generator.normal(size=(runs * BATCH, 1))
            estimate = difference_in_means(moments(control), moments(treatment + effect))
            believed = compare_normal(estimate, prior_std_dev=kind.std_error, level=0.95)
            shape = (runs, BATCH)
            parts = (believed.interval.lower, believed.interval.upper, believed.probability_better)
            lower, upper, better = (part.reshape(shape) for part in parts)
            return _outcomes(lower, upper, better, np.zeros(shape), effect.reshape(shape))

        sound = kind is NORMAL
        claims = (Claim.HOLDS, Claim.AT_LEAST) if sound else (Claim.MEASURED, Claim.MEASURED)
        yield _believed(
            f"effects from the prior, {kind.name}", draw, "normal effect and prior", claim=claims, block=10, blocks=40
        )


def _best() -> Iterator[Study]:
    """Four variants: where one is believed best with .9 or more, it is so often enough."""

    def flagged(chance: Array, truth: Array) -> tuple[Array]:
        sure = chance.max(axis=-1) >= 0.9
        right = (sure & (chance.argmax(axis=-1) == truth.argmax(axis=-1))).sum(axis=1) / np.maximum(sure.sum(axis=1), 1)
        return (np.where(sure.any(axis=1), right, 0.9),)

    def shares(generator: Generator, runs: int) -> Sequence[Array]:
        truth = generator.beta(1.0, 1.0, size=(runs, 20, 4))
        hits = generator.binomial(60, truth)
        return flagged(probability_best(BetaPosterior(alpha=1.0 + hits, beta=61.0 - hits)).probability, truth)

    def means(generator: Generator, runs: int) -> Sequence[Array]:
        # A flat prior, approached by one that is ten times as wide as the errors.
        truth = 10.0 * generator.normal(size=(runs, 20, 4))
        seen = truth + generator.normal(size=truth.shape)
        return flagged(best_of_normal(seen, np.ones(truth.shape)).probability, truth)

    for data, method, draw, block in (
        ("4 shares from the prior, 60 units each", "beta-binomial", shares, 10),
        ("4 normal means", "normal", means, 50),
    ):
        yield Study(
            name=f"beliefs, {data}",
            family="Bayesian comparisons, one look",
            data=data,
            rates=(
                Rate(method=f"{method}, P(best) ≥ .9", quantity="best in truth", promised=0.9, claim=Claim.AT_LEAST),
            ),
            draw=draw,
            block=block,
            blocks=40,
        )
