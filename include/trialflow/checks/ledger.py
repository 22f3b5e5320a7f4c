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
from trialflow.checks.contrasts import information_of
from trialflow.checks.history import History
from trialflow.spec.look import Look, LookPurpose
from trialflow.stats.fixed_horizon import normal_score
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

    @property
    def late_crossings(self) -> tuple[Look, ...]:
        """Looks that lie beyond their boundary only on restated data: a person must judge them."""
        return tuple(look for look in self.taken if look.z >= look.boundary and not look.crossed)


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
    is spent on it, and it is not made up for once a later look is on record, because that one has had its share. Looks
    on record count whatever is planned now. Revisions count as crossed only if the first record was crossed as well.
    """
    z = sign * normal_score(estimate)
    information = information_of(estimate)
    position = {day: index for index, day in enumerate(days)}
    planned = dict(zip(look_days, fractions, strict=True))
    recorded = history.series(variant=variant, metric=metric, purpose=budget.purpose)
    newest = max(recorded, default=date.min)
    taken: list[Look] = []
    new: list[Look] = []
    for day in sorted({*planned, *recorded} & {*position}):
        at = position[day]
        if day in recorded:
            look = _revised(recorded[day], float(z[at]), _fingerprint(estimate, at))
            if look is not recorded[day][-1]:
                new.append(look)
            taken.append(replace(look, crossed=look.crossed and recorded[day][0].crossed))
        elif day > newest and np.isfinite(z[at]):
            boundary, spent = _spend(budget, taken, float(information[at]), planned[day])
            statistic = number(float(z[at])) or 0.0
            look = Look(
                experiment=experiment,
                variant=variant,
                metric=metric,
                purpose=budget.purpose,
                as_of=day,
                information=number(float(information[at])) or 0.0,
                alpha_spent=spent,
                boundary=boundary,
                z=statistic,
                crossed=statistic >= boundary,
                data_fingerprint=_fingerprint(estimate, at),
            )
            new.append(look)
            taken.append(look)
    return Series(taken=tuple(taken), new=tuple(new))


def boundaries_ahead(
    budget: Budget, taken: Sequence[Look], information: Sequence[float], fractions: Sequence[float]
) -> list[float]:
    """Boundaries of looks to come, (look,), if they bring this information; inf where nothing can be stopped.

    A forecast: what a look will really spend is settled when it is taken.
    """
    past, found = list(taken), []
    for one, fraction in zip(information, fractions, strict=True):
        boundary, spent = _spend(budget, past, one, fraction)
        past.append(
            Look(
                experiment="",
                variant="",
                metric="",
                purpose=budget.purpose,
                as_of=date.max,
                information=one,
                alpha_spent=spent,
                boundary=boundary,
                z=0.0,
                crossed=False,
                data_fingerprint="",
            )
        )
        found.append(np.inf if boundary >= UNREACHABLE else boundary)
    return found


def _spend(budget: Budget, past: Sequence[Look], information: float, fraction: float) -> tuple[float, float]:
    """The boundary of the next look and the alpha spent with it, cumulative.

    Information that did not grow does not stop a look: a final one must be able to spend what is left.
    """
    spent = float(alpha_spent(budget.spending, min(fraction, 1.0), budget.alpha, budget.sides))
    boundary = next_boundary(
        past_information=[look.information for look in past],
        past_boundaries=[np.inf if look.boundary >= UNREACHABLE else look.boundary for look in past],
        past_alpha_spent=[look.alpha_spent for look in past],
        information=information,
        alpha_to_spend=spent,
        sides=budget.sides,
    )
    if np.isfinite(boundary):
        return number(boundary) or UNREACHABLE, number(spent) or 0.0
    # Nothing could be stopped here, so nothing is spent: the share stays for the looks to come.
    return UNREACHABLE, past[-1].alpha_spent if past else 0.0


def _revised(recorded: Sequence[Look], z: float, mark: str) -> Look:
    """The look as restated data have it; data that are gone change nothing."""
    last = recorded[-1]
    if last.data_fingerprint == mark or not np.isfinite(z):
        return last
    statistic = number(z) or 0.0
    return replace(
        last, z=statistic, crossed=statistic >= last.boundary, data_fingerprint=mark, revision=last.revision + 1
    )


def _fingerprint(estimate: Estimate, at: int) -> str:
    numbers = (estimate.estimate[at], estimate.std_error[at], estimate.df[at])
    text = "|".join(f"{float(value):.10g}" for value in numbers)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
