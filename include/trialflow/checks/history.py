"""What a check may know besides data: the looks already recorded; and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from trialflow.checks.finding import Finding
from trialflow.spec.look import Look, LookPurpose


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Every recorded look of one experiment, in all revisions."""

    looks: tuple[Look, ...] = ()

    def series(self, *, variant: str, metric: str, purpose: LookPurpose) -> dict[date, tuple[Look, ...]]:
        """The looks of one series by day, ascending; each with its revisions, oldest first."""
        wanted = (variant, metric, purpose)
        found: dict[date, tuple[Look, ...]] = {}
        for look in sorted(self.looks, key=lambda look: (look.as_of, look.revision)):
            if (look.variant, look.metric, look.purpose) == wanted:
                found[look.as_of] = (*found.get(look.as_of, ()), look)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One finding, and the looks it took or re-evaluated (only those that are not in the history already)."""

    finding: Finding
    looks: tuple[Look, ...] = ()
