"""Many looks at growing data: group-sequential, always-valid, harm, and what peeking does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tests.calibration.data import capped, exponential, lognormal, normal, zero_inflated
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Alternative,
    Estimate,
    JointMoments,
    Moments,
    Scale,
    SpendingFunction,
    adjust,
    alpha_spent,
    asymptotic,
    bernoulli_sequence,
    boundaries,
    compare_normal,
    difference_in_means,
    futility_design,
    mixing_variance,
    mixture_sprt,
    next_boundary,
    normal_score,
    sprt,
    stagewise,
)

ALPHA = 0.05
HARM_ALPHA = 0.01
DAYS = 28


def studies() -> Iterator[Study]:
    """All studies of many looks."""
    yield from _designs()
    yield from _daily()
    yield _cuped_daily()
    yield _observed_information()
    yield _running_totals()
    yield from _harm()
    yield _after_a_stop()
    yield _bernoulli()
    yield _wald()
    yield _futility()


def paths(generator: Generator, runs: int, information: Array, *, drift: float = 0.0) -> Array:
    """z-statistics (runs, look) of independent increments at `information`, with mean drift × √information."""
    gain = np.diff(information, prepend=0.0)
    score = np.cumsum(generator.normal(drift * gain, np.sqrt(gain), size=(runs, len(gain))), axis=1)
    return score / np.sqrt(information)


def _crosses(z: Array, bound: Array, sides: int) -> Array:
    return np.asarray(((np.abs(z) if sides == 2 else z) >= bound).any(axis=1))


def _designs() -> Iterator[Study]:
    equal, weekly = np.arange(1, 6) / 5.0, np.arange(1, 5) / 4.0
    uneven = np.array([0.1, 0.15, 0.6, 0.9, 1.0])
    every_day = np.arange(1, DAYS + 1) / DAYS
    schedules = (
        ("4 equal looks", weekly),
        ("5 equal looks", equal),
        ("28 equal looks", every_day),
        ("5 unequal looks (.1 .15 .6 .9 1)", uneven),
    )
    for data, information in schedules:
        yield _design(data, information, information)
    yield _design("over-running, 5 looks, last at 1.3", np.append(equal[:-1], 1.3), equal)
    yield _design(
        "under-running, 5 looks, last at .85", np.append(equal[:-1] * 0.9, 0.85), np.append(equal[:-1] * 0.9, 1)
    )


def _design(data: str, information: Array, fractions: Array) -> Study:
    families = (
        ("O'Brien–Fleming type", SpendingFunction.OBRIEN_FLEMING, 2),
        ("Pocock type", SpendingFunction.POCOCK, 2),
        ("Hwang–Shih–DeCani, γ = −4", SpendingFunction.HWANG_SHIH_DECANI, 2),
        ("power family, ρ = 3", SpendingFunction.POWER, 2),
        ("O'Brien–Fleming type, one-sided", SpendingFunction.OBRIEN_FLEMING, 1),
    )
    bounds = [
        (boundaries(information, fractions=fractions, alpha=ALPHA, sides=sides, spending=spending).z, sides)
        for _, spending, sides in families
    ]

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        z = paths(generator, runs, information)
        naive = np.abs(z) >= 1.959964
        return [*(_crosses(z, bound, sides) for bound, sides in bounds), naive.any(axis=1)]

    return Study(
        name=f"designs, {data}",
        family="Group sequential, normal statistic",
        data=data,
        rates=(
            *(Rate(method=name, quantity="type I error", promised=ALPHA) for name, _, _ in families),
            Rate(
                method="fixed-horizon test at every look (wrong)",
                quantity="type I error",
                promised=ALPHA,
                claim=Claim.MEASURED,
            ),
        ),
        draw=draw,
        block=2000,
        blocks=20,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Units that arrive day by day, the same number every day."""

    name: str
    per_day: tuple[int, int]
    values: Callable[[Generator, tuple[int, ...]], Array]
    sound: bool


