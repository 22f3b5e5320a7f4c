"""Segments, strata and days: do they differ, what is the effect in all of them, and does mixing them mislead?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.cuped import before_and_after, mean_after
from tests.calibration.data import HEAVY, NORMAL, SMALL, UNEQUAL, UNEQUAL_HEAVY, ZEROS, Kind, covers, joint, moments
from tests.calibration.outcomes import ALPHA, coverage, error, holds
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Estimate,
    JointMoments,
    Moments,
    adjust,
    by_segment,
    difference_in_means,
    heterogeneity,
    mantel_haenszel,
    post_stratified,
    simpson,
)
from trialflow.stats.day_to_day import day_to_day

SEGMENTS = 5
FAMILY = "Segments and strata"


def studies() -> Iterator[Study]:
    """All studies of segments, strata and days."""
    yield _segments()
    yield from _segments_of_units()
    yield from _strata()
    yield from _odds()
    yield _ramp()
    yield from _days()
    yield _busy_days()


def _judged(same: Estimate, none: Estimate) -> Sequence[Array]:
    family = by_segment(none, level=0.95)
    together = (family.interval.lower <= 0.0) & (family.interval.upper >= 0.0)
    return (
        heterogeneity(same).p_value <= ALPHA,
        (family.adjusted_p <= ALPHA).any(axis=1),
        together.all(axis=1),
    )


def _rates(claim: Claim, suffix: str = "") -> tuple[Rate, ...]:
    bound = Claim.MEASURED if claim is Claim.MEASURED else Claim.AT_MOST
    back = Claim.MEASURED if claim is Claim.MEASURED else Claim.AT_LEAST
    return (
        error(f"Cochran's Q, equal effects{suffix}", claim),
        Rate(method=f"Holm over segments, no effect{suffix}", quantity="any false alarm", promised=ALPHA, claim=bound),
        Rate(method=f"intervals of all segments{suffix}", quantity="coverage of all", promised=0.95, claim=back),
    )


def _segments() -> Study:
    sizes = np.array([2000, 1000, 500, 250, 120])

    def arms(generator: Generator, runs: int, effect: float) -> tuple[Moments, Moments]:
        spread = 1.0 + 0.2 * np.arange(SEGMENTS)
        shape = (runs, SEGMENTS)
        control, treatment = (
            Moments(
                n=np.broadcast_to(sizes.astype(float), shape),
                mean=centre + spread * generator.normal(size=shape) / np.sqrt(sizes),
                m2=spread**2 * generator.chisquare(sizes - 1, size=shape),
            )
            for centre in (0.0, effect)
        )
        return control, treatment

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        same, none = (difference_in_means(*arms(generator, runs, effect)) for effect in (0.2, 0.0))
        return _judged(same, none)

    return Study(
        name="segments",
        family=FAMILY,
        data="normal, 5 segments of 2000 to 120 units an arm",
        rates=_rates(Claim.HOLDS),
        draw=draw,
        block=1000,
        blocks=20,
    )


def _segments_of_units() -> Iterator[Study]:
    """Five segments like the whole experiment of the kind, each a fifth as large; CUPED off and on, within segments."""
    for kind in (HEAVY, ZEROS, SMALL, UNEQUAL, UNEQUAL_HEAVY):
        shares = (1.0, 1.0) if kind is SMALL else (0.2, 0.2)
        sizes = tuple(round(share * n) for share, n in zip(shares, (kind.n_control, kind.n_treatment), strict=True))

        def draw(generator: Generator, runs: int, kind: Kind = kind, sizes: tuple[int, ...] = sizes) -> Sequence[Array]:
            arms = []
            for n, spread in zip(sizes, (1.0, kind.treatment_std), strict=True):
                # Segments have levels of their own, which must not matter.
                after, before = before_and_after(generator, kind, runs * SEGMENTS, n)
                level = np.arange(SEGMENTS)[:, None]
                mean = mean_after(kind)
                value = (mean + spread * (after - mean)).reshape(runs, SEGMENTS, n) + level
                arms.append(joint(value, before.reshape(runs, SEGMENTS, n)))
            low, high = arms
            stacked = JointMoments(
                n=np.stack([low.n, high.n], axis=-1),
                mean=np.stack([low.mean, high.mean], axis=-2),
                m2=np.stack([low.m2, high.m2], axis=-3),
            )
            adjusted = adjust(stacked).moments
            off = difference_in_means(low.variable(0), high.variable(0))
            on = difference_in_means(adjusted.take(..., 0), adjusted.take(..., 1))
            return [*_judged(off, off), *_judged(on, on)]

        data = f"{kind.name.split(',')[0].replace('95 %', '90 %')}, 5 segments of {sizes[0]} / {sizes[1]}"
        yield Study(
            name=f"segments, {kind.name}",
            family=FAMILY,
            data=data,
            rates=(*_rates(Claim.MEASURED, ", CUPED off"), *_rates(Claim.MEASURED, ", CUPED on")),
            draw=draw,
            block=250,
            blocks=40,
        )


def _by_label(values: Array, labels: Array, strata: int) -> Moments:
    """Moments (runs, stratum) of values (runs, n) with labels (runs, n)."""
    member = (labels[..., None] == np.arange(strata)).astype(float)
    n = member.sum(axis=1)
    mean = np.einsum("rn,rns->rs", values, member) / np.maximum(n, 1.0)
    away = values - np.take_along_axis(mean, labels, axis=1)
    return Moments(n=n, mean=mean, m2=np.einsum("rn,rns->rs", away**2, member))


def _strata() -> Iterator[Study]:
    """Strata of very different level; units fall into them at random, so their sizes differ between the arms."""
    level, share = np.array([0.0, 1.0, 4.0]), np.array([0.5, 0.3, 0.2])
    small = Kind(name="normal, 40 / 40", n_control=40, n_treatment=40, mean=10.0, std_dev=3.0, values=NORMAL.values)
    for kind in (NORMAL, HEAVY, ZEROS, small, UNEQUAL, UNEQUAL_HEAVY):

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            control, treatment = kind.pair(generator, runs)
            arms, plain = [], []
            for values, effect in ((control, 0.0), (treatment, 0.5 * kind.std_dev)):
                labels = generator.choice(3, p=share, size=values.shape)
                raised = values + effect + kind.std_dev * level[labels]
                arms.append(_by_label(raised, labels, 3))
                plain.append(moments(raised))
            truth = 0.5 * kind.std_dev
            return holds(post_stratified(*arms), truth), holds(difference_in_means(*plain), truth)

        claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED
        yield Study(
            name=f"strata, {kind.name}",
            family=FAMILY,
            data=f"3 strata, {kind.name}",
            rates=(coverage("post-stratified difference", claim), coverage("plain difference", claim)),
            draw=draw,
            block=200,
            blocks=40,
        )


def _odds() -> Iterator[Study]:
    # (data, shares of control, units of control and of treatment in each stratum, claim)
    few = np.full(30, 10)
    designs = (
        (
            "shares .05, .2, .5 in 3 strata, 1000 / 1000",
            np.array([0.05, 0.2, 0.5]),
            np.array([500, 300, 200]),
            np.array([500, 300, 200]),
            Claim.HOLDS,
        ),
        (
            "shares .05, .2, .5 in 3 strata, 950 / 50",
            np.array([0.05, 0.2, 0.5]),
            np.array([475, 285, 190]),
            np.array([25, 15, 10]),
            Claim.MEASURED,
        ),
        ("shares .1 to .5 in 30 strata of 10 / 10", np.linspace(0.1, 0.5, 30), few, few, Claim.MEASURED),
        (
            "shares .002, .005, .01 in 3 strata, 1000 / 1000",
            np.array([0.002, 0.005, 0.01]),
            np.array([500, 300, 200]),
            np.array([500, 300, 200]),
            Claim.MEASURED,
        ),
    )
    for data, share, n_control, n_treatment, claim in designs:

        def draw(
            generator: Generator,
            runs: int,
            share: Array = share,
            n_control: Array = n_control,
            n_treatment: Array = n_treatment,
        ) -> Sequence[Array]:
            better = share * 1.3 / (1.0 - share + share * 1.3)
            low, high, lifted = (
                Moments.from_proportion(
                    n=np.broadcast_to(n.astype(float), (runs, len(n))),
                    successes=generator.binomial(n, p, size=(runs, len(n))),
                )
                for n, p in ((n_control, share), (n_treatment, share), (n_treatment, better))
            )
            null, effect = mantel_haenszel(low, high, level=0.95), mantel_haenszel(low, lifted, level=0.95)
            return null.p_value <= ALPHA, covers(effect.interval.lower, effect.interval.upper, 1.3)

        yield Study(
            name=f"strata, odds, {data}",
            family=FAMILY,
            data=data,
            rates=(error("Mantel–Haenszel", claim), coverage("Mantel–Haenszel", claim)),
            draw=draw,
            block=1000,
            blocks=20,
        )


def _ramp() -> Study:
    """Two weeks of different level; in the first 1 of 10 units is treated, in the second half of them."""
    sizes = (np.array([900, 500]), np.array([100, 500]))

    def arm(generator: Generator, runs: int, n: Array) -> Moments:
        level = np.array([0.0, 1.0])
        shape = (runs, 2)
        return Moments(
            n=np.broadcast_to(n.astype(float), shape),
            mean=level + generator.normal(size=shape) / np.sqrt(n),
            m2=generator.chisquare(n - 1, size=shape),
        )

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        ramped = simpson(*(arm(generator, runs, n) for n in sizes))
        # No ramp: every unit of either week falls into an arm by a coin, and no split is to be complained of.
        treated = generator.binomial(1000, 0.5, size=(runs, 2)).astype(float)
        coin = simpson(
            *(Moments(n=n, mean=np.zeros((runs, 2)), m2=np.maximum(n - 1.0, 0.0)) for n in (1000 - treated, treated))
        )
        return (
            holds(ramped.standardised, 0.0),
            holds(ramped.crude, 0.0),
            coin.allocation_p <= ALPHA,
            ramped.allocation_p <= 0.01,
        )

    return Study(
        name="strata, ramp",
        family=FAMILY,
        data="normal, a week of 900 / 100 and one of 500 / 500",
        rates=(
            coverage("Simpson's check, standardised effect"),
            coverage("crude effect over a ramp (wrong)", Claim.MEASURED),
            error("Simpson's check, splits alike"),
            Rate(
                method="Simpson's check, splits unlike at .01", quantity="detected", promised=1.0, claim=Claim.MEASURED
            ),
        ),
        draw=draw,
        block=1000,
        blocks=20,
    )


DAYS = 28


def _daily(control: Array, treatment: Array) -> Sequence[Array]:
    """Outcomes of 28 daily effects of values (runs, day, units); the true effect is 0."""
    effects = difference_in_means(moments(control), moments(treatment))
    found = []
    for value, spread in zip(effects.estimate, effects.std_error, strict=True):
        days = day_to_day(value, spread)
        found.append(
            [
                days.p_value <= ALPHA,
                days.p_value <= 0.01,
                abs(days.mean) <= 1.959964 * days.std_error,
                abs(days.mean) <= 1.959964 * days.hac_std_error,
            ]
        )
    return np.asarray(found, dtype=float).T


def _day_rates(claim: Claim, covering: Claim) -> tuple[Rate, ...]:
    return (
        error("Cochran's Q over days, at .05", claim),
        error("Cochran's Q over days, at .01", claim, 0.01),
        coverage("mean of the days, days independent", covering),
        coverage("mean of the days, robust to days", Claim.MEASURED),  # 28 days are few for Newey and West
    )


def _days() -> Iterator[Study]:
    for kind, per_day in (
        (NORMAL, (200, 200)),
        (HEAVY, (200, 200)),
        (ZEROS, (200, 200)),
        (SMALL, (10, 10)),
        (UNEQUAL, (190, 10)),
        (UNEQUAL_HEAVY, (190, 10)),
    ):

        def draw(
            generator: Generator, runs: int, kind: Kind = kind, per_day: tuple[int, int] = per_day
        ) -> Sequence[Array]:
            control, treatment = (kind.values(generator, (runs, DAYS, n)) for n in per_day)
            return _daily(control, kind.mean + kind.treatment_std * (treatment - kind.mean))

        # Q takes the daily variances for known: right for hundreds of units a day, not for ten.
        claim = Claim.HOLDS if kind is NORMAL else Claim.MEASURED
        data = f"{kind.name.split(',')[0]}, {per_day[0]} + {per_day[1]} a day, 28 days"
        yield Study(
            name=f"days, {kind.name}",
            family="Days",
            data=data,
            rates=_day_rates(claim, claim),
            draw=draw,
            block=50,
            blocks=40,
        )


def _busy_days() -> Study:
    """Every day moves all units of a variant together: daily effects scatter more than their errors say."""

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        shock = generator.normal(0.0, 0.3, size=(2, runs, DAYS, 1))
        control, treatment = (10.0 + 3.0 * (one + generator.normal(size=(runs, DAYS, 200))) for one in shock)
        return _daily(control, treatment)

    return Study(
        name="days, shocks",
        family="Days",
        data="normal, 200 + 200 a day, 28 days with shocks of their own",
        rates=_day_rates(Claim.MEASURED, Claim.MEASURED),
        draw=draw,
        block=50,
        blocks=40,
    )
