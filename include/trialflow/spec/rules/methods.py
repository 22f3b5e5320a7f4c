"""Rules about what the sources can give to the promised methods."""

from __future__ import annotations

from collections.abc import Iterator

from trialflow.spec.promise import Promise
from trialflow.spec.rules.rule import Circumstances, Complaint
from trialflow.spec.source import MomentsSource, UnitSource
from trialflow.spec.translation import did_you_mean


def cuped(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """CUPED reads what units did before their exposure."""
    reduction = promise.experiment.analysis.variance_reduction
    source = promise.sources.get(promise.experiment.source)
    if reduction.method == "cuped" and isinstance(source, MomentsSource):
        message = f"cuped needs unit-level facts, and source {source.name} holds {source.grain.value}"
        cure = "write method: none, or use a source with grain: units"
        yield Complaint(field="analysis.variance_reduction.method", value="cuped", message=message, cure=cure)


def aa(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """A/A validation splits units again; where there are none it is waived, with a reason that everybody sees."""
    experiment = promise.experiment
    source = promise.sources.get(experiment.source)
    if source is None or experiment.analysis.aa.waived:
        return
    field, waive = "analysis.aa.waived", "write waived: <the reason>"
    if isinstance(source, MomentsSource):
        message = f"is needed: source {source.name} holds {source.grain.value}, which cannot be split again"
        yield Complaint(field=field, value=None, message=message, cure=waive)
    elif source.population is None and not experiment.replay:
        message = f"is needed: source {source.name} names no population whose past could be split"
        cure = f"{waive}, or add population to sources/{source.name}.yaml"
        yield Complaint(field=field, value=None, message=message, cure=cure)


def novelty(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """The novelty contrast compares a unit's late days with its early ones."""
    policy = promise.experiment.analysis.novelty
    source = promise.sources.get(promise.experiment.source)
    if policy.policy == "none":
        return
    if isinstance(source, MomentsSource):
        message = f"needs unit-level facts, and source {source.name} holds {source.grain.value}"
        cure = "write policy: none, or use a source with grain: units"
        yield Complaint(field="analysis.novelty.policy", value=policy.policy, message=message, cure=cure)
    if policy.horizon_days < policy.early_days + policy.late_days:
        message = (
            f"is shorter than early_days + late_days ({policy.early_days} + {policy.late_days}): the windows overlap"
        )
        cure = f"write horizon_days: {policy.early_days + policy.late_days} or more"
        yield Complaint(field="analysis.novelty.horizon_days", value=policy.horizon_days, message=message, cure=cure)


def novelty_within_the_calendar(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Somebody can be observed for the whole horizon."""
    policy = promise.experiment.analysis.novelty
    if policy.policy == "none":
        return
    final = promise.experiment.calendar.days + promise.experiment.calendar.maturity_days
    if policy.horizon_days > final > 0:
        message, cure = f"is longer than the experiment with its maturity ({final} days)", f"write {final} at most"
        yield Complaint(field="analysis.novelty.horizon_days", value=policy.horizon_days, message=message, cure=cure)


def segments(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """A registered segment is one that the source can tell apart."""
    source = promise.sources.get(promise.experiment.source)
    seen: set[str] = set()
    for index, segmentation in enumerate(promise.experiment.segments):
        field, name = f"segments.{index}.dimension", segmentation.dimension
        if name in seen:
            cure = "list all values under one entry"
            yield Complaint(field=field, value=name, message="is used twice", cure=cure)
        seen.add(name)
        if len(set(segmentation.values)) < len(segmentation.values):
            values = list(segmentation.values)
            cure = "list each value once"
            yield Complaint(field=f"segments.{index}.values", value=values, message="has a value twice", cure=cure)
        if isinstance(source, UnitSource) and name not in source.exposures.segments:
            message = f"is not a dimension of source {source.name}"
            cure = did_you_mean(name, source.exposures.segments, otherwise=_declare(source, name))
            yield Complaint(field=field, value=name, message=message, cure=cure)
        if isinstance(source, MomentsSource) and None in (
            source.moments.segment_dimension,
            source.moments.segment_value,
        ):
            message = f"source {source.name} names no columns of segments"
            cure = f"add segment_dimension and segment_value to moments in sources/{source.name}.yaml"
            yield Complaint(field=field, value=name, message=message, cure=cure)


def one_database(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Facts are joined to exposures where they lie: same connection, same kind of source."""
    home = promise.sources.get(promise.experiment.source)
    for metric in promise.metrics.values():
        source = promise.sources.get(metric.source)
        if home is None or source is None or source is home:
            continue
        place = f"metrics/{metric.name}.yaml"
        if type(source) is not type(home):
            message = f"holds {source.grain.value}, and the experiment's source {home.name} holds {home.grain.value}"
            cure = f"use a metric whose source has the grain of {home.name}"
            yield Complaint(field="source", value=metric.source, message=message, cure=cure, where=place)
        elif source.connection != home.connection:
            message = (
                f"lies in connection {source.connection}, the exposures in {home.connection}; they cannot be joined"
            )
            cure = "bring both into one database, or define the metric on a source that lies there"
            yield Complaint(field="source", value=metric.source, message=message, cure=cure, where=place)


def _declare(source: UnitSource, dimension: str) -> str:
    known = ", ".join(sorted(source.exposures.segments)) or "none"
    return f"known: {known}; add {dimension} to exposures.segments in sources/{source.name}.yaml"
