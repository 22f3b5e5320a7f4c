"""Registries of finished experiments with known truth, and how often intervals learnt from them hold it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tests.stats.calibration import Array
from trialflow.stats.winners_curse import effect_prior, shrink

Z = 1.959963984540054


def shrunken_coverage(
    experiments: int, spread: float, *, mean: float = 0.2
) -> Callable[[np.random.Generator, int], Sequence[Array]]:
    """A draw of registries of `experiments`: errors uniform on (.7, 1.3), effects N(`mean`, `spread`²).

    The draw takes a generator and a number of registries (runs) and gives four arrays (runs,): the share of all effects
    that lie in their shrunken 95 % interval; whether the one that looked largest does (the purest winner); whether it lies
    in its plain interval; and whether it would lie in an interval that takes the most likely prior for known.
    """

    def draw(generator: np.random.Generator, runs: int) -> Sequence[Array]:
        found = np.zeros((4, runs))
        for run in range(runs):
            truth = generator.normal(mean, spread, size=experiments)
            errors = generator.uniform(0.7, 1.3, size=experiments)
            seen = generator.normal(truth, errors)
            prior = effect_prior(seen, errors)
            shrunken = shrink(seen, errors, prior)
            inside = (shrunken.interval.lower <= truth) & (truth <= shrunken.interval.upper)
            best = int(np.argmax(seen / errors))
            kept = prior.std_dev**2 / (prior.std_dev**2 + errors[best] ** 2)
            centre = prior.mean + kept * (seen[best] - prior.mean)
            found[:, run] = (
                inside.mean(),
                inside[best],
                abs(seen[best] - truth[best]) <= Z * errors[best],
                abs(centre - truth[best]) <= Z * np.sqrt(kept) * errors[best],
            )
        return found

    return draw
