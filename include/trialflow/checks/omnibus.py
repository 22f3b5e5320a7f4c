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
from trialflow.warehouse.summary import Summary

SHARES = frozenset({MetricKind.PROPORTION, MetricKind.RETENTION})


def omnibus(promise: Promise, summary: Summary, metric: str) -> dict[str, Any] | None:
    """The row of one metric on the last day: a chi-square of shares, else Welch's analysis of variance.

    Adjusted means under CUPED, linearised units for ratios. A p-value of one planned look, so only for a final one. It
    corrects nothing: the comparisons with control have their own correction. None for two variants, for quantiles and
    where the source gave nothing.
    """
    found = summary.of(metric)
    compared = (promise.experiment.control, *promise.experiment.treatments)
    kind = promise.metrics[metric].kind
    if found is None or len(compared) < 3 or kind is MetricKind.QUANTILE or not len(summary.days):
        return None
    adjustment = adjustment_of(promise, found.variables)
    today = found.moments.take(-1, [summary.variants.index(variant.name) for variant in compared])  # type: ignore[arg-type]
    if adjustment is not None:
        result = welch_anova(adjustment.adjust(today).moments)
    else:
        result = (chi_square_of_shares if kind in SHARES else welch_anova)(_values(today, kind))
    return {
        "metric": metric,
        "method": result.method,
        "statistic": number(float(result.statistic)),
        "df": number(float(result.df)),
        "df_within": number(float(result.df_within)),
        "p_value": number(float(result.p_value)),
    }


def _values(today: JointMoments, kind: MetricKind) -> Moments:
    return (linearised(today) if kind is MetricKind.RATIO else today).variable(0)
