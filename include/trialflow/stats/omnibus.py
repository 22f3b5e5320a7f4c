"""Several variants: one test that they are all alike, and every treatment against the one control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, fdtrc, gammaln, ndtr

from trialflow.stats.arguments import open_share
from trialflow.stats.contrast import SPREAD_FLOOR, difference, masked
from trialflow.stats.fixed_horizon import critical_value
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Bools, Floats, Moments
from trialflow.stats.results import Estimate, Gap, Interval, Marked

POOLED = "against control, pooled variance"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OmnibusTest(Marked):
    """A test that all variants are alike, each array of shape S; `df_within` is inf for a chi-square.

    Where fewer than two variants have units, too little varies for the test or a value is not finite, all are NaN and
    `gap` names the reason.
    """

    statistic: Floats
    df: Floats
    df_within: Floats
    p_value: Floats
    method: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ManyToOne:
    """Dunnett's comparisons with one control, each of shape S + (treatments,); NaN where not estimable."""

    p_value: Floats
    interval: Interval
    critical: Floats


@np.errstate(invalid="ignore", over="ignore")  # values that are not finite end as "no number"
def welch_anova(moments: Moments) -> OmnibusTest:
    """Equality of k means from S + (variants,), variances as they are (Welch, Biometrika 38, 1951).

    For two variants F is the square of Welch's t. Variants without units do not count; one with a single unit, without
    variation or with a value that is not finite leaves no test, as its mean can be weighed against no other.
    """
    counted, finite = _counted(moments), _finite(moments)
    n = np.where(counted, moments.n, 0.0)
    mean = np.where(counted, moments.mean, 0.0)
    k = counted.sum(axis=-1)
    varies = moments.variance > SPREAD_FLOOR * mean**2
    known = (k >= 2) & (~counted | ~(n < 2.0)).all(axis=-1)
    sound = known & finite & (~counted | varies).all(axis=-1)
    used = counted & sound[..., None]
    weight = np.where(used, n / np.where(used, moments.variance, 1.0), 0.0)
    whole = np.where(sound, weight.sum(axis=-1), 1.0)
    centre = (weight * mean).sum(axis=-1) / whole
    between = (weight * (mean - centre[..., None]) ** 2).sum(axis=-1)
    groups = np.where(sound, k, 2)
    share = weight / whole[..., None]
    rest = np.where(used, (1.0 - share) ** 2 / np.where(used, n - 1.0, 1.0), 0.0).sum(axis=-1)
    statistic = between / (groups - 1) / (1.0 + 2.0 * (groups - 2) * rest / (groups**2 - 1))
    within = (groups**2 - 1) / (3.0 * np.where(rest > 0.0, rest, 1.0))
    finite = finite & np.isfinite(statistic)
    return _f_test(
        statistic, groups - 1.0, within, _gap(known, finite, sound & finite), method="Welch's analysis of variance"
    )


@np.errstate(invalid="ignore", over="ignore")  # values that are not finite end as "no number"
def anova(moments: Moments) -> OmnibusTest:
    """Equality of k means from S + (variants,) with one variance for all (Fisher 1925).

    Only right where variances or sizes are alike; `welch_anova` needs neither. A variant may be constant, not all.
    """
    counted, finite = _counted(moments), _finite(moments)
    n, mean, m2 = (np.where(counted, part, 0.0) for part in (moments.n, moments.mean, moments.m2))
    total, k = n.sum(axis=-1), counted.sum(axis=-1)
    centre = (n * mean).sum(axis=-1) / np.where(total > 0.0, total, 1.0)
    between = (n * (mean - centre[..., None]) ** 2).sum(axis=-1)
    inside = np.maximum(m2, 0.0).sum(axis=-1)
    df, df_within = k - 1.0, total - k
    known = (df > 0.0) & ~(df_within <= 0.0)
    with np.errstate(divide="ignore"):
        statistic = (between / df) / (inside / df_within)
    varies = inside > SPREAD_FLOOR * (n * mean**2).sum(axis=-1)
    finite = finite & (np.isfinite(statistic) | ~varies)
    return _f_test(
        statistic, df, df_within, _gap(known, finite, known & finite & varies), method="analysis of variance"
    )


