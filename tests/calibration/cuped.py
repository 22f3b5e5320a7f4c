"""CUPED on and off: one covariate on every kind of data, several, none for new users, shares, and what warns of misuse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.data import (
    HEAVY,
    LOGNORMAL_MEAN,
    NORMAL,
    SMALL,
    UNEQUAL,
    UNEQUAL_HEAVY,
    ZEROS,
    Kind,
    joint,
    variants,
)
from tests.calibration.outcomes import between, coverage, error, error_and_coverage, holds, rejects
from tests.calibration.study import Array, Claim, Generator, Study
from trialflow.stats import JointMoments, adjust, difference_in_means, pull

LIFT = 0.1
BOTH_TIMES = (NORMAL, HEAVY, ZEROS, SMALL, UNEQUAL, UNEQUAL_HEAVY)


def studies() -> Iterator[Study]:
    """All studies of CUPED but those of ratios, relative effects, margins and many looks, which stand with these."""
    yield from _cuped()
    yield _new_users()
    yield from _several()
    yield from _shares()
    yield from _pull()


def before_and_after(generator: Generator, kind: Kind, runs: int, n: int) -> tuple[Array, Array]:
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


def mean_after(kind: Kind) -> float:
    """Mean of the values of `before_and_after`."""
    return {NORMAL: 10.0, SMALL: 10.0, UNEQUAL: 10.0, ZEROS: 0.1 * LOGNORMAL_MEAN}.get(kind, LOGNORMAL_MEAN)


def both_times(generator: Generator, kind: Kind, runs: int) -> tuple[JointMoments, Array, Array]:
    """Joint moments of control, and values and pre-period values of a treatment without effect."""
    low = joint(*before_and_after(generator, kind, runs, kind.n_control))
    value, before = before_and_after(generator, kind, runs, kind.n_treatment)
    mean = mean_after(kind)
    return low, mean + kind.treatment_std * (value - mean), before


def data_of(kind: Kind) -> str:
    """What `before_and_after` gives for the kind."""
    return kind.name.replace("95 %", "90 %")


def _cuped() -> Iterator[Study]:
    for kind in BOTH_TIMES:
        claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            low, value, before = both_times(generator, kind, runs)
            high, lifted = joint(value, before), joint(value * (1.0 + LIFT), before)
            return (
                rejects(difference_in_means(low.variable(0), high.variable(0))),
                rejects(between(adjust(variants(low, high)).moments)),
                holds(between(adjust(variants(low, lifted)).moments), LIFT * mean_after(kind)),
            )

        yield Study(
            name=f"cuped, {kind.name}",
            family="CUPED",
            data=data_of(kind),
            rates=(error("Welch, CUPED off", claim), *error_and_coverage("Welch, CUPED on", claim)),
            draw=draw,
            block=500,
            blocks=40,
        )


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
        return [holds(between(adjust(variants(*arms)).moments), truth) for arms in (flagged, zeroed, dropped)]

    return Study(
        name="cuped, new users",
        family="CUPED",
        data="40 % new users with another effect, 1000 / 1000",
        rates=(
            coverage("indicator of a pre-period"),
            coverage("pre-period of 0 for new users"),
            coverage("new users left out (wrong)", Claim.MEASURED),
        ),
        draw=draw,
        block=250,
        blocks=40,
    )


def _several() -> Iterator[Study]:
    """Five covariates, each related to the value: θ costs five degrees of freedom that are not counted."""
    for n, claim in ((500, Claim.HOLDS), (40, Claim.MEASURED)):

        def draw(generator: Generator, runs: int, n: int = n) -> Sequence[Array]:
            arms = []
            for _ in range(2):
                before = generator.normal(size=(runs, n, 5))
                after = before @ np.array([0.5, 0.4, 0.3, 0.2, 0.1]) + 0.7 * generator.normal(size=(runs, n))
                arms.append((after, *np.moveaxis(before, -1, 0)))
            low = joint(*arms[0])
            high, lifted = (joint(arms[1][0] + effect, *arms[1][1:]) for effect in (0.0, 0.2))
            return (
                rejects(between(adjust(variants(low, high)).moments)),
                holds(between(adjust(variants(low, lifted)).moments), 0.2),
            )

        yield Study(
            name=f"cuped, five covariates, {n}",
            family="CUPED",
            data=f"normal with five covariates, {n} / {n}",
            rates=error_and_coverage("Welch, CUPED on", claim),
            draw=draw,
            block=250,
            blocks=40,
        )


def _shares() -> Iterator[Study]:
    """Values of 0 and 1, adjusted by a value of 0 or 1 from before."""
    for n_control, n_treatment, share, claim in (
        (2000, 2000, 0.1, Claim.HOLDS),
        (2000, 2000, 0.01, Claim.MEASURED),
        (1900, 100, 0.1, Claim.MEASURED),
    ):

        def draw(
            generator: Generator,
            runs: int,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
            share: float = share,
        ) -> Sequence[Array]:
            arms = []
            for n, after in ((n_control, share), (n_treatment, share), (n_treatment, 1.3 * share)):
                # Those who did it before do it again three times as often as the others.
                before = generator.random((runs, n)) < 0.2
                again = generator.random((runs, n)) < after / 1.4 * np.where(before, 3.0, 1.0)
                arms.append(joint(again.astype(float), before.astype(float)))
            low, high, lifted = arms
            return (
                rejects(difference_in_means(low.variable(0), high.variable(0))),
                rejects(between(adjust(variants(low, high)).moments)),
                holds(between(adjust(variants(low, lifted)).moments), 0.3 * share),
            )

        data = f"share {share:g}, {n_control} / {n_treatment}"
        yield Study(
            name=f"cuped, {data}",
            family="CUPED",
            data=data,
            rates=(error("Welch, CUPED off", claim), *error_and_coverage("Welch, CUPED on", claim)),
            draw=draw,
            block=125,
            blocks=48,
        )


def _pull() -> Iterator[Study]:
    """The warning that adjusted and unadjusted effect disagree by more than chance."""
    for kind in BOTH_TIMES:

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            low, value, before = both_times(generator, kind, runs)
            high = joint(value * (1.0 + LIFT), before)
            theta = adjust(variants(low, high)).theta
            pulled = pull(low, high, theta)
            return rejects(pulled), rejects(pulled, 0.01)

        claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL, SMALL) else Claim.MEASURED
        yield Study(
            name=f"cuped, disagreement, {kind.name}",
            family="CUPED",
            data=data_of(kind),
            rates=(
                error("warning that the adjustment moves too far, at .05", claim),
                error("warning that the adjustment moves too far, at .01", claim, 0.01),
            ),
            draw=draw,
            block=500,
            blocks=24,
        )