STREAMS = (
    Stream(name="normal, 50 + 50 a day", per_day=(50, 50), values=normal, sound=True),
    Stream(name="exponential, 50 + 50 a day", per_day=(50, 50), values=exponential, sound=True),
    Stream(name="lognormal(1.5), 50 + 50 a day", per_day=(50, 50), values=lognormal, sound=False),
    Stream(name="95 % zeros, 50 + 50 a day", per_day=(50, 50), values=zero_inflated, sound=False),
    Stream(name="normal, 5 + 5 a day", per_day=(5, 5), values=normal, sound=True),
    Stream(name="normal, 90 + 10 a day", per_day=(90, 10), values=normal, sound=True),
    Stream(name="lognormal(1.5), 90 + 10 a day", per_day=(90, 10), values=lognormal, sound=False),
    Stream(name="lognormal(1.5) capped at p99, 90 + 10 a day", per_day=(90, 10), values=capped, sound=False),
)


def cumulative(values: Array) -> Moments:
    """Moments (runs, day) of everything up to each day from values (runs, day, units)."""
    centre = values.mean()
    away = values - centre
    n = values.shape[2] * np.arange(1.0, values.shape[1] + 1.0) * np.ones((values.shape[0], 1))
    sums, squares = np.cumsum(away.sum(axis=2), axis=1), np.cumsum((away**2).sum(axis=2), axis=1)
    return Moments(n=n, mean=centre + sums / n, m2=squares - sums**2 / n)


def _daily_rates(*, sound: bool, heavy: bool) -> tuple[Rate, ...]:
    exact = Claim.HOLDS if sound else Claim.MEASURED
    bound = Claim.MEASURED if heavy else Claim.AT_MOST
    named = (
        ("fixed-horizon test on every day (wrong)", ALPHA, Claim.MEASURED),
        ("95 % credible interval on every day (wrong)", ALPHA, Claim.MEASURED),
        ("O'Brien–Fleming type, 28 looks", ALPHA, exact),
        ("Pocock type, 28 looks", ALPHA, exact),
        ("asymptotic confidence sequence", ALPHA, bound),
        ("asymptotic confidence sequence, one-sided", ALPHA, bound),
        ("mixture SPRT", ALPHA, bound),
        ("harm upwards, Pocock type by the calendar", HARM_ALPHA, exact),
        ("harm downwards, Pocock type by the calendar", HARM_ALPHA, exact),
    )
    return tuple(
        Rate(method=name, quantity="type I error", promised=alpha, claim=claim) for name, alpha, claim in named
    )