@np.errstate(invalid="ignore", over="ignore")  # values that are not finite end as "no number"
def chi_square_of_shares(moments: Moments) -> OmnibusTest:
    """Equality of k proportions from S + (variants,): Pearson's chi-square of the k × 2 table, no correction.

    A variant may have the share 0 or 1, but not all of them the same.
    """
    counted = _counted(moments)
    n, mean = np.where(counted, moments.n, 0.0), np.where(counted, moments.mean, 0.0)
    total, k = n.sum(axis=-1), counted.sum(axis=-1)
    share = (n * mean).sum(axis=-1) / np.where(total > 0.0, total, 1.0)
    spread = share * (1.0 - share)
    varies = spread > SPREAD_FLOOR * share**2
    known, finite = k >= 2, np.isfinite(n + mean).all(axis=-1)
    gap = _gap(known, finite, known & finite & varies)
    estimable = gap == Gap.NONE
    statistic = (n * (mean - share[..., None]) ** 2).sum(axis=-1) / np.where(varies, spread, 1.0)
    df = k - 1.0
    return OmnibusTest(
        statistic=masked(statistic, estimable),
        df=masked(df, estimable),
        df_within=masked(np.full(np.shape(df), np.inf), estimable),
        p_value=masked(chdtrc(np.where(estimable, df, 1.0), np.where(estimable, statistic, 0.0)), estimable),
        gap=gap,
        method="chi-square",
    )


def against_control(moments: Moments, *, control: int = 0, pooled: bool = False) -> Estimate:
    """Every treatment − the control, S + (treatments,) from S + (variants,); correct the family or use `dunnett`.

    Welch's standard errors, or with `pooled` one variance from all variants, as the classical Dunnett test has it.
    """
    treatments = [index for index in range(moments.n.shape[-1]) if index != control]
    low, high = moments.take(..., slice(control, control + 1)), moments.take(..., treatments)  # type: ignore[arg-type]
    if not pooled:
        return difference_in_means(low, high)
    df = (moments.n.sum(axis=-1) - (moments.n > 0.0).sum(axis=-1))[..., None]
    variance = np.maximum(moments.m2, 0.0).sum(axis=-1)[..., None] / np.where(df > 0.0, df, np.nan)
    return difference(
        control=low.mean,
        treatment=high.mean,
        control_variance=variance / np.maximum(low.n, 1.0),
        treatment_variance=variance / np.maximum(high.n, 1.0),
        dust=SPREAD_FLOOR * (low.mean**2 / np.maximum(low.n, 1.0) + high.mean**2 / np.maximum(high.n, 1.0)),
        df=df,
        known=(low.n > 0.0) & (high.n > 0.0) & (df > 0.0),
        method=POOLED,
    )


def dunnett(estimate: Estimate, *, level: float) -> ManyToOne:
    """Two-sided adjusted p-values and simultaneous intervals of treatments against one control (Dunnett, JASA 50, 1955).

    `estimate` is S + (treatments,), as from `against_control` or any other estimator with a shared control: the
    correlations λ_i λ_j with λ_i² = V_C / (V_C + V_i) come from its standard errors. With pooled variances exact; with
    Welch's the smallest df of the family is used, which errs towards caution. Less strict than Bonferroni because the
    comparisons share their control. Treatments that are not estimable do not count.
    """
    open_share("level", level)
    known = estimate.estimable
    loading = np.where(known, estimate.control_std_error / np.where(known, estimate.std_error, 1.0), 0.0)
    df = np.min(np.where(known, estimate.df, np.inf), axis=-1)
    z = np.where(known, np.abs(estimate.estimate / estimate.std_error), 0.0)
    p_value = np.stack([1.0 - _within(z[..., i], loading, known, df) for i in range(z.shape[-1])], axis=-1)
    critical = _critical(loading, known, df, level)[..., None]
    half = critical * estimate.std_error
    return ManyToOne(
        p_value=np.where(known, np.clip(p_value, 0.0, 1.0), np.nan),
        interval=Interval(lower=estimate.estimate - half, upper=estimate.estimate + half, level=level),
        critical=np.where(known, critical, np.nan),
    )


def _counted(moments: Moments) -> Bools:
    """The variants with units; a number of units that is not finite is not "none"."""
    return np.asarray(moments.n != 0.0)


def _finite(moments: Moments) -> Bools:
    """Where no variant with units has a value that is not finite, S."""
    values = np.isfinite(moments.n) & np.isfinite(moments.mean) & np.isfinite(moments.m2)
    return np.asarray((values | ~_counted(moments)).all(axis=-1))


