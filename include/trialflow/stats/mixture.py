"""The normal-mixture likelihood ratio: one martingale behind the mSPRT and the asymptotic confidence sequence.

If Z is the standardised estimate and the true effect is mixed over N(0, τ), then with m = τ × information the ratio
Λ = (1 + m)^−½ exp( Z² m / (2 (1 + m)) ) has mean 1 under the null at every look (Robbins, Ann. Math. Stat. 41, 1970), so
Λ ever reaches 1 / α with chance α at most (Ville's inequality). One-sided, mixing over the positive half, Λ is at least
2 (exp( Z² m / (2 (1 + m)) ) − 1) (1 + m)^−½ for Z > 0 (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, arXiv 2103.06476,
one-sided version); that lower bound is used, since its interval has a closed form. `m` may be of any shape and must come
from a τ that was fixed before data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import one_or_two, open_share, positive
from trialflow.stats.contrast import masked
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Alternative, AlwaysValidEffect, Estimate, Interval

METHOD = "mixture sequential probability ratio test"


def log_ratio(z: ArrayLike, m: ArrayLike, *, sides: int = 2) -> Floats:
    """Log Λ of standardised estimates; −inf one-sided where Z ≤ 0, NaN where `z` is."""
    score, scale = np.asarray(z, dtype=np.float64), np.asarray(m, dtype=np.float64)
    half = 0.5 * np.log1p(scale)
    # m / (1 + m), written so that an infinite m, where all information is in, is no obstacle.
    size = 0.5 * score**2 / (1.0 + 1.0 / np.where(scale > 0.0, scale, 1e-300))
    if one_or_two("sides", sides) == 2:
        return np.asarray(size - half, dtype=np.float64)
    with np.errstate(divide="ignore"):
        # log 2 (e^x − 1) without overflow.
        grown = np.log(2.0) + size + np.log(-np.expm1(-size)) - half
    return np.asarray(np.where(score <= 0.0, -np.inf, grown), dtype=np.float64)


def mixture_boundary(m: ArrayLike, alpha: float, *, sides: int = 2) -> Floats:
    """The z beyond which Λ exceeds 1 / alpha; infinite at m = 0."""
    scale, log_alpha = np.asarray(m, dtype=np.float64), np.log(open_share("alpha", alpha))
    with np.errstate(divide="ignore", invalid="ignore"):
        half = 0.5 * np.log1p(scale)
        two_sided = half - log_alpha
        one_sided = np.log1p(np.exp(half) / (2.0 * alpha))
        square = 2.0 * (1.0 + 1.0 / scale) * (two_sided if one_or_two("sides", sides) == 2 else one_sided)
    return np.asarray(np.where(scale > 0.0, np.sqrt(square), np.inf), dtype=np.float64)


def mixing_variance(minimum_effect: ArrayLike) -> Floats:
    """τ = δ²: mixing over effects of about the size worth finding, which makes the test quickest for them."""
    return positive("minimum_effect", np.abs(np.asarray(minimum_effect, dtype=np.float64))) ** 2


def mixture_sprt(
    estimate: Estimate,
    *,
    mixing_variance: ArrayLike,
    alpha: float,
    null: float | Floats = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
    axis: int | None = -1,
) -> AlwaysValidEffect:
    """The mSPRT of a path of estimates: p-value and interval that hold at all looks together (level 1 − alpha).

    Johari, Koomen, Pekelis & Walsh (KDD 2017; arXiv 1512.04922), with the estimate's own variance V = std_error², so that
    unequal allocation, ratios and clusters are right: p_n = min(p_{n−1}, 1 / Λ_n) and estimate ± √( V (V + τ) / τ ·
    (2 log(1/α) + log((V + τ) / V)) ). `mixing_variance` τ is the variance of the effects mixed over, in squared units of
    the estimate: from `mixing_variance` or from past effects, never from the data at hand. Looks run along `axis` (None:
    every entry is a test of its own); τ must not change along it. Raises StatisticsError if it does and for a τ that is not
    positive. Uses the normal approximation: hold off until there are some hundred units.
    """
    tau = _fixed("mixing_variance", positive("mixing_variance", mixing_variance), estimate.estimate.shape, axis)
    scale = tau * estimate.information
    return always_valid(
        estimate, scale, alpha=alpha, null=null, alternative=alternative, axis=axis, ready=None, method=METHOD
    )


def always_valid(
    estimate: Estimate,
    m: Floats,
    *,
    alpha: float,
    null: float | Floats,
    alternative: Alternative,
    axis: int | None,
    ready: Bools | None,
    method: str,
) -> AlwaysValidEffect:
    """The result for scales `m` of the shape of `estimate`; looks that are not `ready` claim nothing."""
    sides = 2 if alternative is Alternative.TWO_SIDED else 1
    sign = -1.0 if alternative is Alternative.LESS else 1.0
    heard = estimate.estimable if ready is None else estimate.estimable & ready
    critical = np.where(heard, mixture_boundary(m, alpha, sides=sides), np.inf)
    half_width = critical * estimate.std_error
    distance = sign * (estimate.estimate - null)
    z = np.where(heard, distance / np.where(heard, estimate.std_error, 1.0), 0.0)
    p_value = np.where(heard, np.exp(-np.maximum(log_ratio(z, m, sides=sides), 0.0)), 1.0)
    if axis is not None and p_value.ndim:
        p_value = np.minimum.accumulate(p_value, axis=axis)
    lower, upper = estimate.estimate - half_width, estimate.estimate + half_width
    return AlwaysValidEffect(
        estimate=estimate.estimate,
        std_error=estimate.std_error,
        interval=Interval(
            lower=masked(np.full_like(lower, -np.inf), estimate.estimable) if sign < 0.0 else lower,
            upper=masked(np.full_like(upper, np.inf), estimate.estimable) if sides == 1 and sign > 0.0 else upper,
            level=1.0 - alpha,
        ),
        boundary_z=masked(critical, estimate.estimable),
        information=estimate.information,
        alpha_spent=np.full(estimate.estimate.shape, np.nan),
        crossed=(np.abs(distance) if sides == 2 else distance) > half_width,
        scale=estimate.scale,
        method=f"{estimate.method}, {method}",
        gap=estimate.gap,
        always_valid_p_value=np.asarray(p_value, dtype=np.float64),
    )


def _fixed(name: str, value: Floats, shape: tuple[int, ...], axis: int | None) -> Floats:
    wide = np.broadcast_to(value, shape)
    if axis is not None and wide.ndim and np.any(np.diff(wide, axis=axis) != 0.0):
        raise StatisticsError(f"{name} = {value.tolist()!r} changes from look to look: it must be fixed before data")
    return wide
