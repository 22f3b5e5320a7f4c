"""Several variants: one test that they are all alike, and every treatment against the one control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, fdtrc, gammaln, ndtr

from trialflow.stats.arguments import open_share
from trialflow.stats.contrast import SPREAD_FLOOR, difference
from trialflow.stats.fixed_horizon import critical_value
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Bools, Floats, Moments
from trialflow.stats.results import Estimate, Interval

POOLED = "against control, pooled variance"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OmnibusTest:
    """A test that all variants are alike, each array of shape S; `df_within` is inf for a chi-square.

    Statistic 0 and p = 1 where fewer than two variants can be compared, nothing varies or a value is not finite.
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


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def welch_anova(moments: Moments) -> OmnibusTest:
    """Equality of k means from S + (variants,), variances as they are (Welch, Biometrika 38, 1951).

    For two variants F is the square of Welch's t. Variants with fewer than two units or without variation do not count.
    """
    variance = np.maximum(moments.variance, 0.0)
    used = (moments.n >= 2.0) & (variance > SPREAD_FLOOR * moments.mean**2)
    weight = np.where(used, moments.n / np.where(used, variance, 1.0), 0.0)
    whole = weight.sum(axis=-1)
    k = used.sum(axis=-1)
    some = k >= 2
    safe = np.where(some, whole, 1.0)
    centre = (weight * moments.mean).sum(axis=-1) / safe
    between = (weight * (moments.mean - centre[..., None]) ** 2).sum(axis=-1)
    groups = np.where(some, k, 2)
    rest = np.where(used, (1.0 - weight / safe[..., None]) ** 2 / np.where(used, moments.n - 1.0, 1.0), 0.0).sum(
        axis=-1
    )
    statistic = between / (groups - 1) / (1.0 + 2.0 * (groups - 2) * rest / (groups**2 - 1))
    within = (groups**2 - 1) / (3.0 * np.where(rest > 0.0, rest, 1.0))
    return _f_test(statistic, np.asarray(groups - 1.0), within, some, "Welch's analysis of variance")


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def anova(moments: Moments) -> OmnibusTest:
    """Equality of k means from S + (variants,) with one variance for all (Fisher 1925).

    Only right where variances or sizes are alike; `welch_anova` needs neither.
    """
    n, used = moments.n, moments.n > 0.0
    total, k = n.sum(axis=-1), used.sum(axis=-1)
    centre = (n * moments.mean).sum(axis=-1) / np.where(total > 0.0, total, 1.0)
    between = np.where(used, n * (moments.mean - centre[..., None]) ** 2, 0.0).sum(axis=-1)
    inside = np.maximum(moments.m2, 0.0).sum(axis=-1)
    df, df_within = np.maximum(k - 1.0, 0.0), total - k
    some = (df > 0.0) & (df_within > 0.0) & (inside > SPREAD_FLOOR * (n * moments.mean**2).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (between / df) / (inside / df_within)
    return _f_test(statistic, df, df_within, some, "analysis of variance")


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def chi_square_of_shares(moments: Moments) -> OmnibusTest:
    """Equality of k proportions from S + (variants,): Pearson's chi-square of the k × 2 table, no correction."""
    n = moments.n
    total = n.sum(axis=-1)
    share = (n * moments.mean).sum(axis=-1) / np.where(total > 0.0, total, 1.0)
    spread = share * (1.0 - share)
    k = (n > 0.0).sum(axis=-1)
    some = (k >= 2) & (spread > 0.0) & np.isfinite(moments.mean).all(axis=-1)
    away = np.where(n > 0.0, n * (moments.mean - share[..., None]) ** 2, 0.0).sum(axis=-1)
    statistic = np.where(some, away / np.where(spread > 0.0, spread, 1.0), 0.0)
    df = np.maximum(k - 1.0, 0.0)
    p_value = np.where(some, chdtrc(np.where(some, df, 1.0), statistic), 1.0)
    return OmnibusTest(
        statistic=statistic, df=df, df_within=np.full_like(df, np.inf), p_value=p_value, method="chi-square"
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


def _f_test(statistic: Floats, df: Floats, within: Floats, some: Bools, method: str) -> OmnibusTest:
    some = some & np.isfinite(statistic) & np.isfinite(within)
    value = np.where(some, statistic, 0.0)
    p_value = np.where(some, fdtrc(np.where(some, df, 1.0), np.where(some, within, 1.0), value), 1.0)
    return OmnibusTest(statistic=value, df=df, df_within=within, p_value=p_value, method=method)


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
