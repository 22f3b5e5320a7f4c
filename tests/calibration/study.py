"""What a study is: seeded data, the rates it measures, and what the method promises about them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Generator = np.random.Generator

SEED = 2026
SDS = 4.0  # some 800 rates are compared: one of 16,000 sound ones lies further out than four standard deviations
POINT = 0.01


class Claim(StrEnum):
    """How the measured rate relates to the promised one."""

    HOLDS = "equal"  # the assumptions hold: equal within Monte Carlo error
    AT_MOST = "at most"  # the promise is a bound from above
    AT_LEAST = "at least"  # the promise is a bound from below
    PLANNED = "within 1 point"  # power at the planned effect
    MEASURED = "as measured"  # the assumptions do not hold: published and pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One rate of a study: a share of runs with the promise that belongs to it."""

    method: str
    quantity: str
    promised: float
    claim: Claim = Claim.HOLDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Data and the rates measured on them.

    `draw(generator, runs)` gives one array (runs,) of outcomes in [0, 1] for each of `rates`. Runs come in blocks of
    `block`, each with its own seed, so the short form (one block) is the beginning of the full one.
    """

    name: str
    family: str
    data: str
    rates: tuple[Rate, ...]
    draw: Callable[[Generator, int], Sequence[Array]]
    block: int
    blocks: int
    short: bool = True

    def outcomes(self, blocks: int) -> Array:
        """Outcomes of shape (rate, runs)."""
        parts = [np.asarray(self.draw(self._generator(index), self.block), dtype=float) for index in range(blocks)]
        found = np.concatenate(parts, axis=1)
        assert found.shape[0] == len(self.rates), self.name
        return found

    def _generator(self, block: int) -> Generator:
        return np.random.Generator(np.random.PCG64([SEED, zlib.crc32(self.name.encode()), block]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measured rate: `value` over `runs`, and `first`, the sum of outcomes in the first block."""

    value: float
    runs: int
    error: float
    first: float

    @classmethod
    def of(cls, outcomes: Array, block: int) -> Measured:
        """From outcomes (runs,)."""
        runs = len(outcomes)
        error = float(outcomes.std(ddof=1)) / math.sqrt(runs)
        return cls(value=float(outcomes.mean()), runs=runs, error=error, first=float(outcomes[:block].sum()))


def slack(rate: Rate, measured: Measured) -> float:
    """How far the measured rate may lie from the promised one by chance."""
    promised = math.sqrt(rate.promised * (1.0 - rate.promised) / measured.runs)
    coin = math.sqrt(max(measured.value * (1.0 - measured.value), 0.0) / measured.runs)
    # Outcomes that are shares by themselves (a discovery rate, an A/A rate) vary less than a coin of that rate.
    return SDS * (min(promised, measured.error) if 0.0 < measured.error < 0.5 * coin else promised)


def broken(rate: Rate, measured: Measured) -> str:
    """What the measured rate says against the promise; empty where nothing."""
    off, allowed = measured.value - rate.promised, slack(rate, measured)
    wrong = {
        Claim.HOLDS: abs(off) > allowed,
        Claim.AT_MOST: off > allowed,
        Claim.AT_LEAST: off < -allowed,
        Claim.PLANNED: abs(off) > POINT + (allowed if measured.runs < 20_000 else 0.0),
        Claim.MEASURED: False,
    }[rate.claim]
    if not wrong:
        return ""
    promise = f"promised {rate.claim.value} {rate.promised} ± {allowed:.4f}"
    return f"{rate.method}, {rate.quantity}: {measured.value:.4f}, {promise}"


def all_studies() -> tuple[Study, ...]:
    """Every study, in the order of the table."""
    from tests.calibration import (  # one look  # many looks
        after_stop,
        cuped,
        daily,
        experience,
        families,
        integrity,
        looks,
        margins,
        means,
        novelty,
        planning,
        quantiles,
        ranks,
        ratios,
        relative,
        segments,
        shares,
    )

    one_look = (means, shares, ratios, cuped, quantiles, relative, margins, ranks)
    modules = (*one_look, looks, daily, after_stop, families, segments, experience, integrity, novelty, planning)
    found = [study for module in modules for study in module.studies()]
    families_in_order = list(dict.fromkeys(study.family for study in found))
    return tuple(sorted(found, key=lambda study: families_in_order.index(study.family)))


def measure(place: int) -> tuple[int, tuple[Measured, ...]]:
    """`place` and all rates of the study there, in the full form."""
    study = all_studies()[place]
    return place, tuple(Measured.of(outcomes, study.block) for outcomes in study.outcomes(study.blocks))
