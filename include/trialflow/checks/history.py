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

    def revisions(self, *, variant: str, metric: str, purpose: LookPurpose, as_of: date) -> tuple[Look, ...]:
        """The revisions of one look, oldest first; empty when it was never taken."""
        wanted = (variant, metric, purpose, as_of)
        found = [look for look in self.looks if (look.variant, look.metric, look.purpose, look.as_of) == wanted]
        return tuple(sorted(found, key=lambda look: look.revision))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One finding, and the looks it took or re-evaluated (only those that are not in the history already)."""

    finding: Finding
    looks: tuple[Look, ...] = ()
