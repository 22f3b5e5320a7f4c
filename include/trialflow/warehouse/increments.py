"""From changes by day to the daily path: rounding, adding up, and a fingerprint of the numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from trialflow.stats.moments import Floats, JointMoments

RESOLUTION = 1e-11


def rounded(values: Floats) -> Floats:
    """Each number to 12 significant digits, so that the order of sums on an engine does not show."""
    flat = [float(f"{value:.12g}") for value in values.ravel().tolist()]
    return np.asarray(flat, dtype=np.float64).reshape(values.shape)


def fingerprint(arrays: Iterable[tuple[str, NDArray[np.float64] | NDArray[np.int64]]]) -> str:
    """SHA-256 of named arrays, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name, array in arrays:
        digest.update(f"{name}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()


def moments(n: Floats, sums: Floats, products: Floats) -> JointMoments:
    """Moments from raw sums: `n` S, `sums` S + (p,), `products` S + (p, p).

    A spread below the resolution of 12-digit sums (a standard deviation under some millionths of the mean) is noise of
    the subtraction and becomes exactly 0, so that no variance is ever negative.
    """
    centred = JointMoments.from_sums(n, sums, products)
    raw = np.abs(np.diagonal(products, axis1=-2, axis2=-1))
    noise = np.diagonal(centred.m2, axis1=-2, axis2=-1) <= RESOLUTION * raw
    either = noise[..., :, None] | noise[..., None, :]
    return JointMoments(n=centred.n, mean=centred.mean, m2=np.where(either, 0.0, centred.m2))


def with_indicator(sums: Floats, products: Floats, *, known: Floats, known_sums: Floats) -> tuple[Floats, Floats]:
    """Raw sums with one more variable, 1 for units that were seen before and 0 for newcomers.

    `known` (S) counts the former and `known_sums` (S + (p,)) are their sums: all that the indicator's products are made of.
    """
    wide = np.zeros((*sums.shape[:-1], sums.shape[-1] + 1, sums.shape[-1] + 1))
    wide[..., :-1, :-1] = products
    wide[..., -1, :-1] = wide[..., :-1, -1] = known_sums
    wide[..., -1, -1] = known
    return np.concatenate([sums, known[..., None]], axis=-1), wide


def square(terms: Floats, variables: int) -> tuple[Floats, Floats]:
    """Sums and the full symmetric matrix of products from `raw_moments`' flat order; `terms` has shape S + (terms,)."""
    sums, upper = terms[..., :variables], terms[..., variables:]
    products = np.zeros((*terms.shape[:-1], variables, variables))
    rows, columns = np.triu_indices(variables)
    products[..., rows, columns] = upper
    products[..., columns, rows] = upper
    return sums, products
