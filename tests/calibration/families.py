"""Several comparisons at once: corrections, omnibus tests, segments, strata, and what is learnt from many experiments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import ndtr, stdtr

from tests.calibration.data import HEAVY, NORMAL, UNEQUAL, Kind, covers, moments
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Correction,
    Moments,
    adjusted,
    adjusted_intervals,
    against_control,
    anova,
    by_segment,
    chi_square_of_shares,
    difference_in_means,
    dunnett,
    effect_prior,
    heterogeneity,
    mantel_haenszel,
    post_stratified,
    selected_intervals,
    shrink,
    welch_anova,
)

ALPHA = 0.05
METRICS = 10
FAMILY_WISE = (Correction.BONFERRONI, Correction.HOLM, Correction.HOCHBERG, Correction.HOMMEL)
RATES = (Correction.BENJAMINI_HOCHBERG, Correction.BENJAMINI_YEKUTIELI)


def studies() -> Iterator[Study]:
    """All studies of families."""
    yield from _corrections()
    yield _family_intervals()
    yield from _variants()
    yield _segments()
    yield from _strata()
    yield _learnt()


def scores(generator: Generator, runs: int, *, correlation: float, effects: Array) -> Array:
    """Normal z-statistics (runs, metric) with equal correlation."""
    shared = generator.normal(size=(runs, 1))
    own = generator.normal(size=(runs, len(effects)))
    return effects + np.sqrt(correlation) * shared + np.sqrt(1.0 - correlation) * own


def _corrections() -> Iterator[Study]:
    designs = (
        ("10 metrics, none changed, independent", 0.0, np.zeros(METRICS)),
        ("10 metrics, none changed, correlation .7", 0.7, np.zeros(METRICS)),
        ("10 metrics, 5 changed, independent", 0.0, np.repeat([0.0, 3.0], 5)),
        ("10 metrics, 5 changed, correlation .7", 0.7, np.repeat([0.0, 3.0], 5)),
    )
    for data, correlation, effects in designs:
        null = effects == 0.0

        def draw(
            generator: Generator,
            runs: int,
            correlation: float = correlation,
            effects: Array = effects,
            null: Array = null,
        ) -> Sequence[Array]:
            p = 2.0 * ndtr(-np.abs(scores(generator, runs, correlation=correlation, effects=effects)))
            false = {one: (adjusted(p, one) <= ALPHA)[:, null].any(axis=1) for one in (Correction.NONE, *FAMILY_WISE)}
            shares = []
            for one in RATES:
                found = adjusted(p, one) <= ALPHA
                shares.append(found[:, null].sum(axis=1) / np.maximum(found.sum(axis=1), 1))
            return [*false.values(), *shares]

        independent, none = correlation == 0.0, bool(null.all())
        exact = 1.0 - 0.95**METRICS
        yield Study(
            name=f"corrections, {data}",
            family="Corrections of a family",
            data=data,
            rates=(
                Rate(
                    method="no correction (wrong)",
                    quantity="any false alarm",
                    promised=exact if independent and none else ALPHA,
                    claim=Claim.HOLDS if independent and none else Claim.MEASURED,
                ),
                *(
                    Rate(method=one.value, quantity="any false alarm", promised=ALPHA, claim=Claim.AT_MOST)
                    for one in FAMILY_WISE
                ),
                *(
                    Rate(method=one.value, quantity="false discovery rate", promised=ALPHA, claim=Claim.AT_MOST)
                    for one in RATES
                ),
            ),
            draw=draw,
            block=2000,
            blocks=20,
        )


def _family_intervals() -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        truth = np.repeat([0.0, 0.3], 5)
        n = 200
        control, treatment = (
            Moments(
                n=np.full((runs, METRICS), float(n)),
                mean=centre + generator.normal(size=(runs, METRICS)) / np.sqrt(n),
                m2=generator.chisquare(n - 1, size=(runs, METRICS)),
            )
            for centre in (np.zeros(METRICS), truth)
        )
        estimate = difference_in_means(control, treatment)
        together = adjusted_intervals(estimate, Correction.BONFERRONI, level=0.95)
        p = 2.0 * stdtr(estimate.df, -np.abs(estimate.estimate / estimate.std_error))
        found = adjusted(p, Correction.BENJAMINI_HOCHBERG) <= ALPHA
        with np.errstate(invalid="ignore"):
            selected = selected_intervals(estimate, found, level=0.95)
            missed = found & ~((selected.lower <= truth) & (truth <= selected.upper))
        return (
            ((together.lower <= truth) & (truth <= together.upper)).all(axis=1),
            missed.sum(axis=1) / np.maximum(found.sum(axis=1), 1),
        )

    return Study(
        name="intervals of a family",
        family="Corrections of a family",
        data="10 metrics, 5 changed, independent, 200 / 200",
        rates=(
            Rate(method="Bonferroni's intervals", quantity="coverage of all", promised=0.95, claim=Claim.AT_LEAST),
            Rate(
                method="intervals of what was selected",
                quantity="false coverage rate",
                promised=ALPHA,
                claim=Claim.AT_MOST,
            ),
        ),
        draw=draw,
        block=1000,
        blocks=20,
    )


def _arms(generator: Generator, runs: int, kind: Kind) -> Moments:
    """Three treatments and a control; the last treatment varies as the kind's treatment does."""
    control, last = kind.pair(generator, runs)
    others = [kind.values(generator, (runs, kind.n_control)) for _ in range(2)]
    arms = [moments(one) for one in (control, *others, last)]
    return Moments(
        n=np.stack([one.n for one in arms], axis=-1),
        mean=np.stack([one.mean for one in arms], axis=-1),
        m2=np.stack([one.m2 for one in arms], axis=-1),
    )


