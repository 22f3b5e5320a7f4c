"""The promise people write before an experiment starts."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from trialflow.spec.document import Day, Document, Name, Share, Slug, Text


class Role(StrEnum):
    """What a variant is for."""

    CONTROL = "control"
    TREATMENT = "treatment"
    HOLDOUT = "holdout"


class DesignKind(StrEnum):
    """Designs this version knows; each is one row of the table of designs."""

    AB = "ab"


class Variant(Document):
    """One arm: its planned share of the audience and the model it serves."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)]
    role: Role
    weight: Annotated[float, Field(gt=0.0, le=1.0)]
    model_version: str = Field(default="", max_length=120)
    description: str = Field(default="", max_length=500)


class Amount(Document):
    """A size on the metric's own scale (`absolute`) or as a share of the control mean (`relative`); exactly one."""

    absolute: Annotated[float, Field(gt=0.0)] | None = None
    relative: Annotated[float, Field(gt=0.0, lt=10.0)] | None = None

    def on_scale(self, control_mean: float) -> float:
        """The size on the metric's own scale, given the control mean."""
        return self.absolute if self.absolute is not None else (self.relative or 0.0) * abs(control_mean)


class Guardrail(Document):
    """A metric that must not get worse by more than `margin` (non-inferiority)."""

    metric: Name
    margin: Amount


class RampStep(Document):
    """Variant weights in force from the start of `day` on."""

    day: Day
    weights: dict[str, Share]


class Calendar(Document):
    """Days of the experiment, both inclusive, in `time_zone`.

    `maturity_days` are waited after `last_day` so that the last unit's window closes; `max_extension_days` may be added
    once, when the planned information is not reached on the last day.
    """

    first_day: Day
    last_day: Day
    maturity_days: int = Field(default=0, ge=0, le=180)
    max_extension_days: int = Field(default=0, ge=0, le=180)
    time_zone: str = "UTC"
    ramp: tuple[RampStep, ...] = ()

    @property
    def days(self) -> int:
        """Enrolment days."""
        return (self.last_day - self.first_day).days + 1

    def final_day(self, *, extended: bool = False) -> date:
        """The as_of of the last look: the last enrolled unit has matured."""
        extension = self.max_extension_days if extended else 0
        return self.last_day + timedelta(days=self.maturity_days + extension)


class Policy(StrEnum):
    """When a benefit may stop the experiment."""

    FIXED = "fixed"
    GROUP_SEQUENTIAL = "group_sequential"
    ALWAYS_VALID = "always_valid"


class Stopping(Document):
    """The stopping policy. `looks` are interim look days counted from 1 = first_day; the final look is implied."""

    policy: Policy = Policy.FIXED
    looks: tuple[Annotated[int, Field(ge=1, le=400)], ...] = ()


class VarianceReduction(Document):
    """CUPED with the metric's own pre-exposure value over `pre_period_days`, or none."""

    method: Literal["none", "cuped"] = "none"
    pre_period_days: int = Field(default=14, ge=1, le=90)


class Multiplicity(StrEnum):
    """Correction over secondary metrics and over segments."""

    NONE = "none"
    BONFERRONI = "bonferroni"
    HOLM = "holm"


class AaRequirement(Document):
    """A/A validation before the start; `waived` holds the reason when it is not done."""

    splits: int = Field(default=1000, ge=1000, le=100_000)
    pre_period_days: int = Field(default=14, ge=1, le=90)
    waived: Text | None = None


class NoveltyPolicy(Document):
    """How a fading (or growing) effect is treated: `required` blocks SHIP when unexplained, `report` only warns.

    Windows are days since first exposure; the late window must not overlap the early one. `alpha` is two-sided, for all
    treatments and all days on which the check may run together. `explained` holds the reason for a change that the team
    expects.
    """

    policy: Literal["required", "report", "none"] = "none"
    early_days: int = Field(default=3, ge=1, le=60)
    late_days: int = Field(default=3, ge=1, le=60)
    horizon_days: int = Field(default=7, ge=2, le=120)
    alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    explained: Text | None = None


class Analysis(Document):
    """Error rates and methods, fixed before the first unit is exposed. `guardrail_alpha`, `harm_alpha`: one-sided."""

    alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    power: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.8
    guardrail_alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    harm_alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.01
    srm_alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.001
    stopping: Stopping = Stopping()
    variance_reduction: VarianceReduction = VarianceReduction()
    multiplicity: Multiplicity = Multiplicity.HOLM
    aa: AaRequirement = AaRequirement()
    novelty: NoveltyPolicy = NoveltyPolicy()


