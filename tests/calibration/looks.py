"""Many looks at a normal statistic: boundaries, futility, power during the run, harm, and exact sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.data import HEAVY, NORMAL, SMALL, UNEQUAL, UNEQUAL_HEAVY, ZEROS, Kind, moments
from tests.calibration.outcomes import ALPHA, coverage, error
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Estimate,
    Scale,
    SpendingFunction,
    bernoulli_sequence,
    boundaries,
    conditional_power,
    decision_time,
    difference_in_means,
    exit_probabilities,
    futility_design,
    normal_score,
    predictive_power,
    remaining_exits,
    sprt,
    wang_tsiatis,
)

HARM_ALPHA = 0.01
DAYS = 28
NORMAL_FAMILY = "Group sequential, normal statistic"


def studies() -> Iterator[Study]:
    """All studies of many looks."""
    yield from _designs()
    yield from _classical()
    yield from _futility()
    yield from _harm()
    yield from _power_on_the_way()
    yield from _units_on_the_way()
    yield from _time_of_decision()
    yield from _bernoulli()
    yield _wald()


def paths(generator: Generator, runs: int, information: Array, *, drift: float = 0.0) -> Array:
    """z-statistics (runs, look) of independent increments at `information`, with mean drift × √information."""
    gain = np.diff(information, prepend=0.0)
    score = np.cumsum(generator.normal(drift * gain, np.sqrt(gain), size=(runs, len(gain))), axis=1)
    return score / np.sqrt(information)


def crosses(z: Array, bound: Array, sides: int) -> Array:
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
        return [*(crosses(z, bound, sides) for bound, sides in bounds), naive.any(axis=1)]

    return Study(
        name=f"designs, {data}",
        family=NORMAL_FAMILY,
        data=data,
        rates=(
            *(error(name) for name, _, _ in families),
            error("fixed-horizon test at every look (wrong)", Claim.MEASURED),
        ),
        draw=draw,
        block=2000,
        blocks=20,
    )


def _classical() -> Iterator[Study]:
    """Boundaries for looks that happen as planned."""
    shapes = (("O'Brien–Fleming", 0.0), ("Wang–Tsiatis, Δ = ¼", 0.25), ("Pocock", 0.5))
    for data, information in (
        ("5 equal looks", np.arange(1, 6) / 5.0),
        ("28 equal looks", np.arange(1, DAYS + 1) / DAYS),
        ("5 unequal looks (.1 .15 .6 .9 1)", np.array([0.1, 0.15, 0.6, 0.9, 1.0])),
    ):
        bounds = [
            (wang_tsiatis(information, shape=shape, alpha=ALPHA, sides=sides).z, sides)
            for sides in (2, 1)
            for _, shape in shapes
        ]

        def draw(
            generator: Generator, runs: int, information: Array = information, bounds: list[tuple[Array, int]] = bounds
        ) -> Sequence[Array]:
            z = paths(generator, runs, information)
            return [crosses(z, bound, sides) for bound, sides in bounds]

        yield Study(
            name=f"classical, {data}",
            family=NORMAL_FAMILY,
            data=data,
            rates=tuple(error(f"classical {name}{suffix}") for suffix in ("", ", one-sided") for name, _ in shapes),
            draw=draw,
            block=2000,
            blocks=20,
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
            return (crosses(paths(generator, runs, information), bound, 1),)

        yield Study(
            name=f"harm, {data}",
            family="Harm, Pocock type by the calendar",
            data=f"28 daily looks, {data}",
            rates=(error("harm, one-sided", Claim.HOLDS, HARM_ALPHA),),
            draw=draw,
            block=4000,
            blocks=15,
        )


def _power_on_the_way() -> Iterator[Study]:
    """Half of the information is in and z is what it is: how often does the rest of the run get there?"""
    final, planned = 1.96, 2.8
    later = np.array([0.75, 1.0])
    bound = boundaries(np.array([0.5, 0.75, 1.0]), alpha=ALPHA).z[1:]
    for z in (0.5, 1.5, 2.5):
        at = {"z": z, "information": 0.5, "final_information": 1.0, "final_boundary": final}

        def draw(generator: Generator, runs: int, z: float = z) -> Sequence[Array]:
            trend = z / np.sqrt(0.5)
            believed = generator.normal(trend, 1.0 / np.sqrt(0.5), size=runs)
            found = []
            for effect in (np.full(runs, planned), np.full(runs, trend), believed):
                last = z * np.sqrt(0.5) + generator.normal(0.5 * effect, np.sqrt(0.5))
                found.append(last >= final)
            steps = generator.normal(0.25 * planned, 0.5, size=(runs, 2))
            scores = z * np.sqrt(0.5) + np.cumsum(steps, axis=1)
            return [*found, (scores / np.sqrt(later) >= bound).any(axis=1)]

        exits = remaining_exits(z=z, information=0.5, boundary_z=bound, remaining_information=later, effect=planned)
        promised = (
            ("conditional power at the planned effect", float(conditional_power(**at, effect=planned))),
            ("conditional power at the trend", float(conditional_power(**at))),
            ("predictive power, effect drawn from what is believed", float(predictive_power(**at))),
            ("conditional power with the looks to come", float(exits.upper.sum())),
        )
        yield Study(
            name=f"on the way, z = {z:g}",
            family="Power during the run",
            data=f"half of the information, z = {z:g}",
            rates=tuple(
                Rate(method=method, quantity="crosses in the end", promised=chance) for method, chance in promised
            ),
            draw=draw,
            block=4000,
            blocks=10,
        )


def _units_on_the_way() -> Iterator[Study]:
    """The same where the second half are units of every kind with the planned effect."""
    z, final, planned = 1.0, 1.96, 2.8
    promised = float(
        conditional_power(z=z, information=0.5, final_information=1.0, final_boundary=final, effect=planned)
    )
    for kind in (NORMAL, HEAVY, ZEROS, SMALL, UNEQUAL, UNEQUAL_HEAVY):

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            control, treatment = kind.pair(generator, runs)
            shift = planned * np.sqrt(0.5) * kind.std_error
            later = normal_score(difference_in_means(moments(control), moments(treatment + shift)))
            return ((z + later) * np.sqrt(0.5) >= final,)

        yield Study(
            name=f"on the way, {kind.name}",
            family="Power during the run",
            data=f"half of the information, z = 1; then {kind.name}",
            rates=(
                Rate(
                    method="conditional power at the planned effect",
                    quantity="crosses in the end",
                    promised=promised,
                    claim=Claim.HOLDS if kind is NORMAL else Claim.MEASURED,
                ),
            ),
            draw=draw,
            block=1000,
            blocks=20,
        )


def _time_of_decision() -> Iterator[Study]:
    """Mean share of the run at the end of the test, and the share of tests that have ended half-way."""
    for data, information in (("4 equal looks", np.arange(1, 5) / 4.0), ("28 equal looks", np.arange(1, 29) / 28.0)):
        bound = boundaries(information, alpha=ALPHA).z

        def draw(
            generator: Generator, runs: int, information: Array = information, bound: Array = bound
        ) -> Sequence[Array]:
            found = []
            for drift in (0.0, 2.8):
                crossed = np.abs(paths(generator, runs, information, drift=drift)) >= bound
                end = information[np.where(crossed.any(axis=1), crossed.argmax(axis=1), len(information) - 1)]
                found += [end, end <= 0.5]
            return found

        rates = []
        for drift in (0.0, 2.8):
            time = decision_time(exit_probabilities(bound, information, effect=drift), information)
            half_way = float(time.by_then[information <= 0.5][-1])
            rates += [
                Rate(method=f"expected end, drift {drift:g}", quantity="share of the run", promised=time.expected),
                Rate(method=f"decided by half-time, drift {drift:g}", quantity="decided", promised=half_way),
            ]
        yield Study(
            name=f"time of decision, {data}",
            family="Power during the run",
            data=f"{data}, O'Brien–Fleming type",
            rates=tuple(rates),
            draw=draw,
            block=2000,
            blocks=20,
        )


def _bernoulli() -> Iterator[Study]:
    for share, per_look in ((0.03, 20), (0.5, 1), (0.001, 50)):

        def draw(generator: Generator, runs: int, share: float = share, per_look: int = per_look) -> Sequence[Array]:
            trials = per_look * np.arange(1.0, 61.0)
            hits = np.cumsum(generator.binomial(per_look, share, size=(runs, 60)), axis=1)
            interval = bernoulli_sequence(hits, trials, alpha=ALPHA, tuning_n=30.0 * per_look)
            return (((interval.lower <= share) & (interval.upper >= share)).all(axis=1),)

        data = f"share {share:g}, 60 looks of {per_look} unit{'s' if per_look > 1 else ''} each"
        yield Study(
            name="bernoulli sequence" if share == 0.03 else f"bernoulli sequence, {share:g}",
            family="Always valid, exact",
            data=data,
            rates=(coverage("beta-binomial confidence sequence", Claim.AT_LEAST),),
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
            value, spread = z / np.sqrt(days / 3.0), np.broadcast_to((days / 3.0) ** -0.5, z.shape)
            path = sprt(known(value, spread), effect=1.0, alpha=ALPHA, power=0.8)
            found.append((path.rejected if drift == 0.0 else path.accepted)[:, -1])
        return found

    return Study(
        name="sprt",
        family="Always valid, exact",
        data="112 daily looks at one planned effect",
        rates=(
            error("SPRT", Claim.AT_MOST),
            Rate(method="SPRT", quantity="type II error", promised=0.2, claim=Claim.AT_MOST),
        ),
        draw=draw,
        block=1000,
        blocks=20,
    )


def known(value: Array, spread: Array) -> Estimate:
    """An estimate with a known standard error."""
    zero = np.zeros(np.shape(value))
    return Estimate(
        estimate=value,
        std_error=spread,
        df=zero + np.inf,
        control=zero,
        treatment=value,
        control_std_error=zero,
        treatment_std_error=spread,
        estimable=zero == 0.0,
        scale=Scale.ABSOLUTE,
        method="normal",
    )


def _futility() -> Iterator[Study]:
    for data, fractions in (
        ("4 equal looks", np.arange(1, 5) / 4.0),
        ("5 unequal looks (.1 .15 .6 .9 1)", np.array([0.1, 0.15, 0.6, 0.9, 1.0])),
    ):
        design = futility_design(fractions, alpha=0.025, power=0.8)
        plan = (design.efficacy_z, design.futility_z, design.effect)

        def draw(
            generator: Generator,
            runs: int,
            fractions: Array = fractions,
            plan: tuple[Array, Array, float] = plan,
        ) -> Sequence[Array]:
            found = []
            for drift in (0.0, plan[2]):
                z = paths(generator, runs, fractions, drift=drift)
                up, down = z >= plan[0], z <= plan[1]
                first_up = np.where(up.any(axis=1), up.argmax(axis=1), 9)
                first_down = np.where(down.any(axis=1), down.argmax(axis=1), 9)
                found += [first_up < 9, first_up < first_down]
            return found[0], found[1], found[3]

        equal = len(fractions) == 4
        yield Study(
            name="futility" if equal else f"futility, {data}",
            family=NORMAL_FAMILY,
            data=f"{data}, non-binding futility, one-sided .025",
            rates=(
                error("futility ignored", Claim.HOLDS, 0.025),
                error("futility obeyed", Claim.AT_MOST, 0.025),
                Rate(method="futility obeyed", quantity="power", promised=0.8),
            ),
            draw=draw,
            block=2000,
            blocks=20,
        )