def _variants() -> Iterator[Study]:
    for kind, name in (
        (NORMAL, "normal, 4 × 500"),
        (HEAVY, "lognormal(1.5), 4 × 500"),
        (UNEQUAL, "normal, 3 × 950 + 50, spread 1 : 2"),
    ):

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            arms = _arms(generator, runs, kind)
            family = dunnett(against_control(arms), level=0.95)
            return (
                welch_anova(arms).p_value <= ALPHA,
                anova(arms).p_value <= ALPHA,
                (family.p_value <= ALPHA).any(axis=1),
            )

        sound = kind is not HEAVY
        exact = Claim.HOLDS if kind is NORMAL else Claim.MEASURED
        yield Study(
            name=f"variants, {name}",
            family="Several variants",
            data=name,
            rates=(
                Rate(
                    method="Welch's analysis of variance",
                    quantity="type I error",
                    promised=ALPHA,
                    claim=Claim.HOLDS if sound else Claim.MEASURED,
                ),
                Rate(method="classical analysis of variance", quantity="type I error", promised=ALPHA, claim=exact),
                Rate(
                    method="Dunnett",
                    quantity="any false alarm",
                    promised=ALPHA,
                    claim=exact if kind is not UNEQUAL else Claim.AT_MOST,
                ),
            ),
            draw=draw,
            block=250,
            blocks=16,
        )

    def shares(generator: Generator, runs: int) -> Sequence[Array]:
        n = np.full((runs, 4), 2000.0)
        arms = Moments.from_proportion(n=n, successes=generator.binomial(2000, 0.1, size=(runs, 4)))
        return (chi_square_of_shares(arms).p_value <= ALPHA,)

    yield Study(
        name="variants, shares",
        family="Several variants",
        data="share .1, 4 × 2000",
        rates=(Rate(method="chi-square of shares", quantity="type I error", promised=ALPHA),),
        draw=shares,
        block=2000,
        blocks=10,
    )


def _segment_moments(generator: Generator, runs: int, sizes: Array, effects: Array) -> tuple[Moments, Moments]:
    """Normal values in segments of different sizes and spreads, (runs, segment)."""
    spread = 1.0 + 0.2 * np.arange(len(sizes))
    shape = (runs, len(sizes))
    control, treatment = (
        Moments(
            n=np.broadcast_to(sizes.astype(float), shape),
            mean=centre + spread * generator.normal(size=shape) / np.sqrt(sizes),
            m2=spread**2 * generator.chisquare(sizes - 1, size=shape),
        )
        for centre in (np.zeros(len(sizes)), effects)
    )
    return control, treatment