class Baseline(Document):
    """What is known of a metric before the start, where no history can be read; both are per unit."""

    mean: float
    std_dev: Annotated[float, Field(gt=0.0)]


class Primary(Document):
    """The metric the verdict rests on and the smallest effect worth having."""

    metric: Name
    minimum_effect: Amount


class Segments(Document):
    """A pre-registered segmentation: a dimension of the source and the values that may carry a PARTIAL verdict."""

    dimension: Name
    values: tuple[str, ...] = Field(min_length=1)


class Metrics(Document):
    """Roles of metrics in this experiment."""

    primary: Primary
    secondary: tuple[Name, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    diagnostics: tuple[Name, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every metric once, in the order primary, secondary, guardrails, diagnostics."""
        guarded = tuple(guardrail.metric for guardrail in self.guardrails)
        ordered = (self.primary.metric, *self.secondary, *guarded, *self.diagnostics)
        return tuple(dict.fromkeys(ordered))


class RolloutStep(Document):
    """Share of the audience that gets the winner, and for how many days."""

    share: Annotated[float, Field(gt=0.0, le=1.0)]
    days: int = Field(ge=1, le=90)


class Canary(Document):
    """The share of the audience that gets the treatments before the experiment, on the `days` up to the eve of first_day."""

    share: Annotated[float, Field(gt=0.0, le=0.1)] = 0.01
    days: int = Field(default=1, ge=1, le=28)


class DecisionRules(Document):
    """What must be shown besides the primary metric for a SHIP, and the ramp that follows one.

    `rollout_key` names the rollout in the exposure log, `<slug>-rollout` unless stated. In a replay nothing is rolled out
    unless it is stated: then the replayed log holds the rollout. `system_guardrails` gate the ramp beside the guardrails.
    """

    require_guardrails: bool = True
    allow_partial: bool = True
    rollout: tuple[RolloutStep, ...] = ()
    rollout_key: Slug | None = None
    watch_days: int = Field(default=0, ge=0, le=400)
    system_guardrails: tuple[Guardrail, ...] = ()
    canary: Canary | None = None


class Experiment(Document):
    """A promise, one file each under `include/experiments/`; the file's name is the slug."""

    slug: Slug
    title: Text
    hypothesis: Text
    mechanism: Text
    owner: Text
    slack_channel: str = Field(default="", max_length=80)
    source: Name
    unit: Name
    design: DesignKind = DesignKind.AB
    layer: Name
    audience: Text
    variants: tuple[Variant, ...] = Field(min_length=2, max_length=10)
    metrics: Metrics
    segments: tuple[Segments, ...] = ()
    calendar: Calendar
    analysis: Analysis = Analysis()
    decision: DecisionRules = DecisionRules()
    baselines: dict[Name, Baseline] = Field(default_factory=dict)
    replay: bool = False
    notes: str = Field(default="", max_length=4000)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Every metric that the promise rests on: those of the experiment, then those that only gate its rollout."""
        gates = tuple(guardrail.metric for guardrail in self.decision.system_guardrails)
        return tuple(dict.fromkeys((*self.metrics.names, *gates)))

    @cached_property
    def control(self) -> Variant:
        """The variant everything is compared with: the control, or the holdout where there is no control."""
        by_role = {variant.role: variant for variant in reversed(self.variants)}
        return by_role.get(Role.CONTROL) or by_role[Role.HOLDOUT]

    @cached_property
    def treatments(self) -> tuple[Variant, ...]:
        """Variants compared with control, in the order of the promise."""
        return tuple(variant for variant in self.variants if variant.role is Role.TREATMENT)

    @property
    def alpha_per_treatment(self) -> float:
        """Two-sided alpha of the primary metric for one treatment: the total is split over treatments (Bonferroni)."""
        return self.analysis.alpha / max(len(self.treatments), 1)

    def look_days(self, *, extended: bool = False) -> tuple[date, ...]:
        """as_of of every planned look of the success metric, ascending; the last is the final look.

        `extended` adds the look after the extension; the former final look is then an interim one.
        """
        first = self.calendar.first_day
        finals = {self.calendar.final_day()} | ({self.calendar.final_day(extended=True)} if extended else set())
        interim = {first + timedelta(days=day - 1) for day in self.analysis.stopping.looks}
        return tuple(sorted({day for day in interim if day < max(finals)} | finals))

    def weights_on(self, day: date) -> dict[str, float]:
        """Planned shares in force on a day: the last ramp step begun, else the variants' own weights; sums to 1."""
        weights = {variant.name: variant.weight for variant in self.variants}
        for step in sorted(self.calendar.ramp, key=lambda step: step.day):
            if step.day <= day:
                weights = {name: step.weights.get(name, 0.0) for name in weights}
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items()}
