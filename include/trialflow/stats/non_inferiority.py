"""Non-inferiority: a treatment may be worse than control by less than a margin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative
from trialflow.stats.contrast import masked
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Estimate, Gap


def margin_contrast(
    estimate: Estimate,
    *,
    direction_sign: int,
    absolute: float | Floats | None = None,
    relative: float | Floats | None = None,
    shared_variance: float | Floats = 0.0,
) -> Estimate:
    """How far treatment lies above the margin: positive = not worse than the margin allows, with its null at 0.

    `direction_sign` is +1 where more is better, −1 where less is. With an absolute margin m this is ±(μ_T − μ_C) + m.
    With a relative margin δ it is ±(μ_T − (1 ∓ δ) μ_C), whose variance V_T + (1 ∓ δ)² V_C counts the control mean as
    the estimate it is (Schultzberg, Ankargren & Frånberg 2024, arXiv 2402.11609, §3). A negative control mean turns ∓
    round, so that the margin is δ |μ_C|. `shared_variance` as for `relative_effect`. The degrees of freedom are those
    of the difference. A margin of 0 is allowed. Raises StatisticsError unless exactly one margin is given, and for a
    negative one.
    """
    if direction_sign not in (-1, 1):
        raise StatisticsError(f"direction_sign = {direction_sign!r} must be 1 (more is better) or -1 (less is better)")
    if (absolute is None) == (relative is None):
        raise StatisticsError(f"give exactly one margin, not absolute = {absolute!r} and relative = {relative!r}")
    if absolute is not None:
        margin, factor = not_negative("absolute", absolute), np.asarray(1.0)
    else:
        turned = direction_sign * np.where(estimate.control < 0.0, -1.0, 1.0)
        margin, factor = np.asarray(0.0), 1.0 - turned * not_negative("relative", 0.0 if relative is None else relative)
    value = direction_sign * (estimate.treatment - factor * estimate.control) + margin
    variance = (
        estimate.treatment_std_error**2
        + factor**2 * estimate.control_std_error**2
        + (1.0 - factor) ** 2 * np.asarray(shared_variance)
    )
    std_error = np.sqrt(variance)
    estimable = estimate.estimable & (std_error > 0.0)
    return Estimate(
        estimate=masked(value, estimable),
        std_error=masked(std_error, estimable),
        df=masked(estimate.df, estimable),
        control=masked(estimate.control, estimable),
        treatment=masked(estimate.treatment, estimable),
        control_std_error=masked(estimate.control_std_error, estimable),
        treatment_std_error=masked(estimate.treatment_std_error, estimable),
        estimable=estimable,
        scale=estimate.scale,
        method=f"{estimate.method}, non-inferiority",
        gap=_gap(estimate, std_error, estimable),
    )


def _gap(estimate: Estimate, std_error: Floats, estimable: Bools) -> NDArray[np.int8]:
    """The estimate's own gap, and the one that the margin makes: all of the control's variance may fall away."""
    before = Gap.NO_VALUE if estimate.gap is None else estimate.gap
    margin = np.where(std_error == 0.0, Gap.NO_VARIATION, Gap.NO_VALUE)
    return np.where(estimable, Gap.NONE, np.where(estimate.estimable, margin, before)).astype(np.int8)