def _daily_outcomes(estimate: Estimate, per_day: tuple[int, int]) -> list[Array]:
    """Which policies ever cross on paths without effect, `estimate` (runs, day); the smaller arm has 100 units first."""
    first = -(-100 // min(per_day)) - 1
    days = np.arange(1.0, DAYS + 1.0)[first:]
    path = estimate.take(slice(None), slice(first, None))
    z = normal_score(path)
    units = sum(per_day) * days
    two_sided, one_sided = (
        asymptotic(path, n=units, tuning_n=float(units[-1]), alpha=ALPHA, alternative=side)
        for side in (Alternative.TWO_SIDED, Alternative.GREATER)
    )
    # The effect that a fixed test at the end would find with power .8, known before data.
    minimum_effect = 2.8 * float(np.median(path.std_error[:, -1]))
    mixture = mixture_sprt(path, mixing_variance=mixing_variance(minimum_effect), alpha=ALPHA)
    credible = compare_normal(path, level=1.0 - ALPHA).interval

    def spends(spending: SpendingFunction, alpha: float, sides: int, sign: float = 1.0) -> Array:
        bound = boundaries(days, fractions=days / DAYS, alpha=alpha, sides=sides, spending=spending).z
        return _crosses(sign * z, bound, sides)

    return [
        (np.abs(z) >= 1.959964).any(axis=1),
        ((credible.lower > 0.0) | (credible.upper < 0.0)).any(axis=1),
        spends(SpendingFunction.OBRIEN_FLEMING, ALPHA, 2),
        spends(SpendingFunction.POCOCK, ALPHA, 2),
        two_sided.crossed.any(axis=1),
        one_sided.crossed.any(axis=1),
        mixture.always_valid_p_value[:, -1] <= ALPHA,
        spends(SpendingFunction.POCOCK, HARM_ALPHA, 1),
        spends(SpendingFunction.POCOCK, HARM_ALPHA, 1, -1.0),
    ]


def _daily() -> Iterator[Study]:
    for stream in STREAMS:

        def draw(generator: Generator, runs: int, stream: Stream = stream) -> Sequence[Array]:
            low, high = (cumulative(stream.values(generator, (runs, DAYS, n))) for n in stream.per_day)
            return _daily_outcomes(difference_in_means(low, high), stream.per_day)

        yield Study(
            name=f"daily, {stream.name}",
            family="28 daily looks, side by side",
            data=stream.name,
            rates=_daily_rates(sound=stream.sound, heavy=not stream.sound),
            draw=draw,
            block=500,
            blocks=20,
        )


def _cuped_daily() -> Study:
    """The same with CUPED, theta and centre estimated anew on every day."""
    per_day = (50, 50)

    def arm(generator: Generator, runs: int) -> JointMoments:
        before = generator.normal(size=(runs, DAYS, per_day[0]))
        after = 0.7 * before + np.sqrt(0.51) * generator.normal(size=before.shape)
        both = np.stack([after, before], axis=-1)
        n = per_day[0] * np.arange(1.0, DAYS + 1.0) * np.ones((runs, 1))
        products = np.cumsum(np.swapaxes(both, -1, -2) @ both, axis=1)
        return JointMoments.from_sums(n, np.cumsum(both.sum(axis=2), axis=1), products)

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, high = arm(generator, runs), arm(generator, runs)
        stacked = JointMoments(
            n=np.stack([low.n, high.n], axis=-1),
            mean=np.stack([low.mean, high.mean], axis=-2),
            m2=np.stack([low.m2, high.m2], axis=-3),
        )
        adjusted = adjust(stacked).moments
        return _daily_outcomes(difference_in_means(adjusted.take(..., 0), adjusted.take(..., 1)), per_day)

    return Study(
        name="daily, CUPED on",
        family="28 daily looks, side by side",
        data="normal with CUPED, 50 + 50 a day",
        rates=_daily_rates(sound=True, heavy=False),
        draw=draw,
        block=250,
        blocks=40,
    )


def _observed_information() -> Study:
    """As the product does it: information from the data, spending capped by the calendar, boundaries one by one."""
    days, planned = np.array([7, 14, 21, 28]) - 1, 1400 / 2.0

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        # Traffic is uneven: heavy at first, and the variance of the values is not the planned one.
        per_day = [80 if day < 10 else 35 for day in range(DAYS)]
        values = [generator.exponential(size=(runs, 2, n)) for n in per_day]
        n = np.cumsum(per_day)[days] * np.ones((runs, 1))
        sums, squares = (
            np.cumsum([(one**power).sum(axis=2) for one in values], axis=0)[days].transpose(2, 1, 0) for power in (1, 2)
        )
        low, high = (Moments(n=n, mean=sums[arm] / n, m2=squares[arm] - sums[arm] ** 2 / n) for arm in range(2))
        estimate = difference_in_means(low, high)
        z, information = normal_score(estimate), estimate.information
        found = np.zeros(runs, dtype=bool)
        for run in range(runs):
            bounds: list[float] = []
            spent: list[float] = []
            for look, at in enumerate(information[run]):
                share = 1.0 if look == len(days) - 1 else min(at / planned, (days[look] + 1) / DAYS)
                to_spend = float(alpha_spent(SpendingFunction.OBRIEN_FLEMING, share, ALPHA))
                bounds.append(
                    next_boundary(
                        past_information=information[run][:look],
                        past_boundaries=bounds,
                        past_alpha_spent=spent,
                        information=float(at),
                        alpha_to_spend=to_spend,
                    )
                )
                spent.append(to_spend if np.isfinite(bounds[-1]) else (spent[-1] if spent else 0.0))
            found[run] = (np.abs(z[run]) >= bounds).any()
        return (found,)

    return Study(
        name="observed information",
        family="Group sequential, as the product does it",
        data="exponential, 80 then 35 + 35 a day, 4 weekly looks",
        rates=(
            Rate(method="O'Brien–Fleming type, information from the data", quantity="type I error", promised=ALPHA),
        ),
        draw=draw,
        block=300,
        blocks=20,
    )


def _running_totals() -> Study:
    """A metric without a window: units go on adding to their totals, so looks are correlated otherwise."""
    fractions = np.array([7, 14, 21, 28]) / 28.0
    bound = boundaries(fractions, alpha=ALPHA).z

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        found = []
        for persistent in (0.0, 1.0):
            totals = []
            for _ in range(2):
                # 15 units a day enrol; each adds every day, with a level of its own where `persistent`.
                level = persistent * generator.normal(size=(runs, 28 * 15, 1))
                daily = level + generator.normal(size=(runs, 28 * 15, 28))
                entered = np.arange(28 * 15) // 15
                active = np.arange(28)[None, :] >= entered[:, None]
                total = np.cumsum(daily * active, axis=2)
                totals.append([total[:, : 15 * 7 * week, 7 * week - 1] for week in range(1, 5)])
            z = np.stack(
                [
                    (b.mean(axis=1) - a.mean(axis=1))
                    / np.sqrt(a.var(axis=1, ddof=1) / a.shape[1] + b.var(axis=1, ddof=1) / b.shape[1])
                    for a, b in zip(*totals, strict=True)
                ],
                axis=1,
            )
            found.append(_crosses(z, bound, 2))
        return found

    return Study(
        name="running totals",
        family="Group sequential, as the product does it",
        data="sums without a window, 15 + 15 units a day, 4 looks",
        rates=tuple(
            Rate(method=f"O'Brien–Fleming type, {word}", quantity="type I error", promised=ALPHA, claim=Claim.MEASURED)
            for word in ("days independent", "units with a level of their own")
        ),
        draw=draw,
        block=125,
        blocks=48,
    )


def _harm() -> Iterator[Study]:
    """Looks every day, spending by the calendar, correlations by the information that came."""
    days = np.arange(1.0, DAYS + 1.0)
    shapes = (
        ("even traffic", days),
        ("traffic dries up", DAYS * (1.0 - np.exp(-days / 6.0))),
        ("traffic grows", days**2 / DAYS),
        ("weekends are quiet", np.cumsum(np.where(days % 7 > 4, 0.3, 1.0))),
    )
    for data, information in shapes:
        bound = boundaries(
            information, fractions=days / DAYS, alpha=HARM_ALPHA, sides=1, spending=SpendingFunction.POCOCK
        ).z

        def draw(
            generator: Generator, runs: int, information: Array = information, bound: Array = bound
        ) -> Sequence[Array]:
            return (_crosses(paths(generator, runs, information), bound, 1),)

        yield Study(
            name=f"harm, {data}",
            family="Harm, Pocock type by the calendar",
            data=f"28 daily looks, {data}",
            rates=(Rate(method="harm, one-sided", quantity="type I error", promised=HARM_ALPHA),),
            draw=draw,
            block=4000,
            blocks=15,
        )


def _after_a_stop() -> Study:
    information = np.arange(1, 5) / 4.0
    design = boundaries(information, alpha=ALPHA)
    drift = 2.8

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        z = paths(generator, runs, information, drift=drift)
        crossed = np.abs(z) >= design.z
        stop = np.where(crossed.any(axis=1), crossed.argmax(axis=1), len(information) - 1)
        value = z[np.arange(runs), stop] / np.sqrt(information[stop])
        found = []
        for run in range(runs):
            at = stop[run]
            effect = stagewise(
                _normal(np.asarray(value[run]), np.asarray(information[at] ** -0.5)),
                past_information=information[:at],
                past_boundaries=design.z[:at],
                level=0.95,
            )
            half = 1.959964 * information[at] ** -0.5
            repeated = design.z[at] * information[at] ** -0.5
            found.append(
                [
                    effect.interval.lower <= drift <= effect.interval.upper,
                    effect.median_unbiased > drift,
                    value[run] > drift,
                    abs(value[run] - drift) <= half,
                    abs(value[run] - drift) <= repeated,
                ]
            )
        return np.asarray(found, dtype=float).T

    return Study(
        name="after a stop",
        family="After a group-sequential stop",
        data="4 equal looks, O'Brien–Fleming type, power .8",
        rates=(
            Rate(method="stage-wise interval", quantity="coverage", promised=0.95),
            Rate(method="median-unbiased estimate", quantity="above the truth", promised=0.5),
            Rate(method="plain estimate", quantity="above the truth", promised=0.5, claim=Claim.MEASURED),
            Rate(method="fixed-horizon interval (wrong)", quantity="coverage", promised=0.95, claim=Claim.MEASURED),
            Rate(method="repeated interval", quantity="coverage", promised=0.95, claim=Claim.AT_LEAST),
        ),
        draw=draw,
        block=100,
        blocks=20,
    )


def _bernoulli() -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        trials = 20.0 * np.arange(1, 61)
        hits = np.cumsum(generator.binomial(20, 0.03, size=(runs, 60)), axis=1)
        interval = bernoulli_sequence(hits, trials, alpha=ALPHA, tuning_n=600.0)
        return (((interval.lower <= 0.03) & (interval.upper >= 0.03)).all(axis=1),)

    return Study(
        name="bernoulli sequence",
        family="Always valid, exact",
        data="share .03, 60 looks of 20 units each",
        rates=(
            Rate(method="beta-binomial confidence sequence", quantity="coverage", promised=0.95, claim=Claim.AT_LEAST),
        ),
        draw=draw,
        block=200,
        blocks=20,
    )


def _wald() -> Study:
    days = np.arange(1.0, 4 * DAYS + 1.0)

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        found = []
        for drift in (0.0, 1.0):
            z = paths(generator, runs, days / 3.0, drift=drift)
            value, error = z / np.sqrt(days / 3.0), np.broadcast_to((days / 3.0) ** -0.5, z.shape)
            path = sprt(_normal(value, error), effect=1.0, alpha=ALPHA, power=0.8)
            found.append((path.rejected if drift == 0.0 else path.accepted)[:, -1])
        return found

    return Study(
        name="sprt",
        family="Always valid, exact",
        data="112 daily looks at one planned effect",
        rates=(
            Rate(method="SPRT", quantity="type I error", promised=ALPHA, claim=Claim.AT_MOST),
            Rate(method="SPRT", quantity="type II error", promised=0.2, claim=Claim.AT_MOST),
        ),
        draw=draw,
        block=1000,
        blocks=20,
    )


def _normal(value: Array, error: Array) -> Estimate:
    """An estimate with a known standard error."""
    zero = np.zeros(np.shape(value))
    return Estimate(
        estimate=value,
        std_error=error,
        df=zero + np.inf,
        control=zero,
        treatment=value,
        control_std_error=zero,
        treatment_std_error=error,
        estimable=zero == 0.0,
        scale=Scale.ABSOLUTE,
        method="normal",
    )


def _futility() -> Study:
    fractions = np.arange(1, 5) / 4.0
    design = futility_design(fractions, alpha=0.025, power=0.8)

    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        found = []
        for drift in (0.0, design.effect):
            z = paths(generator, runs, fractions, drift=drift)
            up, down = z >= design.efficacy_z, z <= design.futility_z
            first_up = np.where(up.any(axis=1), up.argmax(axis=1), 9)
            first_down = np.where(down.any(axis=1), down.argmax(axis=1), 9)
            found += [first_up < 9, first_up < first_down]
        return found[0], found[1], found[3]

    return Study(
        name="futility",
        family="Group sequential, normal statistic",
        data="4 equal looks, non-binding futility, one-sided .025",
        rates=(
            Rate(method="futility ignored", quantity="type I error", promised=0.025),
            Rate(method="futility obeyed", quantity="type I error", promised=0.025, claim=Claim.AT_MOST),
            Rate(method="futility obeyed", quantity="power", promised=0.8, claim=Claim.HOLDS),
        ),
        draw=draw,
        block=2000,
        blocks=20,
    )
