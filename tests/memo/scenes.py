"""Experiments with findings as the checks write them: what every memo test tells.

`cookie_cats` holds the published figures (90,189 players, retention after 7 days 0.1902 and 0.1820, split 44,700 to
45,489); everything else is invented and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status
from trialflow.decision import FollowUp, Signature
from trialflow.decision.decision import Decision, HoldReason, Reason, Verdict
from trialflow.memo import decision_memo
from trialflow.memo.memo import Memo
from trialflow.memo.sections.record import Amendment, Order
from trialflow.spec.amendment import Difference
from trialflow.spec.experiment import Experiment
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.metric import Metric
from trialflow.spec.promise import MetricPlan, Plan, Promise
from trialflow.spec.source import MomentsSource, UnitSource

START = date(2026, 3, 2)
SPLIT = "the split is broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that a decision memo is made from."""

    promise: Promise
    decision: Decision
    findings: tuple[Finding, ...]
    looks: tuple[Look, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    orders: tuple[Order, ...] = ()

    @property
    def memo(self) -> Memo:
        return decision_memo(
            self.promise,
            self.decision,
            self.findings,
            self.looks,
            self.amendments,
            self.orders,
            made_by="trialflow (tests)",
        )


def experiment(**changes: Any) -> Experiment:
    fields: dict[str, Any] = {
        "slug": "ranker-v7",
        "title": "Ranker v7 on the home page",
        "hypothesis": "The new ranker shows offers that fit better, so more visitors buy.",
        "mechanism": "It sees the last ten sessions instead of one.",
        "owner": "Ranking team",
        "source": "shop",
        "unit": "user_id",
        "layer": "home",
        "audience": "All visitors of the home page",
        "variants": [
            {"name": "control", "role": "control", "weight": 0.5, "model_version": "ranker:6"},
            {"name": "v7", "role": "treatment", "weight": 0.5, "model_version": "ranker:7"},
        ],
        "metrics": {
            "primary": {"metric": "conversion", "minimum_effect": {"relative": 0.02}},
            "secondary": ["revenue"],
            "guardrails": [{"metric": "latency", "margin": {"relative": 0.02}}],
        },
        "calendar": {"first_day": START, "last_day": START + timedelta(days=13)},
        "analysis": {"stopping": {"policy": "group_sequential", "looks": [7]}},
    }
    return Experiment.model_validate(fields | changes)


def metric(name: str, kind: str, unit: str = "", direction: str = "increase") -> Metric:
    return Metric.model_validate(
        {
            "name": name,
            "kind": kind,
            "source": "shop",
            "measure": {"fact": name},
            "direction": direction,
            "unit": unit,
            "owner": "Data team",
            "description": f"{name.replace('_', ' ').capitalize()} of a visitor within seven days of exposure.",
        }
    )


METRICS = (
    metric("conversion", "proportion"),
    metric("revenue", "mean", "EUR per user"),
    metric("latency", "mean", "ms", "decrease"),
    metric("visits", "count"),
)


def shop(*, simulated: bool = True) -> UnitSource:
    return UnitSource.model_validate(
        {
            "name": "shop",
            "grain": "units",
            "description": "Exposures and orders of the shop.",
            "simulated": simulated,
            "exposures": {"table": "exposures", "unit": "unit_id", "variant": "variant", "timestamp": "exposed_at"},
            "facts": {"orders": {"table": "events", "unit": "unit_id", "timestamp": "occurred_at"}},
            "complete": {"by": "marker"},
        }
    )


PLAN = Plan(
    metrics=(
        MetricPlan(
            metric="conversion",
            baseline_mean=0.0412,
            baseline_std_dev=0.1988,
            minimum_effect=0.0015,
            units_per_variant=282_000,
            planned_information=3_560_000.0,
            origin="14 days before the start",
        ),
    ),
    units_per_day=41_000.0,
    expected_units=574_000,
)


def promise(**changes: Any) -> Promise:
    return Promise(
        experiment=experiment(**changes),
        metrics={one.name: one for one in METRICS},
        sources={"shop": shop()},
        plan=PLAN,
    )


def compared(
    name: str,
    *,
    control: float,
    estimate: float,
    std_error: float,
    role: str = "primary",
    variant: str = "v7",
    direction: str = "increase",
    level: float = 0.95,
    critical: float = 1.96,
    n: tuple[float, float] = (286_900.0, 287_500.0),
    **changes: Any,
) -> dict[str, Any]:
    """A comparison as a check writes it; the relative bounds are those of a control known exactly."""
    lower, upper = estimate - critical * std_error, estimate + critical * std_error
    fields: dict[str, Any] = {
        "variant": variant,
        "metric": name,
        "role": role,
        "direction": direction,
        "method": "welch",
        "n_control": n[0],
        "n_treatment": n[1],
        "control": control,
        "treatment": control + estimate,
        "estimate": estimate,
        "std_error": std_error,
        "lower": lower,
        "upper": upper,
        "level": level,
        "relative_estimate": estimate / control,
        "relative_lower": lower / control,
        "relative_upper": upper / control,
    }
    return Comparison(**(fields | changes)).document()


def finding(check: str, status: Status, headline: str, evidence: Mapping[str, Any], **changes: Any) -> Finding:
    fields: dict[str, Any] = {"experiment": "ranker-v7", "as_of": START + timedelta(days=13), "next_step": ""}
    return Finding(check=check, status=status, headline=headline, evidence=evidence, **(fields | changes))


def path(variant: str, days: int, effect: float, std_error: float) -> list[dict[str, Any]]:
    """An effect that settles: wide bounds first, narrower as 1 / sqrt(days)."""
    rows = []
    for index in range(days):
        spread = std_error * math.sqrt(days / (index + 1))
        wobble = effect + spread * 0.9 * math.sin(1.7 * index) * (days - index - 1) / days
        known = index > 0
        rows.append(
            {
                "variant": variant,
                "day": (START + timedelta(days=index)).isoformat(),
                "estimate": wobble if known else None,
                "lower": wobble - 2.9 * spread if known else None,
                "upper": wobble + 2.9 * spread if known else None,
            }
        )
    return rows


def srm(status: Status = Status.PASS, *, observed: tuple[int, int] = (286_900, 287_500), p: float = 1.0) -> Finding:
    half = sum(observed) / 2
    alarm = status is Status.FAIL
    days = 14
    return finding(
        "srm",
        status,
        "The split is broken." if alarm else f"The split agrees with the plan after {sum(observed):,} units.",
        {
            "observed": {"control": observed[0], "v7": observed[1]},
            "expected": {"control": half, "v7": half},
            "shares": {"control": 0.5, "v7": 0.5},
            "threshold": 0.001,
            "mixed_units": 12,
            "p_value": p,
            "log_bayes_factor": -math.log(p) if p else None,
            "path": [
                {
                    "day": (START + timedelta(days=index)).isoformat(),
                    "p_value": max(p ** ((index + 1) / days), p),
                }
                for index in range(days)
            ],
            "alarm_day": (START + timedelta(days=5)).isoformat() if alarm else None,
        },
        next_step="Find the cause and register an amendment with a new first day." if alarm else "",
        blocks=alarm,
    )


def clean() -> tuple[Finding, ...]:
    """Integrity findings without trouble."""
    return (
        srm(),
        finding(
            "srm_final",
            Status.PASS,
            "The final split agrees with the plan.",
            {"statistic": 0.627, "df": 1, "p_value": 0.43, "threshold": 0.01},
        ),
        finding("completeness", Status.PASS, "Exposures and every metric have rows for every day.", {"problems": []}),
        finding(
            "aa",
            Status.PASS,
            "On re-randomised past data every metric rejects as often as it should.",
            {
                "metrics": [
                    {
                        "metric": "conversion",
                        "rejections": 49,
                        "splits": 1000,
                        "rate": 0.049,
                        "lower": 0.034,
                        "upper": 0.069,
                        "uniformity_p": 0.41,
                        "status": "pass",
                    }
                ],
                "waived": None,
            },
        ),
        finding(
            "lock",
            Status.PASS,
            "The promise is unchanged since its registration.",
            {"registered": "ab12" * 16, "differences": []},
        ),
    )


def look(day: int, *, z: float, boundary: float, spent: float, crossed: bool, **changes: Any) -> Look:
    fields: dict[str, Any] = {
        "experiment": "ranker-v7",
        "variant": "v7",
        "metric": "conversion",
        "purpose": LookPurpose.EFFICACY,
        "as_of": START + timedelta(days=day - 1),
        "information": 1_770_000.0 if day == 7 else 3_610_000.0,
        "data_fingerprint": "d4" * 32,
    }
    return Look(z=z, boundary=boundary, alpha_spent=spent, crossed=crossed, **(fields | changes))


LOOKS = (
    look(7, z=2.11, boundary=2.96, spent=0.0031, crossed=False),
    look(14, z=4.02, boundary=1.97, spent=0.05, crossed=True),
    *(
        look(day, z=-1.0 - day / 9, boundary=2.9, spent=0.01 * day / 14, crossed=False, purpose=LookPurpose.HARM)
        for day in range(2, 15)
    ),
)


def effects(*comparisons: dict[str, Any], days: int = 14, **changes: Any) -> Finding:
    first = comparisons[0]
    fields: dict[str, Any] = {
        "policy": "group_sequential",
        "comparisons": list(comparisons),
        "path": [
            row
            for one in comparisons
            if one["estimate"] is not None
            for row in path(one["variant"], days, one["estimate"], one["std_error"])
        ],
        "looks": [
            {"variant": first["variant"], "day": one.as_of.isoformat(), "z": one.z, "boundary": one.boundary}
            for one in LOOKS
            if one.purpose is LookPurpose.EFFICACY
        ],
        "extended": False,
        "running_totals": False,
    }
    return finding("effects", Status.PASS, "conversion: judged by the promised rule.", fields | changes)


def conversion(estimate: float = 0.00210, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "control": 0.0412,
        "estimate": estimate,
        "std_error": 0.000522,
        "critical": 1.97,
        "boundary": 1.97,
        "crossed": estimate > 0.00103,
        "unadjusted_estimate": estimate + 0.00012,
        "unadjusted_std_error": 0.00061,
        "variance_reduction": 0.268,
    }
    return compared("conversion", **(fields | changes))


def others(*, latency: float = 0.6, within: bool = True) -> tuple[Finding, ...]:
    guard = compared(
        "latency",
        control=212.0,
        estimate=latency,
        std_error=0.9,
        role="guardrail",
        direction="decrease",
        level=0.9,
        critical=1.645,
        margin=4.24,
        boundary=1.66,
        non_inferior=within,
    )
    money = compared(
        "revenue",
        control=3.18,
        estimate=0.071,
        std_error=0.034,
        role="secondary",
        p_value=0.037,
        adjusted_p_value=0.037,
    )
    information = {
        "fraction": 1.014,
        "planned": 3_560_000.0,
        "achieved": 3_610_000.0,
        "units": 574_400,
        "expected_units": 574_000,
        "extension_left": False,
    }
    headline = (
        "Every guardrail is shown to be within its margin."
        if within
        else "Not yet shown to be within the margin: latency (v7)."
    )
    return (
        finding("guardrails", Status.PASS if within else Status.WARN, headline, {"comparisons": [guard]}),
        finding(
            "secondary", Status.PASS, "1 secondary and diagnostic comparisons are computed.", {"comparisons": [money]}
        ),
        finding("harm", Status.PASS, "No harm boundary is crossed.", {"comparisons": []}),
        finding("information", Status.PASS, "101 % of the planned information is reached.", information),
    )


def decided(verdict: Verdict, findings: Sequence[Finding], *reasons: tuple[str, str], **changes: Any) -> Decision:
    by_check = {one.check: one for one in findings}
    fields: dict[str, Any] = {"experiment": "ranker-v7", "as_of": START + timedelta(days=13)}
    return Decision(
        verdict=verdict,
        reasons=tuple(Reason(text=text, check=check, finding=by_check[check].fingerprint) for text, check in reasons),
        findings={name: one.fingerprint for name, one in by_check.items()},
        **(fields | changes),
    )


def ship() -> Scene:
    """Everything that a memo can hold, on simulated data: segments, novelty, an amendment, a restated look."""
    made = promise(
        segments=[{"dimension": "device", "values": ["phone", "desktop"]}],
        analysis={
            "stopping": {"policy": "group_sequential", "looks": [7]},
            "variance_reduction": {"method": "cuped"},
            "novelty": {"policy": "required", "early_days": 2, "late_days": 2, "horizon_days": 7},
        },
    )
    half = {"n": (143_000.0, 144_000.0), "std_error": 0.00074}
    segments = [
        conversion(
            0.0028,
            segment_dimension="device",
            segment_value="phone",
            p_value=0.00015,
            adjusted_p_value=0.0003,
            crossed=True,
            **half,
        ),
        conversion(
            0.0013,
            segment_dimension="device",
            segment_value="desktop",
            p_value=0.079,
            adjusted_p_value=0.079,
            crossed=False,
            **half,
        ),
    ]
    daily = [
        {
            "variant": "v7",
            "day": day,
            "estimate": 0.0003 + 0.0002 * math.exp(-day / 2),
            "lower": -0.0001,
            "upper": 0.0008,
        }
        for day in range(7)
    ]
    change = {
        "metric": "conversion",
        "estimate": -0.00009,
        "std_error": 0.00011,
        "lower": -0.00031,
        "upper": 0.00013,
        "p_value": 0.41,
    }
    findings = (
        *clean(),
        effects(conversion()),
        *others(),
        finding(
            "segments",
            Status.PASS,
            "A benefit is shown in device = phone (v7), after correction over 2 comparisons.",
            {"comparisons": segments},
        ),
        finding(
            "novelty",
            Status.PASS,
            "No evidence that the effect on conversion changes with days since first exposure.",
            {**change, "variants": [{"variant": "v7", **change}], "daily": daily},
        ),
    )
    reasons = (
        (
            "The benefit on the primary metric is shown, and every guardrail is within its margin.",
            "effects",
        ),
        ("Every guardrail is shown to be within its margin.", "guardrails"),
    )
    restated = look(7, z=2.07, boundary=2.96, spent=0.0031, crossed=False, revision=1)
    amendment = (
        START + timedelta(days=2),
        "The phone app was released a day late",
        (Difference(field="experiment.audience", before="All visitors", after="All visitors of the home page"),),
    )
    return Scene(
        promise=made,
        decision=decided(Verdict.SHIP, findings, *reasons, variant="v7", by_variant={"v7": "SHIP"}),
        findings=findings,
        looks=(*LOOKS, restated),
        amendments=(amendment,),
        orders=(
            Order(kind="paused", as_of=START + timedelta(days=4), by="ada", reason="The phone app crashed."),
            Order(kind="resumed", as_of=START + timedelta(days=5), by="eve"),
        ),
    )


def shrinkage() -> Finding:
    """Drawn towards eight earlier experiments on the same metric; the numbers are invented."""
    used = [
        {
            "experiment": f"ranker-v{number}",
            "as_of": (START - timedelta(days=60 * (9 - number))).isoformat(),
            "metric": "conversion",
            "variant": "treatment",
            "estimate": effect,
            "std_error": 0.0006,
        }
        for number, effect in enumerate((0.0004, -0.0007, 0.0011, 0.0002, 0.0016, -0.0003, 0.0008, 0.0001), start=1)
    ]
    row = {
        "variant": "v7",
        "naive": 0.0021,
        "corrected": 0.00204,
        "std_error": 0.00054,
        "level": 0.95,
        "shrunken": 0.00131,
        "shrunken_std_error": 0.00042,
        "lower": 0.00048,
        "upper": 0.00214,
        "band_lower": 0.00206,
        "band_upper": 0.0021,
        "band_z": 4.02,
        "band_boundary": 1.97,
    }
    return finding(
        "shrinkage",
        Status.PASS,
        "The effect is shrunk towards the effects on conversion in 8 finished experiments.",
        {
            "metric": "conversion",
            "scale": "absolute",
            "prior": {"mean": 0.0004, "std_dev": 0.0005, "effects": 8},
            "experiments": used,
            "variants": [row],
        },
    )


def signed(scene: Scene, verdict: Verdict, *, variant: str = "", segment: str = "", rationale: str = "") -> Scene:
    """The scene with Ada's signature and two things to do."""
    asked = scene.decision
    same = (verdict, variant, segment) == (asked.verdict, asked.variant, asked.segment)
    signature = Signature(
        verdict=verdict,
        recommended=asked.verdict,
        overridden=not same,
        variant=variant,
        segment=segment,
        rationale=rationale,
        owner="Ranking team",
        follow_ups=(
            FollowUp(action="Look at latency on old phones", owner="grace", due=START + timedelta(days=45)),
            FollowUp(action="Write down what was learnt", owner="ada"),
        ),
        signed_by="ada",
        signed_on=START + timedelta(days=15),
        decision=asked.fingerprint,
    )
    return replace(scene, decision=replace(asked, signature=signature))


def signed_ship() -> Scene:
    """What was recommended is signed, and shrunken effects are on record."""
    scene = ship()
    stop = {
        "variant": "v7", "stopped_on": (START + timedelta(days=13)).isoformat(), "early": False, "looks_before": 1,
        "naive": 0.0021, "median_unbiased": 0.00204, "lower": 0.00098, "upper": 0.0031, "level": 0.95,
        "stagewise_p_value": 0.0002,
    }  # fmt: skip
    findings = tuple(
        replace(one, evidence={**one.evidence, "after_stop": [stop]}) if one.check == "effects" else one
        for one in (*scene.findings, shrinkage())
    )
    return signed(
        replace(scene, findings=findings), Verdict.SHIP, variant="v7", rationale="The gain is worth the extra servers."
    )


def overridden() -> Scene:
    """A person holds what the rules would ship."""
    return signed(
        ship(),
        Verdict.HOLD,
        rationale="A second launch on the home page is due this week; we do not want both at once.",
    )


def partial() -> Scene:
    """A benefit on phones alone, a guardrail that moved the wrong way within its margin, and a check of a later version."""
    made = promise(
        segments=[{"dimension": "device", "values": ["phone", "desktop"]}],
        analysis={"stopping": {"policy": "fixed"}},
        metrics={
            "primary": {"metric": "revenue", "minimum_effect": {"absolute": 0.05}},
            "guardrails": [{"metric": "latency", "margin": {"relative": 0.02}}],
        },
    )

    def money(estimate: float, **changes: Any) -> dict[str, Any]:
        return compared(
            "revenue", control=3.18, estimate=estimate, **({"std_error": 0.034, "crossed": False} | changes)
        )

    half = {"n": (143_000.0, 144_000.0), "std_error": 0.044, "segment_dimension": "device"}
    segments = [
        money(0.121, segment_value="phone", p_value=0.006, adjusted_p_value=0.012, crossed=True, **half),
        money(-0.019, segment_value="desktop", p_value=0.67, adjusted_p_value=0.67, crossed=False, **half),
    ]
    guard = next(one for one in others(latency=1.9) if one.check == "guardrails")
    findings = (
        *clean(),
        effects(money(0.051, p_value=0.13), policy="fixed", looks=[]),
        guard,
        finding("harm", Status.PASS, "No harm boundary is crossed.", {"comparisons": []}),
        finding("imbalance", Status.PASS, "The variants were alike in the 14 days before the start.", {"rows": []}),
        finding(
            "segments",
            Status.PASS,
            "A benefit is shown in device = phone (v7), after correction over 2 comparisons.",
            {
                "comparisons": segments,
                "heterogeneity": [
                    {"variant": "v7", "dimension": "device", "adjusted_p_value": 0.025, "i_squared": 0.8, "q": 5.1}
                ],
            },
        ),
    )
    reason = ("The benefit is shown in a pre-registered segment after correction, though not overall.", "segments")
    segment = "device = phone"
    decision = decided(Verdict.PARTIAL, findings, reason, variant="v7", segment=segment, by_variant={"v7": "PARTIAL"})
    final = look(14, z=1.5, boundary=1.96, spent=0.05, crossed=False, metric="revenue", information=865.0)
    return Scene(promise=made, decision=decision, findings=findings, looks=(final,))


def extended() -> Scene:
    """The last day came before the planned information; the promise goes on by itself."""
    calendar = {"first_day": START, "last_day": START + timedelta(days=13), "max_extension_days": 7}
    made = promise(calendar=calendar)
    short = finding(
        "information",
        Status.PASS,
        "61% of the planned information is reached.",
        {"fraction": 0.61, "planned": 3_560_000.0, "achieved": 2_171_600.0, "units": 574_400, "expected_units": 574_000,
         "extension_left": True},
    )  # fmt: skip
    findings = (
        *clean(),
        effects(conversion(0.0009, crossed=False)),
        *(one for one in others() if one.check != "information"),
        short,
    )
    reason = ("The planned information is not reached and the promise has extension days left.", "information")
    return Scene(promise=made, decision=decided(Verdict.EXTEND, findings, reason), findings=findings, looks=LOOKS[:1])


def inconclusive() -> Scene:
    """A HOLD: the interval holds zero and the minimum effect, a guardrail is open, and the A/A check has no finding."""
    made = promise(analysis={"stopping": {"policy": "fixed"}, "novelty": {"policy": "none"}})
    row = conversion(
        0.0006,
        std_error=0.00055,
        p_value=0.28,
        critical=1.96,
        boundary=1.96,
        unadjusted_estimate=None,
        variance_reduction=None,
    )
    findings = (
        *(one for one in clean() if one.check != "aa"),
        effects(row, policy="fixed", looks=[]),
        *others(latency=3.1, within=False),
    )
    reasons = (("The effect is neither shown nor excluded, and no look is left.", "effects"),)
    decision = decided(Verdict.HOLD, findings, *reasons, hold_reason=HoldReason.INCONCLUSIVE)
    final = look(14, z=1.09, boundary=1.96, spent=0.05, crossed=False)
    return Scene(promise=made, decision=decision, findings=findings, looks=(final,))


def broken_split() -> Scene:
    """INVALID: the effects finding is still there, as an older run left it, and must not be shown."""
    findings = (
        srm(Status.FAIL, observed=(291_300, 283_100), p=3e-9),
        *(one for one in clean() if one.check not in ("srm", "srm_final")),
        effects(conversion()),
        *(one for one in others() if one.check != "information"),
        finding("information", Status.NOT_APPLICABLE, "Not computed: the split is broken.", {"suppressed": SPLIT}),
    )
    reason = ("The split between variants is broken, so no effect can be read.", "srm")
    return Scene(promise=promise(), decision=decided(Verdict.INVALID, findings, reason), findings=findings, looks=LOOKS)


def bare() -> Scene:
    """Findings without any evidence, as an old version could have left them."""
    findings = tuple(
        finding(check, Status.NO_DATA, "There is no number yet.", {})
        for check in (
            "srm",
            "srm_final",
            "effects",
            "guardrails",
            "secondary",
            "segments",
            "novelty",
            "information",
            "aa",
        )
    )
    reason = ("Evidence that the promise requires is missing.", "effects")
    decision = decided(Verdict.HOLD, findings, reason, hold_reason=HoldReason.EVIDENCE_MISSING)
    return Scene(promise=promise(), decision=decision, findings=findings)


def two_treatments() -> Scene:
    """A real-shaped three-armed experiment read daily by a confidence sequence; one bounded, one unbounded ratio."""
    made = promise(
        variants=[
            {"name": "control", "role": "control", "weight": 0.34},
            {"name": "v7", "role": "treatment", "weight": 0.33},
            {"name": "v8", "role": "treatment", "weight": 0.33},
        ],
        analysis={"stopping": {"policy": "always_valid"}},
    )
    second = conversion(0.0001, variant="v8", crossed=False, relative_lower=None, relative_upper=None, std_error=0.0006)
    findings = (
        *clean()[1:],
        effects(conversion(std_error=0.0005, critical=3.1), second, policy="always_valid", looks=[]),
    )
    reason = ("The benefit on the primary metric is shown by the promised rule.", "effects")
    decision = decided(Verdict.SHIP, findings, reason, variant="v7", by_variant={"v7": "SHIP", "v8": "HOLD"})
    return Scene(promise=made, decision=decision, findings=findings)


def cookie_cats() -> Scene:
    """The published experiment: totals of one nominal day, a doubtful split, harm to retention after 7 days."""
    day = date(2018, 1, 1)
    names = {
        "retention_7": (0.190201342282, 0.182000043967, 0.0025923),
        "retention_1": (0.448187919463, 0.442282749676, 0.0033098),
    }
    made = Promise(
        experiment=experiment(
            slug="cookie-cats-gate",
            title="Cookie Cats: first gate at level 40 instead of 30",
            hypothesis="A later gate lets players enjoy the game longer, so more of them come back.",
            mechanism="The forced pause comes when the habit is already formed.",
            owner="Games team",
            unit="player_id",
            audience="New players",
            variants=[
                {"name": "gate_30", "role": "control", "weight": 0.5},
                {"name": "gate_40", "role": "treatment", "weight": 0.5},
            ],
            metrics={
                "primary": {"metric": "retention_7", "minimum_effect": {"absolute": 0.005}},
                "guardrails": [{"metric": "retention_1", "margin": {"absolute": 0.005}}],
            },
            calendar={"first_day": day, "last_day": day},
            analysis={"aa": {"waived": "Only totals are published."}, "novelty": {"policy": "report"}},
            replay=True,
        ),
        metrics={name: metric(name, "retention") for name in names},
        sources={
            "shop": MomentsSource.model_validate(
                {
                    "name": "shop",
                    "grain": "totals",
                    "description": "Published totals per variant; the date is nominal.",
                    "moments": {"table": "totals"},
                    "exposures": {"table": "exposures"},
                    "complete": {"by": "marker"},
                }
            )
        },
    )
    n = (44_700.0, 45_489.0)
    rows = {
        name: compared(
            name,
            control=control,
            estimate=treatment - control,
            std_error=error,
            variant="gate_40",
            n=n,
            critical=1.96 if name == "retention_7" else 1.645,
        )
        for name, (control, treatment, error) in names.items()
    }
    primary = rows["retention_7"] | {"p_value": 0.00156, "crossed": False}
    guard = rows["retention_1"] | {"role": "guardrail", "margin": 0.005, "non_inferior": False, "level": 0.9}
    stamp = {"experiment": "cookie-cats-gate", "as_of": day}
    split = {"observed": {"gate_30": 44_700, "gate_40": 45_489}, "expected": {"gate_30": 45_094.5, "gate_40": 45_094.5}}
    findings = (
        finding(
            "srm",
            Status.PASS,
            "The split agrees with the plan after 90,189 units.",
            {
                **split,
                "p_value": 0.55,
                "threshold": 0.001,
                "path": [{"day": "2018-01-01", "p_value": 0.55}],
                "alarm_day": None,
                "mixed_units": 0,
            },
            **stamp,
        ),
        finding(
            "srm_final",
            Status.WARN,
            "The final split differs more from the plan than the warning level allows.",
            {"statistic": 6.9024, "df": 1, "p_value": 0.0086, "threshold": 0.01},
            **stamp | {"next_step": "Look for the cause before trusting small effects."},
        ),
        finding("completeness", Status.PASS, "Exposures and every metric have rows for every day.", {}, **stamp),
        finding(
            "aa",
            Status.NOT_APPLICABLE,
            "A/A validation is waived: Only totals are published.",
            {"metrics": [], "waived": "Only totals are published."},
            **stamp,
        ),
        finding("lock", Status.PASS, "The promise is unchanged since its registration.", {}, **stamp),
        finding(
            "effects",
            Status.PASS,
            "retention_7: the promised boundary for a benefit is not crossed.",
            {
                "policy": "fixed",
                "comparisons": [primary],
                "path": [
                    {"variant": "gate_40", "day": "2018-01-01", "estimate": -0.0082, "lower": -0.0133, "upper": -0.0031}
                ],
                "looks": [{"variant": "gate_40", "day": "2018-01-01"}],
            },
            **stamp,
        ),
        finding(
            "guardrails",
            Status.WARN,
            "Not yet shown to be within the margin: retention_1 (gate_40).",
            {"comparisons": [guard]},
            **stamp,
        ),
        finding(
            "harm",
            Status.FAIL,
            "gate_40 harms retention_7: its harm boundary was crossed on 2018-01-01.",
            {"comparisons": []},
            **stamp,
        ),
        finding("novelty", Status.NOT_APPLICABLE, "Not judged: the source holds totals only.", {}, **stamp),
        finding(
            "information",
            Status.NOT_APPLICABLE,
            "No information was planned: the promise had no baseline to plan from.",
            {"fraction": None, "units": 90_189, "expected_units": None},
            **stamp,
        ),
    )
    reasons = (
        ("Harm is shown at its own boundary.", "harm"),
        ("The final split differs more from the plan than the warning level allows.", "srm_final"),
    )
    decision = decided(
        Verdict.ROLLBACK, findings, *reasons, experiment="cookie-cats-gate", as_of=day, variant="gate_40"
    )
    common = {
        "experiment": "cookie-cats-gate",
        "variant": "gate_40",
        "metric": "retention_7",
        "as_of": day,
        "information": 148_807.0,
    }
    looks = (
        look(1, z=-3.16, boundary=1.96, spent=0.05, crossed=False, **common),
        look(1, z=3.16, boundary=2.33, spent=0.01, crossed=True, purpose=LookPurpose.HARM, **common),
    )
    return Scene(promise=made, decision=decision, findings=findings, looks=looks)


SCENES = {
    "ship": ship,
    "signed-ship": signed_ship,
    "overridden": overridden,
    "partial": partial,
    "extended": extended,
    "inconclusive": inconclusive,
    "broken-split": broken_split,
    "bare": bare,
    "two-treatments": two_treatments,
    "cookie-cats": cookie_cats,
}
