"""From traffic to time: when enough units have come, and what can be shown by then. Days are counted from 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative, positive
from trialflow.stats.moments import Floats
from trialflow.stats.power import drift

DAYS_PER_WEEK = 7


def matured_units(new_units: ArrayLike, *, maturity_days: int = 0) -> Floats:
    """Units whose value is complete at the end of each day, (day,), when `new_units` (day,) arrive.

    A metric with a window of w days counts a unit `maturity_days` = w days after its first day.
    """
    daily = np.atleast_1d(not_negative("new_units", new_units))
    if maturity_days < 0:
        raise StatisticsError(f"maturity_days = {maturity_days!r} must not be negative")
    arrived = np.cumsum(daily)
    matured = np.zeros_like(arrived)
    matured[maturity_days:] = arrived[: max(len(arrived) - maturity_days, 0)]
    return matured


def days_needed(units: ArrayLike, *, new_units: ArrayLike, maturity_days: int = 0, full_weeks: bool = True) -> Floats:
    """Days until `units` (any shape) have come and matured, when `new_units` (day,) arrive; inf if the traffic ends before.

    All variants together, or those of one variant with its own traffic. A single number as traffic means the same every
    day, without end. `full_weeks` rounds up to whole weeks, so that every weekday counts alike; the days found may then
    lie beyond the traffic given. Raises StatisticsError for units that are not positive.
    """
    need, traffic = positive("units", units), not_negative("new_units", new_units)
    if traffic.ndim == 0:
        with np.errstate(divide="ignore"):
            days = np.ceil(need / traffic * (1.0 - 1e-12)) + float(maturity_days)
    else:
        reached = np.searchsorted(matured_units(traffic, maturity_days=maturity_days), need * (1.0 - 1e-12)) + 1.0
        days = np.where(reached <= len(traffic), reached, np.inf)
    return np.asarray(np.ceil(days / DAYS_PER_WEEK) * DAYS_PER_WEEK if full_weeks else days, dtype=np.float64)


def detectable_over_time(
    new_units: ArrayLike,
    *,
    std_dev: float,
    alpha: float,
    power: float,
    sides: int = 2,
    control_share: float = 0.5,
    treatment_share: float = 0.5,
    maturity_days: int = 0,
    inflation: float = 1.0,
    treatment_std_dev: float | None = None,
) -> Floats:
    """Effect found with `power` if the test ended on each day, (day,); inf before the first unit has matured.

    `new_units` (day,) are those of all variants, of which control and treatment get their shares.
    """
    information = information_over_time(
        new_units,
        std_dev=std_dev,
        control_share=control_share,
        treatment_share=treatment_share,
        maturity_days=maturity_days,
        treatment_std_dev=treatment_std_dev,
    )
    with np.errstate(divide="ignore"):
        return np.asarray(
            drift(alpha=alpha, power=power, sides=sides)
            * np.sqrt(float(positive("inflation", inflation)) / information),
            dtype=np.float64,
        )


def information_over_time(
    new_units: ArrayLike,
    *,
    std_dev: float,
    control_share: float = 0.5,
    treatment_share: float = 0.5,
    maturity_days: int = 0,
    treatment_std_dev: float | None = None,
) -> Floats:
    """1 / std_error² of the difference at the end of each day, (day,), for a unit's `std_dev`; 0 without units.

    With `achieved_power` it gives a fixed test's power over time, with `monitoring.power_over_time` a sequential one's.
    """
    units = matured_units(new_units, maturity_days=maturity_days)
    control = float(positive("std_dev", std_dev))
    treated = control if treatment_std_dev is None else float(positive("treatment_std_dev", treatment_std_dev))
    if control_share + treatment_share > 1.0 + 1e-9:
        raise StatisticsError(
            f"control_share + treatment_share = {control_share + treatment_share!r} must not exceed 1"
        )
    shares = positive("shares", [control_share, treatment_share])
    return np.asarray(units / (control**2 / shares[0] + treated**2 / shares[1]), dtype=np.float64)
