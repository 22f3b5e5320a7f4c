"""Taking looks: alpha is spent once per planned look, and what was recorded is never bargained over again.

A look that stands in the history keeps its information, boundary and spending; on restated data it is re-evaluated as a
revision. A look that is missing is taken now, on the data of its own day, in the order of days, so that the order of
backfills cannot matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.contrasts import information_of, signed_z
from trialflow.checks.history import History
from trialflow.spec.look import Look, LookPurpose
from trialflow.stats.group_sequential import next_boundary
from trialflow.stats.results import Estimate
from trialflow.stats.spending import SpendingFunction, alpha_spent

UNREACHABLE = 99.0  # a boundary of this many standard errors says "cannot stop at this look" in finite numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a series of looks may spend: `alpha` in total, on one or two `sides`, by a spending function."""

    purpose: LookPurpose
    alpha: float
    sides: int
    spending: SpendingFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The looks of one variant, metric and purpose so far: all of them, and those that are new to the record."""

    taken: tuple[Look, ...]
    new: tuple[Look, ...]

    @property
    def crossed_on(self) -> date | None:
        """The first look whose crossing stands: seen when the look was first taken, and not withdrawn since."""
        return next((look.as_of for look in self.taken if look.crossed), None)


def take_looks(
    *,
    experiment: str,
    variant: str,
    metric: str,
    budget: Budget,
    estimate: Estimate,
    sign: int,
    days: Sequence[date],
    look_days: Sequence[date],
    fractions: Sequence[float],
    history: History,
) -> Series:
    """Take every planned look up to the last of `days`.

    `estimate` has shape (day,) with null value 0; `sign` makes the statistic positive on the side of interest;
    `fractions` are the spending times of `look_days`, in [0, 1]. A look on a day without a number is not taken: nothing
    is spent on it. Returned looks that are revisions count as crossed only if the first record was crossed as well.
    """
    z = signed_z(estimate, sign)
    information = information_of(estimate)
    position = {day: index for index, day in enumerate(days)}
    taken: list[Look] = []
    new: list[Look] = []
    for day, fraction in zip(look_days, fractions, strict=True):
        if day not in position or not np.isfinite(z[position[day]]):
            continue
        at = position[day]
        mark = _fingerprint(estimate, at)
        recorded = history.revisions(variant=variant, metric=metric, purpose=budget.purpose, as_of=day)
        if recorded:
            look = _revised(recorded, float(z[at]), mark)
            if look is not recorded[-1]:
                new.append(look)
            taken.append(replace(look, crossed=look.crossed and recorded[0].crossed))
            continue
        look = _first(
            experiment, variant, metric, budget, taken, day, fraction, float(z[at]), float(information[at]), mark
        )
        new.append(look)
        taken.append(look)
    return Series(taken=tuple(taken), new=tuple(new))


def _first(
    experiment: str,
    variant: str,
    metric: str,
    budget: Budget,
    past: Sequence[Look],
    day: date,
    fraction: float,
    z: float,
    information: float,
    mark: str,
) -> Look:
    spent = float(alpha_spent(budget.spending, min(fraction, 1.0), budget.alpha, budget.sides))
    before = past[-1].alpha_spent if past else 0.0
    floor = past[-1].information if past else 0.0
    boundary = UNREACHABLE
    if information > floor:
        boundary = next_boundary(
            past_information=[look.information for look in past],
            past_boundaries=[_reach(look.boundary) for look in past],
            past_alpha_spent=[look.alpha_spent for look in past],
            information=information,
            alpha_to_spend=spent,
            sides=budget.sides,
        )
    if not boundary < UNREACHABLE:
        # Nothing could be stopped here, so nothing is spent: the share stays for the looks to come.
        boundary, spent, information = UNREACHABLE, before, max(information, floor)
    return Look(
        experiment=experiment,
        variant=variant,
        metric=metric,
        purpose=budget.purpose,
        as_of=day,
        information=number(information) or 0.0,
        alpha_spent=number(spent) or 0.0,
        boundary=number(boundary) or UNREACHABLE,
        z=number(z) or 0.0,
        crossed=bool(z >= boundary),
        data_fingerprint=mark,
    )


def _revised(recorded: Sequence[Look], z: float, mark: str) -> Look:
    last = recorded[-1]
    if last.data_fingerprint == mark:
        return last
    return replace(
        last, z=number(z) or 0.0, crossed=bool(z >= last.boundary), data_fingerprint=mark, revision=last.revision + 1
    )


def _reach(boundary: float) -> float:
    return np.inf if boundary >= UNREACHABLE else boundary


def _fingerprint(estimate: Estimate, at: int) -> str:
    text = f"{float(estimate.estimate[at]):.10g}|{float(estimate.std_error[at]):.10g}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def late_crossings(taken: Sequence[Look], history: History) -> tuple[Look, ...]:
    """Looks that lie beyond their boundary only on restated data: a person must judge them."""
    late = []
    for look in taken:
        revisions = history.revisions(variant=look.variant, metric=look.metric, purpose=look.purpose, as_of=look.as_of)
        first_crossed = revisions[0].crossed if revisions else look.crossed
        if look.z >= look.boundary and not first_crossed:
            late.append(look)
    return tuple(late)
