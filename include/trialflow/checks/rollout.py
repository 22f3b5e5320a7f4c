"""The gates of a ramp: the experiment's own checks, on a promise derived for one step.

Each step is an experiment of its own: the units exposed on its days, under the rollout's key, in the shares of the step.
Pooling steps would compare control units of the first days with winners of the last ones, since the shares change; and
a unit that control had yesterday and the winner today belongs to both. The promised error rates are split evenly over
the steps that have somebody to compare with (Bonferroni), so they hold over the whole ramp whatever returns when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from trialflow.checks.completeness import completeness
from trialflow.checks.finding import Finding, Status
from trialflow.checks.harm import harm
from trialflow.checks.history import Checked, History
from trialflow.checks.srm import srm
from trialflow.errors import NotSupportedError
from trialflow.spec.experiment import Analysis, Calendar, Experiment, Metrics, NoveltyPolicy, Role, Variant
from trialflow.spec.look import Look
from trialflow.spec.promise import Promise
from trialflow.spec.source import MomentsSource, UnitSource
from trialflow.warehouse.summary import Summary

BROKEN_STEP = "Hold the share. Find the cause, then order resume_rollout or roll_back with the reason."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The days of one step with one beginning: from `first` to `last`, both inclusive, at `share` of the audience.

    `number` counts steps from 1; `attempt` counts the beginnings of the same step, from 0: after a broken split a person
    lets it begin anew, and what was compared before does not count any more.
    """

    number: int
    share: float
    first: date
    last: date
    attempt: int = 0

    @property
    def name(self) -> str:
        """The mark of its looks in the ledger: `step 2`, or `step 2, again 1`; number 0 is the canary."""
        step = f"step {self.number}" if self.number else "canary"
        return step + (f", again {self.attempt}" if self.attempt else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramped:
    """What is ramped: the winner (a canary: every treatment), under which key it is logged, and among whom.

    `segment` is "dimension = value" of a PARTIAL verdict, empty for everybody. `gated_steps` is the number of steps that
    have somebody to compare with; the error rates are split over them.
    """

    variants: tuple[str, ...]
    key: str
    segment: str = ""
    gated_steps: int = 1


def baseline_of(experiment: Experiment, share: float) -> Variant | None:
    """Who the winner is compared with at a share: control, at 100 % the holdout if the promise keeps one, else nobody."""
    if share < 1.0:
        return experiment.control
    return next((variant for variant in experiment.variants if variant.role is Role.HOLDOUT), None)


def step_promise(promise: Promise, ramped: Ramped, stretch: Stretch) -> Promise:
    """The promise of one step: same metrics and sources, the step's days and shares, the rollout's key as slug.

    Where nobody is left to compare with, the winner stands alone, in the role of control. No covariate: what came
    before a unit's exposure in the ramp may be the experiment itself. Raises NotSupportedError for a segment on a source
    without units.
    """
    experiment = promise.experiment
    rules, metrics = experiment.decision, experiment.metrics
    gates = (*metrics.guardrails, *rules.system_guardrails)
    wait = max(_window_of(promise, name) for name in (metrics.primary.metric, *(rail.metric for rail in gates)))
    share_of_alpha = 1.0 / max(ramped.gated_steps, 1)
    analysis = experiment.analysis
    derived = _with(
        experiment,
        {
            "slug": ramped.key,
            "variants": _variants(experiment, ramped.variants, stretch.share),
            "metrics": Metrics(primary=metrics.primary, guardrails=gates),
            "segments": (),
            "calendar": Calendar(
                first_day=stretch.first,
                last_day=stretch.last,
                maturity_days=wait,
                time_zone=experiment.calendar.time_zone,
            ),
            "analysis": Analysis(
                alpha=analysis.alpha,
                guardrail_alpha=analysis.guardrail_alpha,
                harm_alpha=analysis.harm_alpha * share_of_alpha,
                srm_alpha=analysis.srm_alpha * share_of_alpha,
                novelty=_novelty(analysis.novelty),
            ),
        },
    )
    return replace(promise, experiment=derived, sources=_only(promise, ramped.segment))


def before_promise(promise: Promise, ramped: Ramped) -> Promise:
    """The experiment itself, with the ramp's metrics and segment: what its control tells of the time before the launch."""
    experiment = promise.experiment
    gates = (*experiment.metrics.guardrails, *experiment.decision.system_guardrails)
    plain = _with(
        experiment,
        {
            "metrics": Metrics(primary=experiment.metrics.primary, guardrails=gates),
            "segments": (),
            "analysis": Analysis(alpha=experiment.analysis.alpha),
        },
    )
    return replace(promise, experiment=plain, sources=_only(promise, ramped.segment))


def _with(experiment: Experiment, changes: Mapping[str, object]) -> Experiment:
    """The experiment with other fields. Not `model_copy`: it would keep cached roles of the variants before."""
    fields = {name: getattr(experiment, name) for name in Experiment.model_fields}
    return Experiment.model_construct(**(fields | dict(changes)))


def _window_of(promise: Promise, metric: str) -> int:
    window = promise.metrics[metric].window
    return window.to_day if window else 0


def _variants(experiment: Experiment, names: tuple[str, ...], share: float) -> tuple[Variant, ...]:
    """What is ramped and who it is compared with. Variants keep their names, which the log knows them by."""
    ramped = [variant for variant in experiment.variants if variant.name in names]
    beside = baseline_of(experiment, share)
    if beside is None:
        return tuple(variant.model_copy(update={"role": Role.CONTROL, "weight": 1.0}) for variant in ramped[:1])
    treated = share if share < 1.0 else 1.0 - beside.weight
    return (
        beside.model_copy(update={"role": Role.CONTROL, "weight": 1.0 - treated}),
        *(variant.model_copy(update={"weight": treated / len(ramped)}) for variant in ramped),
    )


def _novelty(promised: NoveltyPolicy) -> NoveltyPolicy:
    """The re-check after a launch only reports: nobody ships on it any more."""
    return promised.model_copy(update={"policy": "report", "explained": None})


def _only(promise: Promise, segment: str) -> Mapping[str, UnitSource | MomentsSource]:
    """The sources with exposures of one segment alone."""
    if not segment:
        return promise.sources
    source = promise.source
    if not isinstance(source, UnitSource):
        raise NotSupportedError(f"source {source.name} has no unit-level rows: {segment} cannot be ramped on it alone")
    dimension, _, value = segment.partition(" = ")
    quoted = value.replace("'", "''")
    wanted = f"{source.exposures.segments[dimension]} = '{quoted}'"
    both = f"({source.exposures.filter}) AND {wanted}" if source.exposures.filter else wanted
    exposures = source.exposures.model_copy(update={"filter": both})
    return {**promise.sources, source.name: source.model_copy(update={"exposures": exposures})}


def looks_of(looks: Iterable[Look], stretch: Stretch) -> History:
    """The looks of one stretch under the variants' own names, as the checks know them."""
    mark = f"@{stretch.name}"
    own = (look for look in looks if look.variant.endswith(mark))
    return History(looks=tuple(replace(look, variant=look.variant.removesuffix(mark)) for look in own))


def _as_recorded(looks: Iterable[Look], slug: str, stretch: Stretch) -> tuple[Look, ...]:
    """Looks for the experiment's ledger, where each stretch is a series of its own."""
    return tuple(replace(look, experiment=slug, variant=f"{look.variant}@{stretch.name}") for look in looks)


def split_gate(promise: Promise, derived: Promise, stretch: Stretch, summary: Summary) -> Checked:
    """Whether the step's units arrived in the step's shares; not applicable where one variant has everybody."""
    if not derived.experiment.treatments:
        return _told(
            promise,
            "rollout_srm",
            summary.as_of,
            Status.NOT_APPLICABLE,
            "Everybody has the winner: there is no split to judge.",
        )
    found = srm(derived, summary).finding
    step = BROKEN_STEP if found.status is Status.FAIL else found.next_step
    named = replace(found, experiment=promise.slug, check="rollout_srm", next_step=step)
    return Checked(finding=replace(named, evidence={**named.evidence, "step": stretch.number}))


def data_gate(promise: Promise, derived: Promise, stretch: Stretch, summary: Summary) -> Checked:
    """Whether the day's exposures and facts are all there."""
    found = completeness(derived, summary).finding
    named = replace(found, experiment=promise.slug, check="rollout_completeness")
    return Checked(finding=replace(named, evidence={**named.evidence, "step": stretch.number}))


@dataclass(frozen=True, slots=True, kw_only=True)
class HarmGate:
    """Harm in one stretch, and the metrics that could not be looked at yet, each with its reason."""

    stretch: Stretch
    checked: Checked
    unjudged: tuple[str, ...]

    @property
    def harmful(self) -> bool:
        """Whether harm is shown."""
        return self.checked.finding.status is Status.FAIL


def harm_gate(
    promise: Promise, derived: Promise, stretch: Stretch, summary: Summary, looks: Iterable[Look]
) -> HarmGate:
    """The primary and every guardrail, those of the system included, by the harm test with the stretch's share of alpha.

    `looks` are those on record for the experiment; the new ones come back as the ledger keeps them.
    """
    checked = harm(derived, summary, looks_of(looks, stretch))
    looked = {row["metric"] for row in checked.finding.evidence["comparisons"] if row["boundary"] is not None}
    unjudged = tuple(name for name in derived.experiment.metrics.names if name not in looked)
    return HarmGate(
        stretch=stretch,
        checked=Checked(finding=checked.finding, looks=_as_recorded(checked.looks, promise.slug, stretch)),
        unjudged=unjudged,
    )


def harm_finding(promise: Promise, as_of: date, gates: Sequence[HarmGate], suppressed: str = "") -> Finding:
    """One finding for all stretches that are still looked at; `suppressed` says why nothing was computed."""
    if suppressed or not gates:
        why = suppressed or "everybody has the winner, and what was compared before has matured"
        return _told(promise, "rollout_harm", as_of, Status.NOT_APPLICABLE, f"Not computed: {why}.").finding
    system = {rail.metric for rail in promise.experiment.decision.system_guardrails}
    rows = [
        {**row, "step": gate.stretch.name, "role": "system guardrail" if row["metric"] in system else row["role"]}
        for gate in gates
        for row in gate.checked.finding.evidence["comparisons"]
    ]
    harmful = [{**one, "step": gate.stretch.name} for gate in gates for one in gate.checked.finding.evidence["harmful"]]
    late = [day for gate in gates for day in gate.checked.finding.evidence["late_crossings"]]
    last = gates[-1]
    named = ", ".join(last.unjudged)
    if harmful:
        status = Status.FAIL
        headline = f"{_sentence(harmful[0])} ({harmful[0]['step']})."
    elif late:
        status, headline = Status.WARN, "A harm boundary is crossed only on restated data; a person must judge it."
    elif last.unjudged:
        status, headline = Status.WARN, f"No harm is shown; not judged yet in {last.stretch.name}: {named}."
    else:
        status, headline = Status.PASS, "No harm boundary is crossed."
    return Finding(
        experiment=promise.slug,
        check="rollout_harm",
        as_of=as_of,
        status=status,
        headline=headline,
        evidence={
            "comparisons": rows,
            "harmful": harmful,
            "unjudged": list(last.unjudged),
            "late_crossings": late,
            "alpha": promise.experiment.analysis.harm_alpha,
        },
        next_step="Give the winner's share back to control." if harmful else "",
        blocks=bool(harmful),
    )


def _sentence(harmful: Mapping[str, str]) -> str:
    return f"{harmful['variant']} harms {harmful['metric']}: its harm boundary was crossed on {harmful['day']}"


def planned_last(first: date, days: int, missing: int) -> date:
    """The last day of a step that needs `days` days with data and has had `missing` days without."""
    return first + timedelta(days=days + missing - 1)


def _told(promise: Promise, check: str, as_of: date, status: Status, headline: str) -> Checked:
    return Checked(
        finding=Finding(
            experiment=promise.slug, check=check, as_of=as_of, status=status, headline=headline, evidence={}
        )
    )
