"""Power at the planned effect: does a plan deliver what it promised? Full form only, but for one short study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.daily import cumulative
from tests.calibration.data import fine_normal, joint, moments, variants
from tests.calibration.looks import paths
from tests.calibration.outcomes import ALPHA, between, passes, rejects
from tests.calibration.ratios import poisson_views, visits
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Moments,
    SpendingFunction,
    VariantCorrection,
    adjust,
    boundaries,
    comparison_alpha,
    count_std_dev,
    cuped_variance_ratio,
    design_effect,
    difference_in_means,
    difference_in_proportions,
    difference_in_quantiles,
    difference_in_ratios,
    inflation,
    margin_contrast,
    minimum_detectable_effect,
    non_inferiority_units,
    normal_score,
    power_over_time,
    proportion_std_dev,
    proportion_units,
    quantile_of_units,
    quantile_std_dev,
    ratio_std_dev,
    student_units,
    units_per_variant,
)
from trialflow.stats.confidence_sequence import boundary

POWER = 0.8


def studies() -> Iterator[Study]:
    """All studies of plans."""
    yield _means("equal allocation", 1.0)
    yield _means("4 : 1 allocation", 0.25)
    yield _few()
    yield _detectable()
    yield from (_shares(ratio) for ratio in (1.0, 0.25))
    yield _counts()
    yield _ratio()
    yield _median()
    yield _clusters()
    yield from (_adjusted(covered) for covered in (1.0, 0.6))
    yield from (_margin(sign) for sign in (1, -1))
    yield from (_share_margin(sign) for sign in (1, -1))
    yield from _treatments()
    yield _confidence_sequence()
    yield from _designs()
    yield _stopped_units()


def _study(
    data: str, method: str, draw: object, *, block: int = 2000, blocks: int = 20, claim: Claim = Claim.PLANNED
) -> Study:
    return Study(
        name=f"power, {method}, {data}",
        family="Power at the planned effect",
        data=data,
        rates=(Rate(method=method, quantity="power", promised=POWER, claim=claim),),
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
        return (rejects(difference_in_means(low, high)),)

    return _study(f"normal, effect .1, {data}", "Welch", draw)


def _few() -> Study:
    n = int(np.ceil(float(student_units(std_dev=1.0, minimum_effect=1.2, alpha=ALPHA, power=POWER))))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = _sample(generator, runs, n, 0.0), _sample(generator, runs, n, 1.2)
        return (rejects(difference_in_means(low, high)),)

    return _study(f"normal, effect 1.2, {n} / {n}", "Welch, planned with t", draw)


def _detectable() -> Study:
    n = 2500
    effect = float(minimum_detectable_effect(std_dev=1.0, units_per_variant=n, alpha=ALPHA, power=POWER))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = _sample(generator, runs, n, 0.0), _sample(generator, runs, n, effect)
        return (rejects(difference_in_means(low, high)),)

    return _study(f"normal, {n} / {n}, minimum detectable effect", "Welch", draw)


def _shares(ratio: float) -> Study:
    needed = proportion_units(control=0.1, treatment=0.12, alpha=ALPHA, power=POWER, ratio=ratio)
    n = (int(np.ceil(float(needed))), int(np.ceil(ratio * float(needed))))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = (
            Moments.from_proportion(n=np.full(runs, one), successes=generator.binomial(one, p, runs))
            for one, p in zip(n, (0.1, 0.12), strict=True)
        )
        return (rejects(difference_in_proportions(low, high)),)

    return _study(f"share .1 against .12, {n[0]} / {n[1]}", "two proportions", draw)


def _counts() -> Study:
    """Counts whose variance is twice their mean; a tenth more in treatment."""
    spreads = count_std_dev(np.array([2.0, 2.2]), dispersion=0.5)
    n = int(
        np.ceil(
            float(
                units_per_variant(
                    std_dev=spreads[0], treatment_std_dev=spreads[1], minimum_effect=0.2, alpha=ALPHA, power=POWER
                )
            )
        )
    )

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        arms = []
        for mean in (2.0, 2.2):
            values = generator.poisson(generator.gamma(2.0, mean / 2.0, size=(runs, n))).astype(float)
            arms.append(moments(values))
        return (rejects(difference_in_means(*arms)),)

    return _study(f"overdispersed counts, 2 against 2.2, {n} / {n}", "counts", draw, block=500, blocks=40)


def _ratio() -> Study:
    """Clicks per view, planned from the moments of 400,000 earlier units at either share."""
    generator = np.random.Generator(np.random.PCG64(7))
    spreads = [
        float(ratio_std_dev(joint(*visits(generator, (1, 400_000), poisson_views, share)))[0]) for share in (0.2, 0.22)
    ]
    needed = units_per_variant(
        std_dev=spreads[0], treatment_std_dev=spreads[1], minimum_effect=0.02, alpha=ALPHA, power=POWER
    )
    n = int(np.ceil(float(needed)))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = (joint(*visits(generator, (runs, n), poisson_views, share)) for share in (0.2, 0.22))
        return (rejects(difference_in_ratios(low, high)),)

    return _study(f"clicks per view, .2 against .22, {n} / {n}", "ratio", draw, block=200, blocks=50)


def _median() -> Study:
    """Order statistics round outwards, so the test of a median has a little less power than planned."""
    grid = fine_normal(1501)
    spread = float(quantile_std_dev(share=0.5, density=1.0 / (3.0 * np.sqrt(2.0 * np.pi))))
    n = int(np.ceil(float(units_per_variant(std_dev=spread, minimum_effect=0.3, alpha=ALPHA, power=POWER))))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        arms = (
            quantile_of_units(one.counts(generator, n, runs), probability=0.5) for one in (grid, grid.moved(shift=0.3))
        )
        return (rejects(difference_in_quantiles(*arms)),)

    return _study(f"normal, median, {n} / {n}", "quantile", draw, block=250, blocks=40, claim=Claim.MEASURED)


def _clusters() -> Study:
    """Shops of 20 customers with an intra-cluster correlation of .05, compared as ratios of sums."""
    size, icc = 20, 0.05
    effect = float(design_effect(mean_cluster_size=size, icc=icc))
    customers = float(units_per_variant(std_dev=1.0, minimum_effect=0.1, alpha=ALPHA, power=POWER))
    n = int(np.ceil(customers * effect / size))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        arms = []
        for mean in (0.0, 0.1):
            level = np.sqrt(icc) * generator.normal(size=(runs, n))
            total = size * (mean + level) + np.sqrt(size * (1.0 - icc)) * generator.normal(size=(runs, n))
            arms.append(joint(total, np.full((runs, n), float(size))))
        return (rejects(difference_in_ratios(*arms)),)

    return _study(f"{n} / {n} clusters of {size}, correlation {icc:g}", "design effect", draw)


def _adjusted(covered: float) -> Study:
    left = float(cuped_variance_ratio(0.7, covered=covered))
    full = float(units_per_variant(std_dev=1.0, minimum_effect=0.2, alpha=ALPHA, power=POWER))
    n = int(np.ceil(full * left))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        arms = []
        for effect in (0.0, 0.2):
            known = generator.random((runs, n)) < covered
            before = known * generator.normal(size=(runs, n))
            noise = np.where(known, np.sqrt(0.51), 1.0) * generator.normal(size=(runs, n))
            arms.append(joint(effect + 0.7 * before + noise, before))
        return (rejects(between(adjust(variants(*arms)).moments)),)

    new = "" if covered == 1.0 else f", {100 * (1 - covered):g} % new units"
    data = f"normal, ρ = .7{new}, {n} / {n} instead of {int(np.ceil(full))}"
    return _study(data, "CUPED", draw, block=500, blocks=80)


WORDS = {1: "more is better", -1: "less is better"}


def _margin(sign: int) -> Study:
    needed = non_inferiority_units(std_dev=3.0, alpha=ALPHA, power=POWER, relative=0.05, mean=10.0, direction_sign=sign)
    n = int(np.ceil(float(needed)))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        estimate = difference_in_means(*(_sample(generator, runs, n, 10.0, 3.0) for _ in range(2)))
        return (passes(margin_contrast(estimate, direction_sign=sign, relative=0.05)),)

    return _study(f"normal, margin 5 %, no difference, {WORDS[sign]}, {n} / {n}", "non-inferiority", draw)


def _share_margin(sign: int) -> Study:
    spread = float(proportion_std_dev(0.1))
    needed = non_inferiority_units(
        std_dev=spread, alpha=ALPHA, power=POWER, relative=0.1, mean=0.1, direction_sign=sign
    )
    n = int(np.ceil(float(needed)))

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = (
            Moments.from_proportion(n=np.full(runs, n), successes=generator.binomial(n, 0.1, runs)) for _ in range(2)
        )
        estimate = difference_in_proportions(low, high)
        return (passes(margin_contrast(estimate, direction_sign=sign, relative=0.1)),)

    return _study(f"share .1, margin 10 %, no difference, {WORDS[sign]}, {n} / {n}", "non-inferiority", draw)


def _treatments() -> Iterator[Study]:
    """Three treatments, each compared with control at its part of alpha: power of each comparison."""
    for correction in VariantCorrection:
        if correction is VariantCorrection.NONE:
            continue
        alpha = comparison_alpha(treatments=3, alpha=ALPHA, correction=correction)
        n = int(np.ceil(float(units_per_variant(std_dev=1.0, minimum_effect=0.1, alpha=alpha, power=POWER))))

        def draw(generator: Generator, runs: int, n: int = n, alpha: float = alpha) -> Sequence[Array]:
            low, high = _sample(generator, runs, n, 0.0), _sample(generator, runs, n, 0.1)
            return (rejects(difference_in_means(low, high), alpha),)

        yield _study(f"normal, one of three treatments, {n} each", f"{correction.value}", draw)


def _confidence_sequence() -> Study:
    """28 daily looks with a confidence sequence tuned to the end, at the effect of a fixed test with power .8."""
    days = np.arange(1.0, 29.0)
    n = 1000.0 * days
    bound = boundary(n, tuning_n=float(n[-1]), alpha=ALPHA)
    promised = float(power_over_time(bound, days / 28.0, effect=2.8)[-1])

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        return ((paths(generator, runs, days / 28.0, drift=2.8) >= bound).any(axis=1),)

    return Study(
        name="power, confidence sequence",
        family="Power at the planned effect",
        data="28 daily looks, effect of a fixed test with power .8",
        rates=(Rate(method="confidence sequence", quantity="power", promised=promised, claim=Claim.PLANNED),),
        draw=draw,
        block=2000,
        blocks=20,
        short=False,
    )


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
