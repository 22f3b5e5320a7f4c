"""Whether an effect varies more between days than its standard errors say.

Standard errors come from units that are taken to be independent. Units that return under a new name, campaigns that hit
whole days, or an analysis below the randomisation unit make the daily effects vary more than that: the standard error is
then too small, and every interval too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from trialflow.errors import StatisticsError
from trialflow.stats.moments import Floats

FEWEST_DAYS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DayToDay:
    """Spread of daily effects around their weighted mean.

    `statistic` is Cochran's Q on `df` degrees of freedom, `dispersion` = Q / df (1 where the standard errors are right).
    `std_error` is that of the weighted mean under independence, `hac_std_error` the one that the days themselves show,
    robust to unequal spread and to `lags` days of autocorrelation (NaN below FEWEST_DAYS days). Below two days nothing
    can be compared, and `estimable` is False.
    """

    days: int
    mean: float
    std_error: float
    statistic: float
    df: int
    p_value: float
    dispersion: float
    hac_std_error: float
    lags: int

    @property
    def estimable(self) -> bool:
        """Whether there are days to compare, and so a statistic and a p-value."""
        return self.days > 1 and math.isfinite(self.p_value)


def day_to_day(effects: ArrayLike, std_errors: ArrayLike) -> DayToDay:
    """Compare daily effects (day,) with their standard errors (day,); days without a number are left out.

    Q = Σ w_d (e_d − ē)², w_d = 1 / se_d² (Cochran 1954). The robust standard error is Newey & West's (Econometrica 55,
    1987) for the weighted mean, by statsmodels, with ⌊4 (T/100)^{2/9}⌋ lags and its small-sample factor. Raises
    StatisticsError for shapes that differ.
    """
    effect = np.asarray(effects, dtype=np.float64)
    error = np.asarray(std_errors, dtype=np.float64)
    if effect.shape != error.shape or effect.ndim != 1:
        raise StatisticsError(f"effects of shape {effect.shape} and errors of shape {error.shape} must be (day,) both")
    usable = np.isfinite(effect) & np.isfinite(error) & (error > 0.0)
    effect, weight = effect[usable], error[usable] ** -2.0
    days = len(effect)
    if days == 0:
        nothing = math.nan
        return DayToDay(
            days=0,
            mean=nothing,
            std_error=nothing,
            statistic=nothing,
            df=0,
            p_value=nothing,
            dispersion=nothing,
            hac_std_error=nothing,
            lags=0,
        )
    mean = float((weight * effect).sum() / weight.sum())
    statistic = float((weight * (effect - mean) ** 2).sum())
    df = days - 1
    lags = math.floor(4.0 * (days / 100.0) ** (2.0 / 9.0))
    return DayToDay(
        days=days,
        mean=mean,
        std_error=float(weight.sum() ** -0.5),
        statistic=statistic,
        df=df,
        p_value=float(chdtrc(df, statistic)) if df else math.nan,
        dispersion=statistic / df if df else math.nan,
        hac_std_error=_robust(effect, weight, lags) if days >= FEWEST_DAYS else math.nan,
        lags=lags,
    )


def _robust(effect: Floats, weight: Floats, lags: int) -> float:
    from statsmodels.regression.linear_model import WLS  # slow to import, and only final analyses need it

    fit = WLS(effect, np.ones((len(effect), 1)), weights=weight).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}
    )
    return float(fit.bse[0])
