"""Relative effects at one planned look, CUPED on and off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.cuped import BOTH_TIMES, before_and_after, both_times, data_of
from tests.calibration.data import (
    FEW,
    HEAVY,
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
from tests.calibration.outcomes import ALPHA, between, coverage
from tests.calibration.ratios import DESIGNS, Views, visits
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Estimate,
    Moments,
    adjust,
    critical_value,
    delta_lift,
    difference_in_means,
    difference_in_proportions,
    difference_in_ratios,
    fixed_horizon,
    log_lift,
    relative_effect,
)

LIFT = 0.1
METHODS = ("Fieller", "log ratio", "delta")


def studies() -> Iterator[Study]:
    """All studies of relative effects."""
    yield from _lifts()
    yield from _share_lifts()
    yield from _ratio_lifts()
    yield _adjusted_lift()
    yield from _adjusted_kinds()


def _lift_rates(estimate: Estimate, control_mean: Array) -> list[Array]:
    """Coverage of the true lift by Fieller, log, delta and the absolute interval divided by the control mean."""
    critical = critical_value(estimate.df, 1.0 - ALPHA)
    found = []
    for interval_of in (relative_effect, log_lift, delta_lift):
        interval = interval_of(estimate, critical=critical, level=1.0 - ALPHA).interval
        found.append(covers(interval.lower, interval.upper, LIFT))
    absolute = fixed_horizon(estimate, level=1.0 - ALPHA).interval
    with np.errstate(divide="ignore", invalid="ignore"):  # a control without a success has no lift
        found.append(covers(absolute.lower / control_mean, absolute.upper / control_mean, LIFT))
    return found


def _claims(*, sound: bool) -> tuple[Rate, ...]:
    claim = Claim.HOLDS if sound else Claim.MEASURED
    return (
        *(coverage(method, claim) for method in METHODS),
        coverage("absolute interval / control mean (wrong)", Claim.MEASURED),
    )


def _lifts() -> Iterator[Study]:
    for kind in (NORMAL, HEAVY, ZEROS, SMALL, FEW, UNEQUAL, UNEQUAL_HEAVY):

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            control, treatment = kind.pair(generator, runs)
            low, high = moments(control), moments(treatment * (1.0 + LIFT))
            return _lift_rates(difference_in_means(low, high), low.mean)

        yield Study(
            name=f"lifts, {kind.name}",
            family="Relative effect",
            data=kind.name,
            rates=_claims(sound=kind is NORMAL),
            draw=draw,
            block=1000,
            blocks=20,
        )


def _share_lifts() -> Iterator[Study]:
    for share, n_control, n_treatment in ((0.02, 2000, 2000), (0.2, 30, 30), (0.1, 1900, 100)):

        def draw(
            generator: Generator,
            runs: int,
            share: float = share,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
        ) -> Sequence[Array]:
            low, high = (
                Moments.from_proportion(n=np.full(runs, n), successes=generator.binomial(n, p, runs))
                for n, p in ((n_control, share), (n_treatment, share * (1.0 + LIFT)))
            )
            return _lift_rates(difference_in_proportions(low, high), low.mean)

        data = f"share {share:g}, {n_control} / {n_treatment}"
        yield Study(
            name="lifts, shares" if share == 0.02 else f"lifts, {data}",
            family="Relative effect",
            data=data,
            rates=_claims(sound=False),
            draw=draw,
            block=2000,
            blocks=10,
        )


def _ratio_lifts() -> Iterator[Study]:
    for data, n_control, n_treatment, views, share, claim in DESIGNS[:3]:

        def draw(
            generator: Generator,
            runs: int,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
            views: Views = views,
            share: float = share,
        ) -> Sequence[Array]:
            low = joint(*visits(generator, (runs, n_control), views, share))
            high = joint(*visits(generator, (runs, n_treatment), views, share * (1.0 + LIFT)))
            estimate = difference_in_ratios(low, high)
            return _lift_rates(estimate, estimate.control)

        yield Study(
            name=f"lifts, ratios, {data}",
            family="Relative effect",
            data=f"clicks per view, {data}",
            rates=_claims(sound=claim is Claim.HOLDS),
            draw=draw,
            block=200,
            blocks=40,
        )


def _adjusted_lift() -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        low = joint(*before_and_after(generator, NORMAL, runs, 500))
        value, before = before_and_after(generator, NORMAL, runs, 500)
        found = []
        # Lifts so large that the shared term matters: once everybody gains the same, once in proportion.
        for lifted in (value + 10.0, value * 2.0):
            adjusted = adjust(variants(low, joint(lifted, before)))
            estimate = between(adjusted.moments)
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
            coverage("Fieller after CUPED"),
            coverage("without the shared variance (wrong)", Claim.MEASURED),
            coverage("effect in proportion to the value, Fieller after CUPED", Claim.MEASURED),
        ),
        draw=draw,
        block=500,
        blocks=40,
    )


def _adjusted_kinds() -> Iterator[Study]:
    for kind in BOTH_TIMES:

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            low, value, before = both_times(generator, kind, runs)
            adjusted = adjust(variants(low, joint(value * (1.0 + LIFT), before)))
            estimate = between(adjusted.moments)
            interval = relative_effect(
                estimate,
                critical=critical_value(estimate.df, 0.95),
                level=0.95,
                shared_variance=adjusted.shared_variance,
            ).interval
            return (covers(interval.lower, interval.upper, LIFT),)

        yield Study(
            name=f"lifts, cuped, {kind.name}",
            family="Relative effect",
            data=data_of(kind),
            rates=(coverage("Fieller after CUPED", Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED),),
            draw=draw,
            block=500,
            blocks=24,
        )
