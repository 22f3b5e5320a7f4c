"""Margins at one planned look: non-inferiority and equivalence, CUPED on and off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.cuped import BOTH_TIMES, both_times, data_of, mean_after
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
    joint,
    moments,
    variants,
)
from tests.calibration.outcomes import ALPHA, between, error, passes
from tests.calibration.study import Array, Claim, Generator, Study
from trialflow.stats import (
    Moments,
    adjust,
    difference_in_means,
    difference_in_proportions,
    equivalence,
    margin_contrast,
)

MARGIN = 0.2
DIRECTIONS = ((1, "more is better"), (-1, "less is better"))


def studies() -> Iterator[Study]:
    """All studies of margins."""
    for kind in (NORMAL, HEAVY, ZEROS, SMALL, FEW, UNEQUAL, UNEQUAL_HEAVY):
        yield from (_margin(kind, sign, word) for sign, word in DIRECTIONS)
    for kind in BOTH_TIMES:
        yield from (_adjusted_margin(kind, sign, word) for sign, word in DIRECTIONS)
    yield from _share_margins()
    yield from (_equivalence(kind) for kind in KINDS)
    yield from (_adjusted_equivalence(kind) for kind in BOTH_TIMES)


def _margin(kind: Kind, sign: int, word: str) -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        control, treatment = kind.pair(generator, runs)
        # The truth lies exactly on the margin, by a shift: the variances stay as they are.
        low, high = moments(control), moments(treatment - sign * MARGIN * kind.mean)
        estimate = difference_in_means(low, high)
        return (
            passes(margin_contrast(estimate, direction_sign=sign, absolute=MARGIN * kind.mean)),
            passes(margin_contrast(estimate, direction_sign=sign, relative=MARGIN)),
            passes(margin_contrast(estimate, direction_sign=sign, absolute=MARGIN * np.abs(low.mean))),
        )

    claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED
    return Study(
        name=f"margins, {kind.name}, {word}",
        family="Non-inferiority, on the margin",
        data=f"{kind.name}, {word}",
        rates=(
            error("absolute margin", Claim.HOLDS if kind is SMALL else claim),
            error("relative margin, 20 %", claim),
            error("control mean taken as known (wrong)", Claim.MEASURED),
        ),
        draw=draw,
        block=1000,
        blocks=20,
    )


def _adjusted_margin(kind: Kind, sign: int, word: str) -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, value, before = both_times(generator, kind, runs)
        mean = mean_after(kind)
        adjusted = adjust(variants(low, joint(value - sign * MARGIN * mean, before)))
        estimate = between(adjusted.moments)
        relative = margin_contrast(
            estimate, direction_sign=sign, relative=MARGIN, shared_variance=adjusted.shared_variance
        )
        return passes(margin_contrast(estimate, direction_sign=sign, absolute=MARGIN * mean)), passes(relative)

    claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED
    return Study(
        name=f"margins, cuped, {kind.name}, {word}",
        family="Non-inferiority, on the margin",
        data=f"{data_of(kind)}, {word}",
        rates=(error("absolute margin, CUPED on", claim), error("relative margin, 20 %, CUPED on", claim)),
        draw=draw,
        block=500,
        blocks=24,
    )


def _share_margins() -> Iterator[Study]:
    for share, n_control, n_treatment, claim in (
        (0.1, 5000, 5000, Claim.HOLDS),
        (0.1, 4750, 250, Claim.MEASURED),
        (0.2, 30, 30, Claim.MEASURED),
    ):

        def draw(
            generator: Generator,
            runs: int,
            share: float = share,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
        ) -> Sequence[Array]:
            found = []
            for sign, _ in DIRECTIONS:
                low, high = (
                    Moments.from_proportion(n=np.full(runs, n), successes=generator.binomial(n, p, runs))
                    for n, p in ((n_control, share), (n_treatment, share * (1.0 - sign * MARGIN)))
                )
                estimate = difference_in_proportions(low, high)
                found.append(passes(margin_contrast(estimate, direction_sign=sign, relative=MARGIN)))
            return found

        data = f"share {share:g}, {n_control} / {n_treatment}"
        yield Study(
            name=f"margins, {data}",
            family="Non-inferiority, on the margin",
            data=data,
            rates=tuple(error(f"relative margin, 20 %, {word}", claim) for _, word in DIRECTIONS),
            draw=draw,
            block=2000,
            blocks=10,
        )


FAR = 4.0  # half the range of equivalence in standard errors: wide enough for one end to matter at a time


def _equivalence(kind: Kind) -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        control, treatment = kind.pair(generator, runs)
        low, end = moments(control), FAR * kind.std_error
        # The truth lies on an end of the range: every "equivalent" is an error.
        return [
            equivalence(
                difference_in_means(low, moments(treatment + sign * end)), low=-end, high=end, alpha=ALPHA
            ).p_value
            <= ALPHA
            for sign in (1.0, -1.0)
        ]

    claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED
    return Study(
        name=f"equivalence, {kind.name}",
        family="Equivalence",
        data=kind.name,
        rates=tuple(error(f"two one-sided tests, truth at the {word} end", claim) for word in ("upper", "lower")),
        draw=draw,
        block=1000,
        blocks=20,
    )


def _adjusted_equivalence(kind: Kind) -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low, value, before = both_times(generator, kind, runs)
        end = FAR * kind.std_error
        return [
            equivalence(
                between(adjust(variants(low, joint(value + sign * end, before))).moments),
                low=-end,
                high=end,
                alpha=ALPHA,
            ).p_value
            <= ALPHA
            for sign in (1.0, -1.0)
        ]

    claim = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED
    return Study(
        name=f"equivalence, cuped, {kind.name}",
        family="Equivalence",
        data=data_of(kind),
        rates=tuple(
            error(f"two one-sided tests, CUPED on, truth at the {word} end", claim) for word in ("upper", "lower")
        ),
        draw=draw,
        block=500,
        blocks=24,
    )