def _segments() -> Study:
    sizes = np.array([2000, 1000, 500, 250, 120])

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        same = difference_in_means(*_segment_moments(generator, runs, sizes, np.full(5, 0.2)))
        none = difference_in_means(*_segment_moments(generator, runs, sizes, np.zeros(5)))
        family = by_segment(none, level=0.95)
        return (heterogeneity(same).p_value <= ALPHA, (family.adjusted_p <= ALPHA).any(axis=1))

    return Study(
        name="segments",
        family="Segments and strata",
        data="5 segments of 2000 to 120 units an arm",
        rates=(
            Rate(method="Cochran's Q, equal effects", quantity="type I error", promised=ALPHA),
            Rate(
                method="Holm over segments, no effect", quantity="any false alarm", promised=ALPHA, claim=Claim.AT_MOST
            ),
        ),
        draw=draw,
        block=1000,
        blocks=20,
    )


def _strata() -> Iterator[Study]:
    def stratified(generator: Generator, runs: int) -> Sequence[Array]:
        # Strata of very different level; units fall into them at random, so their sizes differ between the arms.
        level, share = np.array([0.0, 5.0, 20.0]), np.array([0.5, 0.3, 0.2])
        arms = []
        for effect in (0.0, 0.5):
            sizes = generator.multinomial(600, share, size=runs).astype(float)
            arms.append(
                Moments(
                    n=sizes,
                    mean=level + effect + 2.0 * generator.normal(size=sizes.shape) / np.sqrt(sizes),
                    m2=4.0 * generator.chisquare(sizes - 1.0),
                )
            )
        estimate = post_stratified(arms[0], arms[1])
        half = 1.96 * estimate.std_error
        return (covers(estimate.estimate - half, estimate.estimate + half, 0.5),)

    yield Study(
        name="strata, means",
        family="Segments and strata",
        data="3 strata, 600 / 600",
        rates=(Rate(method="post-stratified difference", quantity="coverage", promised=0.95),),
        draw=stratified,
        block=2000,
        blocks=10,
    )

    def odds(generator: Generator, runs: int) -> Sequence[Array]:
        share = np.array([0.05, 0.2, 0.5])
        sizes = np.array([500, 300, 200])
        better = share * 1.3 / (1.0 - share + share * 1.3)
        low, high, lifted = (
            Moments.from_proportion(
                n=np.broadcast_to(sizes.astype(float), (runs, 3)),
                successes=generator.binomial(sizes, p, size=(runs, 3)),
            )
            for p in (share, share, better)
        )
        null, effect = mantel_haenszel(low, high, level=0.95), mantel_haenszel(low, lifted, level=0.95)
        return (null.p_value <= ALPHA, covers(effect.interval.lower, effect.interval.upper, 1.3))

    yield Study(
        name="strata, odds",
        family="Segments and strata",
        data="shares .05, .2, .5 in 3 strata, 1000 / 1000",
        rates=(
            Rate(method="Mantel–Haenszel", quantity="type I error", promised=ALPHA),
            Rate(method="Mantel–Haenszel", quantity="coverage", promised=0.95),
        ),
        draw=odds,
        block=2000,
        blocks=10,
    )


def _learnt() -> Study:
    """The winner's curse: intervals of experiments that were significant, plain and shrunk."""

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        found = np.zeros((2, runs))
        for run in range(runs):
            truth = generator.normal(0.2, 1.0, size=100)
            errors = generator.uniform(0.7, 1.3, size=100)
            seen = generator.normal(truth, errors)
            won = seen > 1.96 * errors
            shrunk = shrink(seen, errors, effect_prior(seen, errors))
            inside = (shrunk.interval.lower <= truth) & (truth <= shrunk.interval.upper)
            found[0, run] = inside[won].mean() if won.any() else 0.95
            plain = np.abs(seen - truth) <= 1.96 * errors
            found[1, run] = plain[won].mean() if won.any() else 0.95
        return found

    return Study(
        name="winners",
        family="Learning from many experiments",
        data="100 experiments, effects N(.2, 1), winners only",
        rates=(
            # The prior is itself learnt from the data, which the interval does not count.
            Rate(method="shrunk interval", quantity="coverage", promised=0.95, claim=Claim.MEASURED),
            Rate(method="plain interval (wrong)", quantity="coverage", promised=0.95, claim=Claim.MEASURED),
        ),
        draw=draw,
        block=100,
        blocks=20,
    )
