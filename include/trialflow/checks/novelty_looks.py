"""How strong a change with days since exposure must be on each day, so that looking on any of them spends alpha once.

The novelty check runs weekly, with every final analysis and whenever somebody asks. Its boundary is therefore made for a
look on every day on which the balanced cohort can grow (ADR 0020): whoever looks on fewer of them errs less.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from trialflow.checks.expected_power import enrolled_shares, paired
from trialflow.spec.experiment import Experiment
from trialflow.stats.group_sequential import boundaries
from trialflow.stats.moments import Floats
from trialflow.stats.repeated import repeated_p_values
from trialflow.stats.spending import SpendingFunction

# Spent by share t of the planned information: alpha t². The last look keeps most of it, and an early decision is not blind.
SPENDING, EXPONENT = SpendingFunction.POWER, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoveltyLook:
    """One day's look at one treatment.

    `shares` are those of the planned information by this look and all before it, `boundary_z` is the critical value (inf
    where no cohort was planned by then), `alpha_spent` the cumulative two-sided alpha of this treatment, which is one of
    `treatments` that share the promised one evenly.
    """

    shares: tuple[float, ...]
    boundary_z: float
    alpha_spent: float
    treatments: int

    def p_value(self, z: float) -> float:
        """The smallest promised alpha that would have rejected with `z` at this look, over all looks and treatments.

        To six digits: it is the root of an integral.
        """
        if not self.shares or np.isnan(z):
            return 1.0
        scores = np.append(np.full(len(self.shares) - 1, np.nan), z)
        repeated = repeated_p_values(
            scores, self.shares, fractions=self.shares, spending=SPENDING, parameter=EXPONENT
        ).repeated_p_value
        return float(f"{min(float(repeated[-1]) * self.treatments, 1.0):.6g}")


def novelty_look(experiment: Experiment, treatment: str, as_of: date) -> NoveltyLook:
    """The look of `as_of`; after the last day that the calendar allows it is the last look again."""
    treatments = max(len(experiment.treatments), 1)
    planned = cohort_information(experiment, treatment)
    horizon = experiment.analysis.novelty.horizon_days
    reached = (as_of - experiment.calendar.first_day).days + 2 - horizon
    so_far = planned[: max(reached, 0)]
    # A day on which a ramp gives the treatment nobody adds no information and no look.
    grown = so_far[np.diff(so_far, prepend=0.0) > 0.0]
    if not len(grown):
        return NoveltyLook(shares=(), boundary_z=np.inf, alpha_spent=0.0, treatments=treatments)
    shares = grown / planned[-1]
    bound = boundaries(
        shares,
        fractions=shares,
        alpha=experiment.analysis.novelty.alpha / treatments,
        spending=SPENDING,
        parameter=EXPONENT,
    )
    return NoveltyLook(
        shares=tuple(shares.tolist()),
        boundary_z=float(bound.z[-1]),
        alpha_spent=float(bound.alpha_spent[-1]),
        treatments=treatments,
    )


def cohort_information(experiment: Experiment, treatment: str) -> Floats:
    """Planned information about the contrast by each day on which the cohort can grow, (day,), in units of one day's units.

    Every day brings as many units, of which the variants get the shares in force; a unit counts once its horizon is over.
    The last day is that of the longest possible run.
    """
    calendar = experiment.calendar
    last = calendar.final_day(extended=calendar.max_extension_days > 0)
    observed = (last - calendar.first_day).days + 2 - experiment.analysis.novelty.horizon_days
    enrolled = min(max(observed, 0), calendar.days + calendar.max_extension_days)
    return paired(*enrolled_shares(experiment, treatment, enrolled))
