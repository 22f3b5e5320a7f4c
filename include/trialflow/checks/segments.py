"""Pre-registered segments at the final look: the primary metric in each, corrected over all of them."""

from __future__ import annotations

from dataclasses import replace

from trialflow.checks.comparing import compare
from trialflow.checks.contrasts import contrasts
from trialflow.checks.differences import heterogeneity_rows, simpson_rows
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.checks.secondary import corrected
from trialflow.spec.experiment import Multiplicity
from trialflow.spec.promise import Promise
from trialflow.warehouse.summary import Segment, Summary


def segments(promise: Promise, summary: Summary) -> Checked:
    """The rule in every promised segment. A segmentation that was not promised is never looked at."""
    experiment = promise.experiment
    metric = experiment.metrics.primary.metric
    promised = [
        Segment(dimension=segmentation.dimension, value=value)
        for segmentation in experiment.segments
        for value in segmentation.values
    ]
    rows = [
        compare(contrast, role="primary", level=1.0 - experiment.analysis.alpha, with_p_value=True)
        for segment in promised
        for contrast in contrasts(promise, summary, metric, segment)
    ]
    asked = experiment.analysis.multiplicity
    # A PARTIAL verdict rests on these, so they are corrected even where the promise leaves secondary metrics alone.
    comparisons = corrected(rows, Multiplicity.HOLM if asked is Multiplicity.NONE else asked)
    alpha = experiment.analysis.alpha
    sign = promise.metrics[metric].direction.sign
    judged = [
        replace(
            one,
            crossed=one.adjusted_p_value is not None and one.adjusted_p_value <= alpha and _good(one.estimate, sign),
        )
        for one in comparisons
    ]
    found = [f"{one.segment_dimension} = {one.segment_value} ({one.variant})" for one in judged if one.crossed]
    seen = {(one.segment_dimension, one.segment_value) for one in judged if one.estimate is not None}
    missing = [str(segment) for segment in promised if (segment.dimension, segment.value) not in seen]
    if not promised:
        status, headline = Status.NOT_APPLICABLE, "The promise names no segment."
    elif missing:
        status, headline = Status.NO_DATA, f"There is no number for {', '.join(missing)}."
    else:
        shown = f"A benefit is shown in {', '.join(found)}" if found else "No segment shows a benefit by itself"
        status, headline = Status.PASS, f"{shown}, after correction over {len(judged)} comparisons."
    splits = simpson_rows(promise, summary)
    uneven = list(dict.fromkeys(row["dimension"] for row in splits if row["uneven"]))
    if uneven and status is Status.PASS:
        status = Status.WARN
        headline += f" The split differs between the segments of {', '.join(uneven)}: read the effect by segment."
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="segments",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence={
                "comparisons": [one.document() for one in judged],
                "alpha": alpha,
                "heterogeneity": heterogeneity_rows(promise, summary),
                "simpson": splits,
            },
        )
    )


def _good(estimate: float | None, sign: int) -> bool:
    return estimate is not None and sign * estimate > 0
