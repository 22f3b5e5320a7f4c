"""Recursive integration over looks: the density of a z-statistic that has not crossed a boundary yet.

Armitage, McPherson & Rowe (JRSS A 132, 1969) on the grid of Jennison & Turnbull, "Group Sequential Methods" (2000),
ch. 19. A look is described by its information I; the score Z√I has independent increments, so Corr(Z_i, Z_j) = √(I_i
/ I_j).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from trialflow.stats.moments import Floats

# A look that brings no information (restated data, a variance that grew) counts as bringing a hair of it.
LEAST_GROWTH = 1e-4

_GRID_FINENESS = 18
_FINEST_GRID = 160
_EVEN, _FARTHEST_EVEN = 3.0, 8.0
_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Density:
    """The sub-density under the null at one look: `mass` at z-values `nodes`; sums to the chance of still running."""

    nodes: Floats
    mass: Floats
    information: float


START = Density(nodes=np.zeros(1), mass=np.ones(1), information=0.0)


def grown(density: Density, information: float) -> float:
    """The information of the next look, at least a hair above that of `density`."""
    return max(information, density.information * (1.0 + LEAST_GROWTH))


def advance(density: Density, *, lower: float, upper: float, information: float, following: float) -> Density:
    """The sub-density after a look at `information` that goes on between two bounds; `following` the next information.

    Either bound may be infinite: the grid then ends where no mass is.
    """
    growth = information - density.information
    kernel = _narrower_kernel(growth, max(following, information) - information, information)
    nodes, weights = _grid(lower, upper, kernel)
    scale = math.sqrt(information / growth)
    steps = nodes[:, None] * scale - density.nodes * math.sqrt(density.information / growth)
    values = np.exp(-0.5 * steps**2) @ density.mass * (scale / math.sqrt(2.0 * math.pi))
    return Density(nodes=nodes, mass=values * weights, information=information)


def boundary_for(density: Density, *, information: float, probability: float, effect: float = 0.0) -> float:
    """The c with P(still running, then Z ≥ c at `information`) = `probability`, the upper side only, under `effect`.

    Newton on the log of the tail, which is concave in c: from the marginal quantile, which lies above the root, every
    step stays above it, so there is no bracket to keep.
    """
    growth = information - density.information
    scale = math.sqrt(information / growth)
    shift = density.nodes * math.sqrt(density.information / growth) + effect * math.sqrt(growth)
    log_mass = np.log(np.maximum(density.mass, 1e-300)) + _log_ratio(density, effect)
    target = math.log(probability)
    c = float(-ndtri(probability)) + effect * math.sqrt(information)
    for _ in range(60):
        deviation = shift - c * scale
        log_tail = _log_sum(log_ndtr(deviation) + log_mass)
        log_slope = _log_sum(-0.5 * deviation**2 - _LOG_ROOT_TWO_PI + log_mass)
        step = (log_tail - target) * math.exp(log_tail - log_slope) / scale
        c += step
        if abs(step) < 1e-11:
            break
    return c


def crossing(density: Density, *, lower: float, upper: float, information: float, effect: float) -> tuple[float, float]:
    """P(still running, then Z ≥ upper) and P(…, then Z ≤ lower) when the true effect is `effect`.

    The null density becomes that of the effect by its likelihood ratio exp(θ Z√I − θ² I / 2). An infinite bound is
    never crossed.
    """
    growth = information - density.information
    root, spread = math.sqrt(density.information), math.sqrt(growth)
    mass = density.mass * np.exp(_log_ratio(density, effect))
    centre = (density.nodes * root + effect * growth) / spread
    edge = math.sqrt(information) / spread
    above = float(mass @ ndtr(centre - upper * edge))
    below = float(mass @ ndtr(lower * edge - centre))
    return above, below


def still_running(density: Density, effect: float) -> float:
    """The chance under `effect` that no bound was crossed yet."""
    return float(density.mass @ np.exp(_log_ratio(density, effect)))


def mirrored(density: Density) -> Density:
    """The sub-density of −Z: what is below becomes what is above."""
    return Density(nodes=-density.nodes[::-1], mass=density.mass[::-1], information=density.information)


def _log_ratio(density: Density, effect: float) -> Floats:
    """Log likelihood ratio of `effect` to the null at the nodes."""
    ratio: Floats = effect * density.nodes * math.sqrt(density.information) - 0.5 * effect**2 * density.information
    return ratio


def _narrower_kernel(growth: float, next_growth: float, information: float) -> float:
    """The standard deviation, in units of Z, of the narrower of the steps that lead to a look and on from it."""
    return math.sqrt(min(growth, max(next_growth, information * LEAST_GROWTH)) / information)


def _grid(lower: float, upper: float, kernel: float) -> tuple[Floats, Floats]:
    """Simpson nodes and weights on (lower, upper), cut off where no mass is (Jennison & Turnbull, §19.2).

    Up to |z| = 3 nodes stand at most half a kernel apart. Beyond, where their grid widens, they do so up to the bounds: many
    looks under an effect, or a confidence sequence, whose bound stays above 3, live there.
    """
    r = min(max(_GRID_FINENESS, math.ceil(1.5 / kernel)), _FINEST_GRID)
    farthest = max((abs(one) for one in (lower, upper) if math.isfinite(one)), default=0.0)
    more = math.ceil((_evenly_to(farthest, r, kernel) - _EVEN) * r / 1.5)
    tail = _EVEN + more * 1.5 / r + 4.0 * np.log(r / np.arange(1, r))
    middle = -_EVEN + _EVEN * np.arange(-more, 4 * r + 1 + more) / (2.0 * r)
    points = np.concatenate([-tail, middle, tail[::-1]])
    lower, upper = max(lower, float(points[0])), min(upper, float(points[-1]))
    points = np.concatenate([[lower], points[(points > lower) & (points < upper)], [upper]])
    width = np.diff(points)
    nodes = np.empty(2 * len(points) - 1)
    nodes[::2], nodes[1::2] = points, (points[1:] + points[:-1]) / 2.0
    weights = np.zeros_like(nodes)
    weights[1::2] = 4.0 * width / 6.0
    weights[:-1:2] += width / 6.0
    weights[2::2] += width / 6.0
    return nodes, weights


def _evenly_to(bound: float, fineness: int, kernel: float) -> float:
    """How far from zero nodes stand evenly: 3, or the bound where the widening tail would be too coarse for the kernel."""
    reach = min(bound, _FARTHEST_EVEN)
    coarsest = 2.0 / fineness * math.exp((reach - _EVEN) / 4.0)
    return reach if reach > _EVEN and coarsest > kernel / 2.0 else _EVEN


def _log_sum(terms: Floats) -> float:
    """The log of Σ exp(terms)."""
    largest = float(terms.max())
    return largest + math.log(float(np.exp(terms - largest).sum()))