def _gap(known: Bools, finite: Bools, estimable: Bools) -> NDArray[np.int8]:
    """The first of: a number, too few units, a value that is not finite, nothing varies."""
    codes = [Gap.NONE, Gap.TOO_FEW_UNITS, Gap.NO_VALUE]
    conditions = [np.asarray(one) for one in (estimable, ~known, ~finite)]
    return np.select(conditions, codes, default=Gap.NO_VARIATION).astype(np.int8)


def _f_test(statistic: Floats, df: Floats, within: Floats, gap: NDArray[np.int8], *, method: str) -> OmnibusTest:
    some = gap == Gap.NONE
    p_value = fdtrc(np.where(some, df, 1.0), np.where(some, within, 1.0), np.where(some, statistic, 0.0))
    return OmnibusTest(
        statistic=masked(statistic, some),
        df=masked(df, some),
        df_within=masked(within, some),
        p_value=masked(p_value, some),
        gap=gap,
        method=method,
    )


# The control's error, in steps fine enough for a control ten times smaller than its treatments.
_NODES = np.linspace(-8.0, 8.0, 161)
_COMMON = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()
# From here on the scale is as good as known: the p-value changes by less than 1e-5.
_MANY = 1e5
# Steps of false position towards the critical value, each about doubling its digits.
_STEPS = 7


def _within(
    bound: Floats, loading: Floats, known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], df: Floats
) -> Floats:
    """P(|T_i| ≤ bound for all i): conditional on the control's error and on the scale the T_i are independent."""
    scale, weight = _scales(df)
    cut = (bound[..., None] * scale)[..., None, :, None]
    carried = (loading[..., None, :] * _NODES[:, None])[..., :, None, :]
    rest = np.sqrt(np.maximum(1.0 - loading**2, 1e-300))[..., None, None, :]
    inside = ndtr((cut - carried) / rest) - ndtr((-cut - carried) / rest)
    joint = np.where(known[..., None, None, :], inside, 1.0).prod(axis=-1)
    return np.asarray(np.einsum("...cs,c,...s->...", joint, _COMMON, weight))


def _scales(df: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights for s = √(χ²_df / df): Gauss–Legendre over all but 1e-12 of it; 1 where df are many."""
    finite = df < _MANY
    if not finite.any():
        return np.ones((*df.shape, 1)), np.ones((*df.shape, 1))
    nodes, weights = np.polynomial.legendre.leggauss(32)
    freedom = np.where(finite, df, 1.0)
    low, high = np.sqrt(chdtri(freedom, 1.0 - 1e-12) / freedom), np.sqrt(chdtri(freedom, 1e-12) / freedom)
    half = ((high - low) / 2.0)[..., None]
    s = low[..., None] + half * (nodes + 1.0)
    v = freedom[..., None]
    density = np.exp((v / 2.0) * np.log(v / 2.0) - gammaln(v / 2.0) + (v - 1.0) * np.log(s) - v * s**2 / 2.0) * 2.0
    mass = density * half * weights
    mass = mass / mass.sum(axis=-1, keepdims=True)
    flat = finite[..., None]
    return np.where(flat, s, 1.0), np.where(flat, mass, 1.0 / len(nodes))


def _critical(
    loading: Floats, known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], df: Floats, level: float
) -> Floats:
    """The bound that holds all with probability `level`, between one comparison's and Bonferroni's, by false position."""
    count = np.maximum(known.sum(axis=-1), 1)
    freedom = np.where(df < _MANY, df, np.inf)
    low = critical_value(freedom, level) * (1.0 - 1e-9)
    high = np.asarray(low)
    for m in np.unique(count):
        high = np.where(count == m, critical_value(freedom, 1.0 - (1.0 - level) / float(m)) * (1.0 + 1e-9), high)
    short, spare = _within(low, loading, known, df) - level, _within(high, loading, known, df) - level
    middle, before = low, np.asarray(low > high)
    for _ in range(_STEPS):
        middle = (low * spare - high * short) / np.where(spare != short, spare - short, 1.0)
        middle = np.where((middle > low) & (middle < high), middle, (low + high) / 2.0)
        value = _within(middle, loading, known, df) - level
        # The Illinois rule: an end that stays twice is made to count half, or it would stay for ever.
        enough = value >= 0.0
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        stays = np.where(enough == before, 0.5, 1.0)
        short, spare = np.where(enough, short * stays, value), np.where(enough, value, spare * stays)
        before = enough
    return np.asarray(middle, dtype=np.float64)
