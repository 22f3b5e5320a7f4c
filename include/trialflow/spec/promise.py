"""A promise with everything it rests on: what is fingerprinted and locked at registration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trialflow.spec.experiment import Experiment
from trialflow.spec.metric import Metric
from trialflow.spec.source import MomentsSource, UnitSource


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPlan:
    """What registration computed for a metric from its baseline, locked from then on.

    `baseline_mean` and `baseline_std_dev` are per unit (of a ratio metric: of its linearised value). `minimum_effect`
    is absolute. `units_per_variant` is what the power asks for in each variant (None where no power was planned);
    `planned_information` is the 1 / std_error² at which the final look is due, inflated for the stopping policy.
    """

    metric: str
    baseline_mean: float
    baseline_std_dev: float
    minimum_effect: float | None = None
    units_per_variant: int | None = None
    planned_information: float | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCap:
    """A cap that was promised as a quantile: the `value` it had among `units` units before the start, locked."""

    metric: str
    quantile: float
    value: float
    units: int
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The locked plan: numbers per metric, units a day seen in the traffic, and the tuning of confidence sequences.

    `expected_units` is the number of units expected in all variants by the end of the calendar; `tuning_units` the
    total sample size at which confidence sequences are tightest (fixed before data).
    """

    metrics: tuple[MetricPlan, ...] = ()
    units_per_day: float | None = None
    expected_units: int | None = None
    tuning_units: int | None = None
    caps: tuple[PlannedCap, ...] = ()

    def of(self, metric: str) -> MetricPlan | None:
        """The plan of one metric, if registration could make one."""
        return next((plan for plan in self.metrics if plan.metric == metric), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """An experiment with its resolved metrics and sources. `plan` is computed at registration and not fingerprinted."""

    experiment: Experiment
    metrics: Mapping[str, Metric]
    sources: Mapping[str, UnitSource | MomentsSource]
    plan: Plan = field(default_factory=Plan)

    @property
    def slug(self) -> str:
        """The experiment's slug."""
        return self.experiment.slug

    @property
    def source(self) -> UnitSource | MomentsSource:
        """The source the experiment's exposures come from."""
        return self.sources[self.experiment.source]

    def cap_of(self, metric: Metric) -> float | None:
        """The highest value a unit may have: as stated, or as registration resolved it; None where there is no cap.

        None too for a quantile that is not resolved yet: `metric.cap` then says so.
        """
        if metric.cap is None or metric.cap.value is not None:
            return metric.cap.value if metric.cap else None
        return next((cap.value for cap in self.plan.caps if cap.metric == metric.name), None)

    @property
    def simulated(self) -> bool:
        """Whether any of the data is simulated; whatever shows it must say so."""
        return any(source.simulated for source in self.sources.values())
