"""The record as pandas tables, for notebooks and spreadsheets: one row per comparison, look, finding or decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from trialflow.checks.comparison import Comparison
from trialflow.registry import Registry
from trialflow.stages.sign import signed_decision

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


def comparisons(registry: Registry, slugs: Iterable[str], as_of: date | None = None) -> pd.DataFrame:
    """Every comparison that any check made: effect, interval and role per experiment, day, check, variant and metric."""
    return _frame(
        {"experiment": finding.experiment, "as_of": finding.as_of, "check": finding.check}
        | Comparison.from_document(row).document()
        for slug in slugs
        for finding in registry.findings(slug, as_of=as_of)
        for row in finding.evidence.get("comparisons", ())
    )


def looks(registry: Registry, slugs: Iterable[str], as_of: date | None = None) -> pd.DataFrame:
    """The ledger of alpha: every look in its latest revision."""
    return _frame(
        {
            "experiment": look.experiment,
            "as_of": look.as_of,
            "variant": look.variant,
            "metric": look.metric,
            "purpose": look.purpose.value,
            "information": look.information,
            "alpha_spent": look.alpha_spent,
            "boundary": look.boundary,
            "z": look.z,
            "crossed": look.crossed,
            "revision": look.revision,
        }
        for slug in slugs
        for look in registry.looks(slug)
        if as_of is None or look.as_of == as_of
    )


def findings(registry: Registry, slugs: Iterable[str], as_of: date | None = None) -> pd.DataFrame:
    """What every check said on every day."""
    return _frame(
        {
            "experiment": finding.experiment,
            "as_of": finding.as_of,
            "check": finding.check,
            "status": finding.status.value,
            "headline": finding.headline,
            "next_step": finding.next_step,
            "fingerprint": finding.fingerprint,
        }
        for slug in slugs
        for finding in registry.findings(slug, as_of=as_of)
    )


def decisions(registry: Registry, slugs: Iterable[str], as_of: date | None = None) -> pd.DataFrame:
    """Every verdict with its reasons, and what was signed under it."""
    return _frame(
        {
            "experiment": slug,
            "as_of": decision.as_of,
            "verdict": decision.verdict.value,
            "hold_reason": decision.hold_reason.value if decision.hold_reason else None,
            "variant": decision.variant,
            "segment": decision.segment,
            "final_verdict": decision.final_verdict.value,
            "overridden": decision.overridden,
            "signed_by": decision.signed_by,
            "rationale": decision.signature.rationale if decision.signature else "",
            "reasons": " ".join(reason.text for reason in decision.reasons),
        }
        for slug in slugs
        for stored in registry.decisions(slug)
        if as_of is None or stored.as_of == as_of
        if (decision := signed_decision(registry, slug, stored.as_of)) is not None
    )


FRAMES: Mapping[str, Callable[[Registry, Iterable[str], date | None], pd.DataFrame]] = {
    "comparisons": comparisons,
    "looks": looks,
    "findings": findings,
    "decisions": decisions,
}


def _frame(rows: Iterable[Row]) -> pd.DataFrame:
    import pandas as pd  # slow to import, and no daily run needs it

    frame = pd.DataFrame(list(rows))
    if not frame.empty:
        frame["as_of"] = pd.to_datetime(frame["as_of"])
    return frame
