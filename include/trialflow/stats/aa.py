"""A/A validation: re-randomise units that all had the same treatment and count false alarms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share
from trialflow.stats.fixed_horizon import fixed_horizon
from trialflow.stats.moments import Bools, Floats, JointMoments
from trialflow.stats.results import Estimate, Interval

Estimator = Callable[[JointMoments, JointMoments], Estimate]

# Splits worked on at once: 1,024 × 4,096 buckets of float64 are 32 MiB.
_BLOCK = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AaResult:
    """What the re-splits showed, `splits` of them estimable.

    `interval` is the exact (Clopper–Pearson) one of the rejection rate; `uniformity_p` the Kolmogorov–Smirnov p-value
    of the p-values against U(0, 1); `z_std_dev` the standard deviation of the z-statistics, 1 when the standard error
    is right. Without an estimable split (a metric that never varies) `splits` is 0, the interval [0, 1] and the rest
    NaN.
    """

    rejections: int
    splits: int
    rate: float
    interval: Interval
    uniformity_p: float
    z_std_dev: float

    @property
    def estimable(self) -> bool:
        """Whether any split gave a number."""
        return self.splits > 0


def rerandomise(
    buckets: JointMoments,
    *,
    splits: int,
    share: float,
    seed: int,
    estimator: Estimator,
    alpha: float,
    level: float = 0.99,
) -> AaResult:
    """Split hash buckets of units (bucket,) at random `splits` times and test each split at `alpha`, two-sided.

    A bucket is a small group of units whose membership is random, so moving whole buckets is as good as moving units
    and one matrix product of 0/1 rows with the buckets' raw sums does all splits. `share` of the buckets goes to
    treatment. `estimator` gets the moments of control and treatment, each of shape (split,). `level` is that of the
    rate's interval. Same seed, same result (PCG64). Raises StatisticsError for fewer than two buckets or splits and
    shares outside (0, 1).
    """
    count = buckets.n.shape[0] if buckets.n.ndim == 1 else 0
    if count < 2 or splits < 1:
        raise StatisticsError(
            f"buckets of shape {buckets.n.shape} and splits = {splits!r}: need two buckets and one split"
        )
    open_share("share", share)
    open_share("alpha", alpha)
    generator = np.random.Generator(np.random.PCG64(seed))
    z_parts, p_parts = [], []
    for treated in _assignments(generator, splits, count, share):
        estimate = estimator(*_split(buckets, treated))
        effect = fixed_horizon(estimate, level=1.0 - alpha)
        z_parts.append((effect.estimate / effect.std_error)[estimate.estimable])
        p_parts.append(effect.p_value[estimate.estimable])
    return _result(np.concatenate(z_parts), np.concatenate(p_parts), alpha, level)


def rate_interval(rejections: int, splits: int, level: float) -> Interval:
    """Exact interval of a rate (Clopper & Pearson, Biometrika 26, 1934); [0, 1] without trials."""
    tail = (1.0 - open_share("level", level)) / 2.0
    lower = betaincinv(rejections, splits - rejections + 1.0, tail) if rejections > 0 else 0.0
    upper = betaincinv(rejections + 1.0, splits - rejections, 1.0 - tail) if rejections < splits else 1.0
    return Interval(lower=np.asarray(lower), upper=np.asarray(upper), level=level)


def wilson_interval(rejections: int, splits: int, level: float) -> Interval:
    """Score interval of a rate (Wilson, JASA 22, 1927); [0, 1] without trials. Narrower than the exact one."""
    if splits == 0:
        return Interval(lower=np.asarray(0.0), upper=np.asarray(1.0), level=level)
    z2 = float(ndtri(0.5 + open_share("level", level) / 2.0)) ** 2
    rate = rejections / splits
    centre = (rate + z2 / (2.0 * splits)) / (1.0 + z2 / splits)
    half = np.sqrt(z2 * (rate * (1.0 - rate) / splits + z2 / (4.0 * splits**2))) / (1.0 + z2 / splits)
    return Interval(lower=np.asarray(max(centre - half, 0.0)), upper=np.asarray(min(centre + half, 1.0)), level=level)


def uniformity(p_values: ArrayLike) -> tuple[float, float]:
    """Kolmogorov–Smirnov distance of p-values (p,) from U(0, 1) and its exact p-value; NaN for none."""
    from scipy.stats import kstwo  # slow to import, and only A/A validation needs it

    ordered = np.sort(np.asarray(p_values, dtype=np.float64))
    count = len(ordered)
    if count == 0:
        return np.nan, np.nan
    steps = np.arange(count + 1) / count
    distance = float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))
    return distance, float(kstwo.sf(distance, count))


def _assignments(generator: np.random.Generator, splits: int, count: int, share: float) -> Iterator[Bools]:
    """Blocks of shape (split, bucket), True where treated; every split treats the same number of buckets."""
    treated = min(max(round(share * count), 1), count - 1)
    row = np.arange(count) < treated
    for start in range(0, splits, _BLOCK):
        block = np.tile(row, (min(_BLOCK, splits - start), 1))
        yield generator.permuted(block, axis=1, out=block)


def _split(buckets: JointMoments, treated: Bools) -> tuple[JointMoments, JointMoments]:
    """Moments of control and treatment, each of shape (split,)."""
    # Raw sums are taken around the overall mean: second moments of large values would lose their digits.
    total = buckets.n.sum()
    centre = (buckets.n[:, None] * buckets.mean).sum(axis=0) / max(total, 1.0)
    deviation = np.where(buckets.n[:, None] > 0.0, buckets.mean - centre, 0.0)
    sums = buckets.n[:, None] * deviation
    products = buckets.m2 + sums[:, :, None] * deviation[:, None, :]
    variables = sums.shape[1]
    columns = np.concatenate([buckets.n[:, None], sums, products.reshape(len(sums), -1)], axis=1)
    treatment = treated.astype(np.float64) @ columns
    control = columns.sum(axis=0) - treatment

    def moments(totals: Floats) -> JointMoments:
        square = totals[:, 1 + variables :].reshape(-1, variables, variables)
        around = JointMoments.from_sums(totals[:, 0], totals[:, 1 : 1 + variables], square)
        return JointMoments(n=around.n, mean=np.where(around.n[:, None] > 0.0, around.mean + centre, 0.0), m2=around.m2)

    return moments(control), moments(treatment)


def _result(z: Floats, p_values: Floats, alpha: float, level: float) -> AaResult:
    splits, rejections = len(p_values), int((p_values <= alpha).sum())
    return AaResult(
        rejections=rejections,
        splits=splits,
        rate=rejections / splits if splits else np.nan,
        interval=rate_interval(rejections, splits, level),
        uniformity_p=uniformity(p_values)[1],
        z_std_dev=float(z.std(ddof=1)) if splits > 1 else np.nan,
    )
