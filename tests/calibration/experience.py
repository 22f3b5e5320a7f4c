"""What is learnt from many experiments: shrinkage, one winner by itself, the sum of winners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.calibration.outcomes import coverage
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import conditional_band, effect_prior, selected_total, shrink

FAMILY = "Learning from many experiments"


def studies() -> Iterator[Study]:
    """All studies of experience."""
    yield from _learnt()
    yield from _one_winner()
    yield from _sum_of_winners()


def _learnt() -> Iterator[Study]:
    """Intervals of experiments that were significant, plain and shrunk to what k experiments did."""
    # (experiments, spread of true effects in that of the errors)
    for experiments, spread in ((6, 1.0), (10, 1.0), (20, 1.0), (100, 1.0), (10, 0.3), (20, 3.0)):

        def draw(
            generator: Generator, runs: int, experiments: int = experiments, spread: float = spread
        ) -> Sequence[Array]:
            def learn() -> tuple[Array, Array, Array, Array]:
                truth = generator.normal(0.2, spread, size=experiments)
                errors = generator.uniform(0.7, 1.3, size=experiments)
                seen = generator.normal(truth, errors)
                shrunk = shrink(seen, errors, effect_prior(seen, errors))
                inside = (shrunk.interval.lower <= truth) & (truth <= shrunk.interval.upper)
                return seen > 1.96 * errors, inside, np.abs(seen - truth) <= 1.96 * errors, shrunk.estimate > truth

            found = []
            for _ in range(runs):
                won, inside, plain, above = learn()
                everywhere = inside.mean()
                while not won.any():
                    won, inside, plain, above = learn()
                found.append([everywhere, inside[won].mean(), plain[won].mean(), above[won].mean()])
            return np.asarray(found).T

        data = f"{experiments} experiments, effects N(.2, {spread:g}²)"
        yield Study(
            name=f"winners, {data}",
            family=FAMILY,
            data=data,
            rates=(
                coverage("shrunk interval, all", Claim.MEASURED),
                coverage("shrunk interval, winners", Claim.MEASURED),
                coverage("plain interval, winners (wrong)", Claim.MEASURED),
                Rate(method="shrunk estimate, winners", quantity="above the truth", promised=0.5, claim=Claim.MEASURED),
            ),
            draw=draw,
            block=50,
            blocks=20,
        )


def _one_winner() -> Iterator[Study]:
    """The interval given that the result passed: exact for every true effect."""
    for effect, sides in ((0.0, 1), (1.0, 1), (2.8, 1), (0.0, 2), (1.0, 2), (2.8, 2)):

        def draw(generator: Generator, runs: int, effect: float = effect, sides: int = sides) -> Sequence[Array]:
            z = generator.normal(effect, 1.0, size=400 * runs)
            z = z[(np.abs(z) if sides == 2 else z) > 1.96][:runs]
            band = conditional_band(z, critical=1.96, sides=sides)
            inside = (band.interval.lower <= effect) & (effect <= band.interval.upper)
            return inside, np.abs(z - effect) <= 1.96

        data = f"one winner, true z of {effect:g}, {'two' if sides == 2 else 'one'}-sided"
        yield Study(
            name=f"winner, {effect:g}, {sides}",
            family=FAMILY,
            data=data,
            rates=(coverage("conditional interval"), coverage("plain interval (wrong)", Claim.MEASURED)),
            draw=draw,
            block=500,
            blocks=20,
        )


def _sum_of_winners() -> Iterator[Study]:
    """The sum of shipped effects against its truth; the correction puts what was seen for what is true."""
    for experiments, spread in ((20, 1.0), (100, 1.0), (100, 0.0)):

        def draw(
            generator: Generator, runs: int, experiments: int = experiments, spread: float = spread
        ) -> Sequence[Array]:
            above = np.zeros((2, runs))
            for run in range(runs):
                truth = generator.normal(0.2, spread, size=experiments) if spread else np.full(experiments, 0.2)
                seen = generator.normal(truth, 1.0)
                total = selected_total(seen, np.ones(experiments), critical=1.96)
                shipped = truth[seen > 1.96].sum()
                above[:, run] = total.observed > shipped, total.corrected > shipped
            return above

        data = f"{experiments} experiments, effects " + (f"N(.2, {spread:g}²)" if spread else "all .2")
        yield Study(
            name=f"sum of winners, {data}",
            family=FAMILY,
            data=data,
            rates=tuple(
                Rate(method=method, quantity="above the truth", promised=0.5, claim=Claim.MEASURED)
                for method in ("sum of the winners (wrong)", "sum less the expected overestimate")
            ),
            draw=draw,
            block=500,
            blocks=20,
        )
