"""Many looks at units that arrive day by day: what peeking does, what each policy does, CUPED off and on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from tests.calibration.cuped import before_and_after
from tests.calibration.data import (
    HEAVY,
    LOGNORMAL_MEAN,
    NORMAL,
    SMALL,
    UNEQUAL_HEAVY,
    ZERO_INFLATED_MEAN,
    ZEROS,
    Kind,
    capped,
    exponential,
    lognormal,
    normal,
    variants,
    zero_inflated,
)
from tests.calibration.looks import DAYS, HARM_ALPHA, crosses
from tests.calibration.outcomes import ALPHA, between, error
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.checks.harm import under_the_null
from trialflow.stats import (
    Alternative,
    Estimate,
    JointMoments,
    Moments,
    SpendingFunction,
    adjust,
    alpha_spent,
    asymptotic,
    boundaries,
    compare_normal,
    difference_in_means,
    margin_contrast,
    mixing_variance,
    mixture_sprt,
    next_boundary,
    normal_score,
    repeated_confidence,
)


def studies() -> Iterator[Study]:
    """All studies of units that arrive day by day."""
    yield from _daily()
    yield from _cuped_daily()
    yield from _weekly()
    yield _observed_information()
    yield _running_totals()


Values = Callable[[Generator, tuple[int, ...]], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Units that arrive day by day, the same number every day."""

    name: str
    per_day: tuple[int, int]
    values: Values
    mean: float
    sound: bool


CAPPED_MEAN = float(LOGNORMAL_MEAN * ndtr((np.log(32.8) - 2.25) / 1.5) + 32.8 * ndtr(-np.log(32.8) / 1.5))


def _stream(name: str, per_day: tuple[int, int], values: Values, mean: float, *, sound: bool) -> Stream:
    a_day = f"{per_day[0]} + {per_day[1]} a day"
    return Stream(name=f"{name}, {a_day}", per_day=per_day, values=values, mean=mean, sound=sound)


