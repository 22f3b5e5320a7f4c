"""One planned look: means, shares, ratios, CUPED, quantiles, lifts, margins and ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.data import (
    FEW,
    HEAVY,
    KINDS,
    NORMAL,
    SMALL,
    UNEQUAL,
    UNEQUAL_HEAVY,
    ZEROS,
    Kind,
    covers,
    joint,
    moments,
    variants,
)
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Alternative,
    Estimate,
    JointMoments,
    Moments,
    QuantileSummary,
    ValueCounts,
    adjust,
    adjust_ratios,
    agresti_caffo,
    compare_shares,
    critical_value,
    delta_lift,
    difference_in_means,
    difference_in_means_equal_variance,
    difference_in_proportions,
    difference_in_quantiles,
    difference_in_ratios,
    equivalence,
    fisher_exact,
    fixed_horizon,
    log_lift,
    mann_whitney,
    margin_contrast,
    newcombe,
    pooled_z_test,
    quantile_of_events,
    quantile_of_units,
    relative_effect,
    score_interval,
    score_test,
)
from trialflow.stats.bayes import beta_posterior

ALPHA = 0.05
LIFT = 0.1


def studies() -> Iterator[Study]:
    """All studies of one look."""
    yield from _means()
    yield from _shares()
    yield from _ratios()
    yield from _cuped()
    yield from _quantiles()
    yield from _lifts()
    yield from _margins()
    yield from _ranks()


def rejects(estimate: Estimate) -> Array:
    """Whether the two-sided test of no difference rejects."""
    return np.asarray(fixed_horizon(estimate, level=1.0 - ALPHA).p_value <= ALPHA)


def holds(estimate: Estimate, truth: float) -> Array:
    """Whether the interval of level 95 % holds the truth."""
    interval = fixed_horizon(estimate, level=1.0 - ALPHA).interval
    return covers(interval.lower, interval.upper, truth)


def _pair_of_rates(method: str, claim: Claim) -> tuple[Rate, Rate]:
    return (
        Rate(method=method, quantity="type I error", promised=ALPHA, claim=claim),
        Rate(method=method, quantity="coverage", promised=1.0 - ALPHA, claim=claim),
    )


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
            rates=(
                *_pair_of_rates("Welch", claim),
                Rate(method="Student, equal variances", quantity="type I error", promised=ALPHA, claim=pooled),
            ),
            draw=draw,
            block=1000,
            blocks=24,
        )


def _shares() -> Iterator[Study]:
    # (n control, n treatment, share, does the normal approximation hold to Monte Carlo error)
    designs = ((5000, 5000, 0.1, True), (5000, 250, 0.1, False), (2000, 2000, 0.004, False), (30, 30, 0.2, False))
    for n_control, n_treatment, share, sound in designs:
        data = f"share {share:g}, {n_control} / {n_treatment}"
        claim = Claim.HOLDS if sound else Claim.MEASURED
        few = n_control <= 30

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
        fisher = (Rate(method="Fisher exact", quantity="type I error", promised=ALPHA, claim=Claim.AT_MOST),)
        yield Study(
            name=f"shares, {data}",
            family="Difference of proportions",
            data=data,
            rates=(
                *_pair_of_rates("unpooled (Wald)", claim),
                Rate(method="pooled z", quantity="type I error", promised=ALPHA, claim=claim),
                Rate(method="score test at the true difference", quantity="type I error", promised=ALPHA, claim=claim),
                *(Rate(method=name, quantity="coverage", promised=1.0 - ALPHA, claim=claim) for name in names),
                *(fisher if few else ()),
            ),
            draw=draw,
            block=2000,
            blocks=10,
        )
    yield _credible()


def _credible() -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        n = 2000
        low, high = (
            Moments.from_proportion(n=np.full(runs, n), successes=generator.binomial(n, p, runs)) for p in (0.1, 0.12)
        )
        interval = compare_shares(beta_posterior(low), beta_posterior(high), level=1.0 - ALPHA).interval
        return (covers(interval.lower, interval.upper, 0.02),)

    rate = Rate(method="beta-binomial credible interval, one look", quantity="coverage", promised=0.95)
    return Study(
        name="credible, one look",
        family="Difference of proportions",
        data="share 0.1 against 0.12, 2000 / 2000",
        rates=(rate,),
        draw=draw,
        block=250,
        blocks=16,
    )


def _visits(generator: Generator, shape: tuple[int, int], *, heavy: bool, share: float) -> tuple[Array, Array]:
    """Clicks and views of each unit: units differ in their share of clicks, and their views are clustered."""
    views = np.ceil(np.exp(generator.normal(0.5, 1.2, shape))) if heavy else 1.0 + generator.poisson(4.0, shape)
    spread = generator.beta(20.0 * share, 20.0 * (1.0 - share), shape)
    return generator.binomial(views.astype(np.int64), spread).astype(float), views


def _ratios() -> Iterator[Study]:
    designs = (
        ("Poisson views, 1000 / 1000", 1000, 1000, False, Claim.HOLDS),
        ("lognormal(1.2) views, 1000 / 1000", 1000, 1000, True, Claim.MEASURED),
        ("Poisson views, 950 / 50", 950, 50, False, Claim.MEASURED),
        ("Poisson views, 10 / 10", 10, 10, False, Claim.MEASURED),
    )
    for data, n_control, n_treatment, heavy, claim in designs:

        def draw(
            generator: Generator,
            runs: int,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
            heavy: bool = heavy,
        ) -> Sequence[Array]:
            low = joint(*_visits(generator, (runs, n_control), heavy=heavy, share=0.2))
            high = joint(*_visits(generator, (runs, n_treatment), heavy=heavy, share=0.2))
            lifted = joint(*_visits(generator, (runs, n_treatment), heavy=heavy, share=0.22))
            rows = [
                Moments.from_proportion(n=np.rint(arm.n * arm.mean[:, 1]), successes=np.rint(arm.n * arm.mean[:, 0]))
                for arm in (low, high)
            ]
            return (
                rejects(difference_in_ratios(low, high)),
                holds(difference_in_ratios(low, lifted), 0.02),
                rejects(difference_in_proportions(*rows)),
            )

        yield Study(
            name=f"ratios, {data}",
            family="Ratio of sums",
            data=data,
            rates=(
                *_pair_of_rates("delta method", claim),
                Rate(
                    method="views taken for units (wrong)",
                    quantity="type I error",
                    promised=ALPHA,
                    claim=Claim.MEASURED,
                ),
            ),
            draw=draw,
            block=400,
            blocks=25 if n_control > 10 else 50,
        )


def _before_and_after(generator: Generator, kind: Kind, runs: int, n: int) -> tuple[Array, Array]:
    """Value and pre-period value of units, correlated about .7 (less where tails are heavy)."""
    shape = (runs, n)
    if kind in (NORMAL, SMALL, UNEQUAL):
        before = generator.normal(size=shape)
        return 10.0 + 3.0 * (0.7 * before + np.sqrt(0.51) * generator.normal(size=shape)), before
    trait, first, second = (generator.normal(size=shape) for _ in range(3))
    before, after = (np.exp(1.5 * (0.85 * trait + np.sqrt(1.0 - 0.85**2) * noise)) for noise in (first, second))
    if kind is ZEROS:
        # Half of the units are new or asleep before, and nine in ten buy nothing during the experiment.
        awake = generator.random(shape)
        return after * (awake < 0.1), before * (awake < 0.5)
    return after, before


def _cuped() -> Iterator[Study]:
    for kind in (NORMAL, HEAVY, ZEROS, SMALL, UNEQUAL, UNEQUAL_HEAVY):
        claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED
        mean = {NORMAL: 10.0, SMALL: 10.0, UNEQUAL: 10.0, ZEROS: 0.1 * kind_mean()}.get(kind, kind_mean())

        def draw(generator: Generator, runs: int, kind: Kind = kind, mean: float = mean) -> Sequence[Array]:
            low = joint(*_before_and_after(generator, kind, runs, kind.n_control))
            value, before = _before_and_after(generator, kind, runs, kind.n_treatment)
            value = mean + kind.treatment_std * (value - mean)
            high, lifted = joint(value, before), joint(value * (1.0 + LIFT), before)
            null, effect = adjust(variants(low, high)).moments, adjust(variants(low, lifted)).moments
            return (
                rejects(difference_in_means(low.variable(0), high.variable(0))),
                rejects(difference_in_means(null.take(..., 0), null.take(..., 1))),
                holds(difference_in_means(effect.take(..., 0), effect.take(..., 1)), LIFT * mean),
            )

        yield Study(
            name=f"cuped, {kind.name}",
            family="CUPED",
            data=kind.name.replace("95 %", "90 %"),
            rates=(
                Rate(method="Welch, CUPED off", quantity="type I error", promised=ALPHA, claim=claim),
                *_pair_of_rates("Welch, CUPED on", claim),
            ),
            draw=draw,
            block=500,
            blocks=40,
        )
    yield _new_users()
    yield _cuped_ratio()


def kind_mean() -> float:
    """Mean of the lognormal values."""
    return float(np.exp(1.125))


def _new_users() -> Study:
    """Four in ten units have no pre-period, differ from the rest, and gain twice as much from the treatment."""
    known_share, known_effect, new_effect = 0.6, 0.3, 0.6
    truth = known_share * known_effect + (1.0 - known_share) * new_effect

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        zeroed, flagged, dropped = [], [], []
        for treated in (0.0, 1.0):
            known = generator.random((runs, 1000)) < known_share
            before = known * (5.0 + generator.normal(size=known.shape))
            effect = np.where(known, known_effect, new_effect)
            after = 2.0 * ~known + 0.8 * before + generator.normal(size=known.shape) + treated * effect
            zeroed.append(joint(after, before))
            flagged.append(joint(after, before, known.astype(float)))
            n = known.sum(axis=1).astype(float)
            rows = np.stack([after, before], axis=-1) * known[..., None]
            dropped.append(JointMoments.from_sums(n, rows.sum(axis=1), np.swapaxes(rows, -1, -2) @ rows))
        found = []
        for arms in (flagged, zeroed, dropped):
            adjusted = adjust(variants(*arms)).moments
            found.append(holds(difference_in_means(adjusted.take(..., 0), adjusted.take(..., 1)), truth))
        return found

    return Study(
        name="cuped, new users",
        family="CUPED",
        data="40 % new users with another effect, 1000 / 1000",
        rates=(
            Rate(method="indicator of a pre-period", quantity="coverage", promised=0.95),
            Rate(method="pre-period of 0 for new users", quantity="coverage", promised=0.95),
            Rate(method="new users left out (wrong)", quantity="coverage", promised=0.95, claim=Claim.MEASURED),
        ),
        draw=draw,
        block=250,
        blocks=40,
    )


def _cuped_ratio() -> Study:
    def arm(generator: Generator, runs: int, share: float) -> Array:
        shape = (runs, 1000)
        spread = generator.beta(20.0 * share, 20.0 * (1.0 - share), shape)
        views, before = (1.0 + generator.poisson(4.0, shape) for _ in range(2))
        clicks, clicks_before = (generator.binomial(n.astype(np.int64), spread) for n in (views, before))
        return joint(clicks.astype(float), views, clicks_before.astype(float), before)

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = arm(generator, runs, 0.2), arm(generator, runs, 0.2)
        adjusted = adjust_ratios(variants(low, high)).moments
        return (rejects(difference_in_means(adjusted.take(..., 0), adjusted.take(..., 1))),)

    return Study(
        name="cuped, ratio",
        family="CUPED",
        data="clicks per view, Poisson views, 1000 / 1000",
        rates=(Rate(method="ratio, CUPED on", quantity="type I error", promised=ALPHA),),
        draw=draw,
        block=200,
        blocks=25,
    )


def _counts(generator: Generator, n: int, runs: int, *, scale: float = 1.0) -> ValueCounts:
    """Lognormal(1) values on a grid fine enough to be continuous."""
    grid = np.exp(np.linspace(-4.5, 4.5, 3001)) * scale
    z = np.linspace(-4.5, 4.5, 3001)
    chance = np.exp(-0.5 * z**2)
    counts = generator.multinomial(n, chance / chance.sum(), size=runs)
    return ValueCounts(values=grid, counts=counts.astype(float))


def _quantiles() -> Iterator[Study]:
    from scipy.special import ndtri

    for probability, n_control, n_treatment, claim in (
        # Ranks are rounded outwards: a little less error than promised, never more.
        (0.5, 2000, 2000, Claim.AT_MOST),
        (0.9, 2000, 2000, Claim.AT_MOST),
        (0.99, 2000, 2000, Claim.MEASURED),
        (0.5, 1900, 100, Claim.MEASURED),
        (0.5, 30, 30, Claim.MEASURED),
    ):

        def draw(
            generator: Generator,
            runs: int,
            probability: float = probability,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
        ) -> Sequence[Array]:
            low, high = (_counts(generator, n, runs) for n in (n_control, n_treatment))
            lifted = ValueCounts(values=high.values * (1.0 + LIFT), counts=high.counts)
            base, null, effect = (quantile_of_units(one, probability=probability) for one in (low, high, lifted))
            truth = LIFT * float(np.exp(ndtri(probability)))
            return (
                rejects(difference_in_quantiles(base, null)),
                holds(difference_in_quantiles(base, effect), truth),
                covers(base.lower, base.upper, float(np.exp(ndtri(probability)))),
            )

        back = Claim.AT_LEAST if claim is Claim.AT_MOST else claim
        data = f"lognormal(1), p{100 * probability:g}, {n_control} / {n_treatment}"
        yield Study(
            name=f"quantiles, {data}",
            family="Difference of quantiles",
            data=data,
            rates=(
                Rate(method="order statistics, units", quantity="type I error", promised=ALPHA, claim=claim),
                Rate(method="order statistics, units", quantity="coverage", promised=1.0 - ALPHA, claim=back),
                Rate(method="interval of one quantile", quantity="coverage", promised=0.95, claim=Claim.AT_LEAST),
            ),
            draw=draw,
            block=250,
            blocks=24,
        )
    yield _clustered_quantile()


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
            Rate(method="order statistics, events of units", quantity="type I error", promised=ALPHA),
            Rate(
                method="events taken for units (wrong)", quantity="type I error", promised=ALPHA, claim=Claim.MEASURED
            ),
        ),
        draw=draw,
        block=250,
        blocks=16,
    )


def _lift_rates(estimate: Estimate, control_mean: Array) -> list[Array]:
    """Coverage of the true lift by Fieller, log, delta and the absolute interval divided by the control mean."""
    critical = critical_value(estimate.df, 1.0 - ALPHA)
    found = []
    for interval_of in (relative_effect, log_lift, delta_lift):
        interval = interval_of(estimate, critical=critical, level=1.0 - ALPHA).interval
        found.append(covers(interval.lower, interval.upper, LIFT))
    absolute = fixed_horizon(estimate, level=1.0 - ALPHA).interval
    found.append(covers(absolute.lower / control_mean, absolute.upper / control_mean, LIFT))
    return found


def _lifts() -> Iterator[Study]:
    methods = ("Fieller", "log ratio", "delta")
    for kind in (NORMAL, HEAVY, ZEROS, FEW, UNEQUAL, UNEQUAL_HEAVY):
        sound = kind is NORMAL

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            control, treatment = kind.pair(generator, runs)
            low, high = moments(control), moments(treatment * (1.0 + LIFT))
            return _lift_rates(difference_in_means(low, high), low.mean)

        yield Study(
            name=f"lifts, {kind.name}",
            family="Relative effect",
            data=kind.name,
            rates=_lift_claims(methods, sound=sound),
            draw=draw,
            block=1000,
            blocks=20,
        )

    def shares(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = (
            Moments.from_proportion(n=np.full(runs, 2000), successes=generator.binomial(2000, p, runs))
            for p in (0.02, 0.022)
        )
        return _lift_rates(difference_in_proportions(low, high), low.mean)

    yield Study(
        name="lifts, shares",
        family="Relative effect",
        data="share 0.02, 2000 / 2000",
        rates=_lift_claims(methods, sound=False),
        draw=shares,
        block=2000,
        blocks=10,
    )
    yield _adjusted_lift()


def _lift_claims(methods: tuple[str, ...], *, sound: bool) -> tuple[Rate, ...]:
    claim = Claim.HOLDS if sound else Claim.MEASURED
    wrong = "absolute interval / control mean (wrong)"
    return (
        *(Rate(method=method, quantity="coverage", promised=0.95, claim=claim) for method in methods),
        Rate(method=wrong, quantity="coverage", promised=0.95, claim=Claim.MEASURED),
    )


def _adjusted_lift() -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low = joint(*_before_and_after(generator, NORMAL, runs, 500))
        value, before = _before_and_after(generator, NORMAL, runs, 500)
        found = []
        # Lifts so large that the shared term matters: once everybody gains the same, once in proportion.
        for lifted in (value + 10.0, value * 2.0):
            adjusted = adjust(variants(low, joint(lifted, before)))
            arms = adjusted.moments
            estimate = difference_in_means(arms.take(..., 0), arms.take(..., 1))
            critical = critical_value(estimate.df, 0.95)
            for shared in (adjusted.shared_variance, 0.0):
                interval = relative_effect(estimate, critical=critical, level=0.95, shared_variance=shared).interval
                found.append(covers(interval.lower, interval.upper, 1.0))
        return found[:3]

    return Study(
        name="lifts, cuped",
        family="Relative effect",
        data="normal, 500 / 500, lift of 100 %",
        rates=(
            Rate(method="Fieller after CUPED", quantity="coverage", promised=0.95),
            Rate(
                method="without the shared variance (wrong)",
                quantity="coverage",
                promised=0.95,
                claim=Claim.MEASURED,
            ),
            Rate(
                method="Fieller after CUPED, effect in proportion to the value",
                quantity="coverage",
                promised=0.95,
                claim=Claim.MEASURED,
            ),
        ),
        draw=draw,
        block=500,
        blocks=40,
    )


def _margins() -> Iterator[Study]:
    for kind in (NORMAL, HEAVY, ZEROS, UNEQUAL, UNEQUAL_HEAVY):
        for sign, word in ((1, "more is better"), (-1, "less is better")):
            yield _margin(kind, sign, word)


def _margin(kind: Kind, sign: int, word: str) -> Study:
    margin = 0.2

    def passes(estimate: Estimate) -> Array:
        one_sided = fixed_horizon(estimate, level=1.0 - 2.0 * ALPHA, alternative=Alternative.GREATER)
        return np.asarray(one_sided.p_value <= ALPHA)

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        control, treatment = kind.pair(generator, runs)
        # The truth lies exactly on the margin, by a shift: the variances stay as they are.
        low, high = moments(control), moments(treatment - sign * margin * kind.mean)
        estimate = difference_in_means(low, high)
        shortcut = fixed_horizon(
            margin_contrast(estimate, direction_sign=sign, absolute=margin * low.mean),
            level=1.0 - 2.0 * ALPHA,
            alternative=Alternative.GREATER,
        )
        return (
            passes(margin_contrast(estimate, direction_sign=sign, absolute=margin * kind.mean)),
            passes(margin_contrast(estimate, direction_sign=sign, relative=margin)),
            shortcut.p_value <= ALPHA,
        )

    claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED
    wrong = "control mean taken as known (wrong)"
    return Study(
        name=f"margins, {kind.name}, {word}",
        family="Non-inferiority, on the margin",
        data=f"{kind.name}, {word}",
        rates=(
            Rate(method="absolute margin", quantity="type I error", promised=ALPHA, claim=claim),
            Rate(method="relative margin, 20 %", quantity="type I error", promised=ALPHA, claim=claim),
            Rate(method=wrong, quantity="type I error", promised=ALPHA, claim=Claim.MEASURED),
        ),
        draw=draw,
        block=1000,
        blocks=20,
    )


def _ranks() -> Iterator[Study]:
    for n_control, n_treatment, claim in ((200, 200, Claim.HOLDS), (12, 12, Claim.MEASURED)):

        def draw(
            generator: Generator, runs: int, n_control: int = n_control, n_treatment: int = n_treatment
        ) -> Sequence[Array]:
            low, high = (_counts(generator, n, runs) for n in (n_control, n_treatment))
            test = mann_whitney(low, high, level=0.95)
            return (test.p_value <= ALPHA, covers(test.interval.lower, test.interval.upper, 0.5))

        data = f"lognormal(1), {n_control} / {n_treatment}"
        yield Study(
            name=f"ranks, {data}",
            family="Ranks and equivalence",
            data=data,
            rates=_pair_of_rates("Mann–Whitney", claim),
            draw=draw,
            block=250,
            blocks=32,
        )

    def same(generator: Generator, runs: int) -> Sequence[Array]:
        control, treatment = NORMAL.pair(generator, runs)
        # The truth lies on the upper end of the range: every "equivalent" is an error.
        test = equivalence(
            difference_in_means(moments(control), moments(treatment + 1.0)), low=-1.0, high=1.0, alpha=ALPHA
        )
        return (test.p_value <= ALPHA,)

    yield Study(
        name="equivalence, normal",
        family="Ranks and equivalence",
        data=NORMAL.name,
        rates=(Rate(method="two one-sided tests", quantity="type I error", promised=ALPHA),),
        draw=same,
        block=1000,
        blocks=20,
    )
