"""Secondary and diagnostic metrics at the final look: secondary ones corrected as promised, diagnostics descriptive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from trialflow.checks.comparing import compare
from trialflow.checks.comparison import Comparison, number
from trialflow.checks.finding import Finding, Status
from trialflow.checks.guardrails import guarded_contrasts
from trialflow.checks.history import Checked
from trialflow.checks.omnibus import omnibus
from trialflow.spec.experiment import Multiplicity
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Floats
from trialflow.stats.multiplicity import bonferroni, holm
from trialflow.warehouse.summary import Summary

CORRECTIONS: Mapping[Multiplicity, Callable[[Floats], Floats]] = {
    Multiplicity.BONFERRONI: bonferroni,
    Multiplicity.HOLM: holm,
    Multiplicity.NONE: lambda p_values: p_values,
}


def corrected(comparisons: Sequence[Comparison], multiplicity: Multiplicity) -> tuple[Comparison, ...]:
    """The comparisons with adjusted p-values over all that have one."""
    with_p = [index for index, one in enumerate(comparisons) if one.p_value is not None]
    if not with_p:
        return tuple(comparisons)
    adjusted = CORRECTIONS[multiplicity](np.asarray([comparisons[index].p_value for index in with_p]))
    result = list(comparisons)
    for index, value in zip(with_p, adjusted, strict=True):
        result[index] = replace(result[index], adjusted_p_value=number(float(value)))
    return tuple(result)


def secondary(promise: Promise, summary: Summary) -> Checked:
    """Every secondary and diagnostic metric, once, at the final look."""
    experiment = promise.experiment
    level = 1.0 - experiment.analysis.alpha
    rows = [
        compare(contrast, role="secondary", level=level, with_p_value=True)
        for name in experiment.metrics.secondary
        for contrast in guarded_contrasts(promise, summary, name)
    ]
    diagnostics = [
        compare(contrast, role="diagnostic", level=level)
        for name in experiment.metrics.diagnostics
        for contrast in guarded_contrasts(promise, summary, name)
    ]
    comparisons = [*corrected(rows, experiment.analysis.multiplicity), *diagnostics]
    promised = (*experiment.metrics.secondary, *experiment.metrics.diagnostics)
    missing = [one.metric for one in comparisons if one.estimate is None]
    missing += [name for name in promised if name not in {one.metric for one in comparisons}]
    known = dict.fromkeys(one.metric for one in comparisons if one.role == "secondary" and one.estimate is not None)
    status = Status.NOT_APPLICABLE if not promised else Status.NO_DATA if missing else Status.PASS
    headline = {
        Status.NOT_APPLICABLE: "The promise names no secondary or diagnostic metric.",
        Status.NO_DATA: f"There is no number for {', '.join(dict.fromkeys(missing))}.",
        Status.PASS: f"{len(comparisons)} secondary and diagnostic comparisons are computed.",
    }[status]
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="secondary",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence={
                "comparisons": [one.document() for one in comparisons],
                "omnibus": [row for name in known if (row := omnibus(promise, summary, name)) is not None],
                "multiplicity": experiment.analysis.multiplicity.value,
                "alpha": experiment.analysis.alpha,
            },
        )
    )
