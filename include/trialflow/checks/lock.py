"""The lock: what runs is what was promised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.spec.amendment import Difference


def lock(
    experiment: str,
    as_of: date,
    *,
    registered: str,
    recomputed: str,
    differences: Sequence[Difference],
    amendments: int,
) -> Checked:
    """Compare fingerprints: the registered one, the stored promise's recomputed one, and today's files'.

    FAIL when the record itself no longer matches its fingerprint. WARN when a file differs from the promise: the run
    goes on with the registered promise, and the difference needs an amendment with a reason.
    """
    evidence = {
        "registered": registered,
        "recomputed": recomputed,
        "differences": [{"field": d.field, "before": str(d.before), "after": str(d.after)} for d in differences],
        "amendments": amendments,
    }
    if registered != recomputed:
        status = Status.FAIL
        headline = "The stored promise does not match its own fingerprint: the record was changed from outside."
        step = "Restore the registry from its back-up; nothing computed from this record can be trusted."
    elif differences:
        status = Status.WARN
        fields = ", ".join(difference.field for difference in differences[:3])
        headline = f"The files differ from the locked promise ({fields}); the run used the promise."
        step = "Register the change as an amendment with a reason, or restore the files."
    else:
        status, headline, step = Status.PASS, "The promise is unchanged since its registration.", ""
        if amendments:
            headline = f"The promise is unchanged since its last amendment ({amendments} in all)."
    return Checked(
        finding=Finding(
            experiment=experiment,
            check="lock",
            as_of=as_of,
            status=status,
            headline=headline,
            evidence=evidence,
            next_step=step,
            blocks=status is Status.FAIL,
        )
    )
