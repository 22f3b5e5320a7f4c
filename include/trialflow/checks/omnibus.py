"""Three or more variants: one test that they are all alike, before any of them is compared with control."""

from __future__ import annotations

from typing import Any

from trialflow.checks.comparison import number
from trialflow.checks.contrasts import adjustment_of
from trialflow.spec.metric import MetricKind
from trialflow.spec.promise import Promise
from trialflow.stats.cuped import linearised
from trialflow.stats.moments import JointMoments, Moments
from trialflow.stats.omnibus import chi_square_of_shares, welch_anova
from trialflow.stats.results import Gap
from trialflow.warehouse.summary import Summary

SHARES = frozenset({MetricKind.PROPORTION, MetricKind.RETENTION})


def omnibus(promise: Promise, summary: Summary, metric: str) -> dict[str, Any] | None:
    """The row of one metric on the last day: a chi-square of shares, else Welch's analysis of variance.

    Adjusted means under CUPED, linearised units for ratios. A p-value of one planned look, so only for a final one. It
    corrects nothing: the comparisons with control have their own correction. Without a number the row has a `reason`
    instead. None for two variants, for quantiles and where the source gave nothing.
    """
    found = summary.of(metric)
    compared = (promise.experiment.control, *promise.experiment.treatments)
    kind = promise.metrics[metric].kind
    if found is None or len(compared) < 3 or kind is MetricKind.QUANTILE or not len(summary.days):
        return None
    adjustment = adjustment_of(promise, found.variables)
    today = found.moments.take(-1, [summary.variants.index(variant.name) for variant in compared])  # type: ignore[arg-type]
    pooled = adjustment is None and kind in SHARES
    values = _values(today, kind) if adjustment is None else adjustment.adjust(today).moments
    result = (chi_square_of_shares if pooled else welch_anova)(values)
    row: dict[str, Any] = {"metric": metric, "method": result.method}
    if not bool(result.estimable):
        return row | {"reason": f"not computed: {_why(Gap(int(result.gap)), pooled=pooled)}"}
    return row | {
        "statistic": number(float(result.statistic)),
        "df": number(float(result.df)),
        "df_within": number(float(result.df_within)),
        "p_value": number(float(result.p_value)),
    }


def _why(gap: Gap, *, pooled: bool) -> str:
    # A chi-square fails where no variant's values vary, Welch's analysis already at the first such variant.
    return "one variant's values do not vary" if gap is Gap.NO_VARIATION and not pooled else gap.reason


def _values(today: JointMoments, kind: MetricKind) -> Moments:
    return (linearised(today) if kind is MetricKind.RATIO else today).variable(0)
