"""Does the effect change with days since first exposure: the contrast, the slope, and the fitted decay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.data import joint, moments
from tests.calibration.outcomes import ALPHA, coverage, error, rejects
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import daily_effects, fit_decay, late_minus_early, novelty_contrast, slope

DAYS = 14
KINDS = ("normal", "lognormal(1.5) levels", "90 % of days silent")
# (kind, units of control and treatment, do the assumptions hold)
COHORTS = (
    (KINDS[0], 300, 300, Claim.HOLDS),
    (KINDS[1], 300, 300, Claim.MEASURED),
    (KINDS[2], 300, 300, Claim.MEASURED),
    (KINDS[0], 10, 10, Claim.MEASURED),
    (KINDS[0], 570, 30, Claim.HOLDS),
    (KINDS[1], 570, 30, Claim.MEASURED),
)


def studies() -> Iterator[Study]:
    """All studies of novelty."""
    yield from _contrast()
    yield from _by_days()
    yield from _decay()


def cohort(generator: Generator, kind: str, shape: tuple[int, int], effect: float | Array) -> Array:
    """Values (runs, unit, day) of units with a level of their own, `effect` added on every day."""
    level = generator.normal(size=(*shape, 1))
    days = level + 0.5 * generator.normal(size=(*shape, DAYS))
    if kind == KINDS[1]:
        days = np.exp(1.2 * days)
    elif kind == KINDS[2]:
        days = np.where(generator.random(days.shape) < 0.1, np.exp(days), 0.0)
    return np.asarray(days + effect)


def _contrast() -> Iterator[Study]:
    for kind, n_control, n_treatment, claim in COHORTS:

        def draw(
            generator: Generator,
            runs: int,
            kind: str = kind,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
        ) -> Sequence[Array]:
            arms = []
            for n, effect in ((n_control, 0.0), (n_treatment, 0.5)):
                values = cohort(generator, kind, (runs, n), effect)
                arms.append(moments(values[:, :, 7:].mean(axis=2) - values[:, :, :7].mean(axis=2)))
            return (rejects(novelty_contrast(arms[0], arms[1])),)

        data = f"{kind}, {n_control} / {n_treatment}"
        yield Study(
            name=f"novelty, {data}",
            family="Novelty",
            data=f"constant effect, 14 days, {data}",
            rates=(error("late − early contrast", Claim.HOLDS if kind == KINDS[0] else claim),),
            draw=draw,
            block=100,
            blocks=40,
        )


def _by_days() -> Iterator[Study]:
    """Tests on the daily effects, whose covariance is estimated but counts as known."""
    for kind, n_control, n_treatment, claim in COHORTS:
        if n_control < 20:
            n_control = n_treatment = 25  # fewer units than days have no covariance

        def draw(
            generator: Generator,
            runs: int,
            kind: str = kind,
            n_control: int = n_control,
            n_treatment: int = n_treatment,
        ) -> Sequence[Array]:
            arms = [
                joint(*np.moveaxis(cohort(generator, kind, (runs, n), effect), 2, 0))
                for n, effect in ((n_control, 0.0), (n_treatment, 0.5))
            ]
            found = []
            for run in range(runs):
                effects = daily_effects(*(one.take(run) for one in arms))
                found.append([rejects(slope(effects)), rejects(late_minus_early(effects)), fit_decay(effects).evident])
            return np.asarray(found, dtype=float).T

        few = min(n_control, n_treatment) < 100
        data = f"{kind}, {n_control} / {n_treatment}"
        yield Study(
            name=f"daily effects, {data}",
            family="Novelty",
            data=f"constant effect, 14 days, {data}",
            rates=(
                error("slope of the daily effects", Claim.MEASURED if few else claim),
                error("weighted late − early", Claim.MEASURED if few else claim),
                Rate(method="fitted decay", quantity="evident", promised=ALPHA, claim=Claim.MEASURED),
            ),
            draw=draw,
            block=50,
            blocks=24,
        )


def _decay() -> Iterator[Study]:
    """δ(d) = .2 + a exp(−d / λ) over 28 days with independent and with correlated errors of the days."""
    days = np.arange(1.0, 29.0)
    for data, amplitude, decay, correlation in (
        ("strong novelty, λ = 5", 1.0, 5.0, 0.0),
        ("strong novelty, λ = 5, correlated days", 1.0, 5.0, 0.6),
        ("weak novelty, λ = 5", 0.2, 5.0, 0.0),
        ("primacy, λ = 10", -1.0, 10.0, 0.0),
        ("strong novelty, λ = 1", 1.0, 1.0, 0.0),
    ):
        truth = 0.2 + amplitude * np.exp(-(days - 1.0) / decay)
        covariance = 0.1**2 * (correlation + (1.0 - correlation) * np.eye(len(days)))
        root = np.linalg.cholesky(covariance)

        def draw(
            generator: Generator,
            runs: int,
            truth: Array = truth,
            covariance: Array = covariance,
            root: Array = root,
            amplitude: float = amplitude,
            decay: float = decay,
        ) -> Sequence[Array]:
            from trialflow.stats import DailyEffects

            found = []
            for _ in range(runs):
                seen = truth + root @ generator.normal(size=len(days))
                fit = fit_decay(DailyEffects(days=days, effect=seen, covariance=covariance))
                pairs = (
                    (fit.asymptote_interval, 0.2),
                    (fit.amplitude_interval, amplitude),
                    (fit.decay_interval, decay),
                )
                found.append([*(float(one.lower) <= value <= float(one.upper) for one, value in pairs), fit.identified])
            return np.asarray(found, dtype=float).T

        claim = Claim.MEASURED if abs(amplitude) < 1.0 or decay < 2.0 else Claim.HOLDS
        yield Study(
            name=f"decay, {data}",
            family="Novelty",
            data=f"28 daily effects, {data}",
            rates=(
                *(coverage(f"profile interval of the {name}", claim) for name in ("asymptote", "amplitude", "decay")),
                Rate(method="fitted decay", quantity="identified", promised=1.0, claim=Claim.MEASURED),
            ),
            draw=draw,
            block=100,
            blocks=12,
        )