STREAMS = (
    _stream("normal", (50, 50), normal, 10.0, sound=True),
    _stream("exponential", (50, 50), exponential, 1.0, sound=True),
    _stream("lognormal(1.5)", (50, 50), lognormal, LOGNORMAL_MEAN, sound=False),
    _stream("95 % zeros", (50, 50), zero_inflated, ZERO_INFLATED_MEAN, sound=False),
    _stream("normal", (5, 5), normal, 10.0, sound=True),
    _stream("normal", (90, 10), normal, 10.0, sound=True),
    _stream("lognormal(1.5)", (90, 10), lognormal, LOGNORMAL_MEAN, sound=False),
    _stream("lognormal(1.5) capped at p99", (90, 10), capped, CAPPED_MEAN, sound=False),
    _stream("95 % zeros", (90, 10), zero_inflated, ZERO_INFLATED_MEAN, sound=False),
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
        ("harm, spread of the null, upwards", HARM_ALPHA, bound),
        ("harm, spread of the null, downwards", HARM_ALPHA, bound),
    )
    return tuple(error(name, claim, alpha) for name, alpha, claim in named)


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
    # As the harm check has it: where variants are unequal the spread is that of the null hypothesis.
    n_control, n_treatment = (np.broadcast_to(n * days, z.shape) for n in per_day)
    harm = normal_score(under_the_null(path, n_control, n_treatment))
    credible = compare_normal(path, level=1.0 - ALPHA).interval

    def spends(spending: SpendingFunction, alpha: float, sides: int, score: Array = z) -> Array:
        bound = boundaries(days, fractions=days / DAYS, alpha=alpha, sides=sides, spending=spending).z
        return crosses(score, bound, sides)

    return [
        (np.abs(z) >= 1.959964).any(axis=1),
        ((credible.lower > 0.0) | (credible.upper < 0.0)).any(axis=1),
        spends(SpendingFunction.OBRIEN_FLEMING, ALPHA, 2),
        spends(SpendingFunction.POCOCK, ALPHA, 2),
        two_sided.crossed.any(axis=1),
        one_sided.crossed.any(axis=1),
        mixture.always_valid_p_value[:, -1] <= ALPHA,
        spends(SpendingFunction.POCOCK, HARM_ALPHA, 1),
        spends(SpendingFunction.POCOCK, HARM_ALPHA, 1, -z),
        spends(SpendingFunction.POCOCK, HARM_ALPHA, 1, harm),
        spends(SpendingFunction.POCOCK, HARM_ALPHA, 1, -harm),
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


# (data, kind of value and pre-period value, units of either arm a day, do the assumptions hold)
WITH_PAST = (
    ("normal with CUPED, 50 + 50 a day", NORMAL, (50, 50), True),
    ("lognormal(1.5) with CUPED, 50 + 50 a day", HEAVY, (50, 50), False),
    ("90 % zeros with CUPED, 50 + 50 a day", ZEROS, (50, 50), False),
    ("normal with CUPED, 5 + 5 a day", SMALL, (5, 5), False),
    ("normal with CUPED, 90 + 10 a day", NORMAL, (90, 10), True),
    ("lognormal(1.5) with CUPED, 90 + 10 a day", UNEQUAL_HEAVY, (90, 10), False),
)


def _cuped_daily() -> Iterator[Study]:
    """The same with CUPED, theta and centre estimated anew on every day."""
    for data, kind, per_day, sound in WITH_PAST:

        def draw(
            generator: Generator, runs: int, kind: Kind = kind, per_day: tuple[int, int] = per_day
        ) -> Sequence[Array]:
            def arm(n: int) -> JointMoments:
                values = before_and_after(generator, kind, runs * DAYS, n)
                both = np.stack([one.reshape(runs, DAYS, n) for one in values], axis=-1)
                units = n * np.arange(1.0, DAYS + 1.0) * np.ones((runs, 1))
                products = np.cumsum(np.swapaxes(both, -1, -2) @ both, axis=1)
                return JointMoments.from_sums(units, np.cumsum(both.sum(axis=2), axis=1), products)

            adjusted = adjust(variants(*(arm(n) for n in per_day))).moments
            return _daily_outcomes(between(adjusted), per_day)

        yield Study(
            name=f"daily, {data}",
            family="28 daily looks, side by side",
            data=data,
            rates=_daily_rates(sound=sound, heavy=not sound),
            draw=draw,
            block=250,
            blocks=40,
        )


def _weekly() -> Iterator[Study]:
    """Four weekly looks: repeated intervals, all of them together, and non-inferiority on the margin."""
    margin, looks = 0.2, np.array([7, 14, 21, 28]) - 1
    fractions = (looks + 1.0) / DAYS
    two_sided = boundaries(fractions, alpha=ALPHA)
    one_sided = boundaries(fractions, alpha=ALPHA, sides=1).z
    for stream in STREAMS:

        def draw(generator: Generator, runs: int, stream: Stream = stream) -> Sequence[Array]:
            control, treatment = (stream.values(generator, (runs, DAYS, n)) for n in stream.per_day)
            low = cumulative(control).take(slice(None), looks)
            lifted = difference_in_means(low, cumulative(treatment * 1.1).take(slice(None), looks))
            repeated = repeated_confidence(
                lifted, boundary_z=two_sided.z, spent=two_sided.alpha_spent, level=1.0 - ALPHA
            ).interval
            truth = 0.1 * stream.mean
            found = [((repeated.lower <= truth) & (truth <= repeated.upper)).all(axis=1)]
            for sign in (1, -1):
                high = cumulative(treatment - sign * margin * stream.mean).take(slice(None), looks)
                moved = margin_contrast(difference_in_means(low, high), direction_sign=sign, relative=margin)
                found.append(crosses(normal_score(moved), one_sided, 1))
            return found

        exact = Claim.HOLDS if stream.sound and min(stream.per_day) > 5 else Claim.MEASURED
        if stream.values is exponential:
            exact = Claim.MEASURED
        yield Study(
            name=f"weekly, {stream.name}",
            family="4 weekly looks",
            data=stream.name,
            rates=(
                Rate(method="repeated intervals, all looks", quantity="coverage", promised=0.95, claim=exact),
                error("non-inferiority, relative margin of 20 %, more is better", exact),
                error("non-inferiority, relative margin of 20 %, less is better", exact),
            ),
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
        rates=(error("O'Brien–Fleming type, information from the data"),),
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
            found.append(crosses(z, bound, 2))
        return found

    return Study(
        name="running totals",
        family="Group sequential, as the product does it",
        data="sums without a window, 15 + 15 units a day, 4 looks",
        rates=tuple(
            error(f"O'Brien–Fleming type, {word}", Claim.MEASURED)
            for word in ("days independent", "units with a level of their own")
        ),
        draw=draw,
        block=125,
        blocks=48,
    )
