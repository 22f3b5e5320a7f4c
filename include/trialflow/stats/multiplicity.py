"""Adjusted p-values for families of tests; each family lies along the last axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trialflow.stats.moments import Floats


def bonferroni(p_values: ArrayLike) -> Floats:
    """min(1, m p). The family has its promised size m: a p-value that is NaN stays NaN and still counts."""
    p = np.asarray(p_values, dtype=np.float64)
    return np.minimum(p * (p.shape[-1] if p.ndim else 1), 1.0)


def holm(p_values: ArrayLike) -> Floats:
    """Step-down adjusted p-values: the running maximum of (m − i + 1) p_(i) (Holm, Scand. J. Statist. 6, 1979).

    Never larger than Bonferroni's. NaN stays NaN and counts as a test that did not reject.
    """
    p = np.atleast_1d(np.asarray(p_values, dtype=np.float64))
    order = np.argsort(p, axis=-1)
    ranked = np.nan_to_num(np.take_along_axis(p, order, axis=-1), nan=1.0)
    factors = np.arange(p.shape[-1], 0, -1)
    stepped = np.minimum(np.maximum.accumulate(ranked * factors, axis=-1), 1.0)
    adjusted = np.empty_like(stepped)
    np.put_along_axis(adjusted, order, stepped, axis=-1)
    return np.where(np.isnan(p), np.nan, adjusted).reshape(np.shape(p_values))
