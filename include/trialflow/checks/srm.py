"""Sample ratio mismatch: is the traffic split as promised? Integrity comes before any effect."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.drill_down import drill_down, planned_shares, where_to_look
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Floats
from trialflow.stats.srm import chi_square, sequential_split
from trialflow.warehouse.summary import Summary

# Prior weights of the planned shares. The large one finds half-point imbalances soonest (methods §4) but believes in the
# plan for its first ten thousand units; the small one sees a gross break in a few hundred.
CONCENTRATIONS = (100.0, 10_000.0)
FINAL_ALPHA = 0.01  # the fixed test at the final look only ever warns


def looks_wrong(promise: Promise, summary: Summary) -> bool:
    """Whether either test of the split speaks up on this day: then its groups are worth asking for."""
    units, shares = summary.exposures.new_units, planned_shares(promise, summary)
    if units.sum() == 0:
        return False
    split = sequential_split(units, shares, concentration=CONCENTRATIONS)
    expected = (units.sum(axis=1)[:, None] * shares).sum(axis=0)
    final = chi_square(units.sum(axis=0).astype(np.float64), expected / expected.sum())
    alarm = _alarm_day(summary.days, split.p_value, promise.experiment.analysis.srm_alpha)
    return alarm is not None or float(final.p_value) < FINAL_ALPHA


def srm(promise: Promise, summary: Summary) -> Checked:
    """The sequential test of Lindon & Malek (2022): may be looked at every day. An alarm is terminal."""
    shares = planned_shares(promise, summary)
    units = summary.exposures.new_units
    total = int(units.sum())
    alpha = promise.experiment.analysis.srm_alpha
    evidence = {
        "observed": {name: int(n) for name, n in zip(summary.variants, units.sum(axis=0), strict=True)},
        "expected": {
            name: number(float(n))
            for name, n in zip(summary.variants, (units.sum(axis=1)[:, None] * shares).sum(axis=0), strict=True)
        },
        "shares": {name: number(float(share)) for name, share in zip(summary.variants, shares[-1], strict=True)},
        "threshold": alpha,
        "mixed_units": summary.exposures.mixed_units,
    }
    if total == 0:
        return Checked(
            finding=Finding(
                experiment=promise.slug,
                check="srm",
                as_of=summary.as_of,
                status=Status.NO_DATA,
                headline="No unit has been exposed yet, so the split cannot be judged.",
                evidence=evidence,
                next_step="Check that the exposure log is written and that the source's table, filter and slug fit.",
            )
        )
    split = sequential_split(units, shares, concentration=CONCENTRATIONS)
    alarm = _alarm_day(summary.days, split.p_value, alpha)
    evidence |= {
        "p_value": number(float(split.p_value[-1])),
        "log_bayes_factor": number(float(split.log_bayes_factor[-1])),
        "imbalance": number(float(split.imbalance[-1])),
        "path": [
            {"day": day.isoformat(), "p_value": number(float(p))}
            for day, p in zip(summary.days, split.p_value, strict=True)
        ],
        "alarm_day": alarm.isoformat() if alarm else None,
    }
    if alarm:
        headline = (
            f"The split is broken: were the shares as planned, evidence this strong on any day would have a chance of "
            f"at most {alpha:g}."
        )
        rows = drill_down(promise, summary)
        evidence |= {"drill_down": rows}
        step = (
            f"Do not read any effect. {where_to_look(rows)}Find the cause (redirects, bots, lost logs, a filter after "
            "assignment), mend it, and register an amendment with a new first day."
        )
        status = Status.FAIL
    else:
        headline = f"The split agrees with the plan after {total:,} units."
        step, status = "", Status.PASS
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="srm",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence=evidence,
            next_step=step,
            blocks=status is Status.FAIL,
        )
    )


def _alarm_day(days: tuple[date, ...], p_values: Floats, alpha: float) -> date | None:
    return next((day for day, p in zip(days, p_values, strict=True) if p <= alpha), None)


def srm_final(promise: Promise, summary: Summary) -> Checked:
    """Pearson's chi-square once, at the final look: a warning on top of the memo, effects still shown."""
    units = summary.exposures.new_units
    observed = units.sum(axis=0).astype(np.float64)
    rows: list[dict[str, Any]] = []
    expected = (units.sum(axis=1)[:, None] * planned_shares(promise, summary)).sum(axis=0)
    if observed.sum() == 0:
        status, headline, evidence = Status.NO_DATA, "No unit was exposed.", {}
    else:
        test = chi_square(observed, expected / expected.sum())
        p = float(test.p_value)
        status = Status.WARN if p < FINAL_ALPHA else Status.PASS
        rows = drill_down(promise, summary) if status is Status.WARN else []
        imbalance = float(np.max(np.abs(observed / observed.sum() - expected / expected.sum())))
        evidence = {
            "statistic": number(float(test.statistic)),
            "df": number(float(test.df)),
            "p_value": number(p),
            "threshold": FINAL_ALPHA,
            "largest_share_difference": number(imbalance),
            "observed": {name: int(n) for name, n in zip(summary.variants, observed, strict=True)},
            **({"drill_down": rows} if rows else {}),
        }
        headline = (
            "The final split differs more from the plan than the warning level allows."
            if status is Status.WARN
            else "The final split agrees with the plan."
        )
    warning = f"{where_to_look(rows)}Look for the cause before trusting small effects."
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="srm_final",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence=evidence,
            next_step=warning if status is Status.WARN else "",
        )
    )
