from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.memo import scenes
from tests.overview.records import EVE, a_record, counted, day, dossier_of, every_day, lock, recorded
from trialflow.checks.finding import Status
from trialflow.decision import FollowUp, Verdict
from trialflow.memo.memo import Table
from trialflow.overview import dossier as dossiers
from trialflow.overview.experiment import Detail, detail, life_steps, quiet
from trialflow.overview.reader import Keep
from trialflow.registry import EventKind, Registry, fold
from trialflow.stages.follow_ups import open_follow_ups

LATER = day(60)
SLUG = "ranker-v7"


def shown(registry: Registry, page: int = 1) -> Detail:
    return detail(dossier_of(registry, SLUG, page), today=LATER)


def steps(view: Detail) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in view.steps]


def with_a_ramp(scene: scenes.Scene, **more: int) -> scenes.Scene:
    rules = {"rollout": [{"share": 0.05, "days": 3}, {"share": 1.0, "days": 1}], **more}
    return replace(scene, promise=replace(scene.promise, experiment=scenes.experiment(decision=rules)))


def test_a_life_is_told_stage_by_stage_with_its_days(tmp_path: Path) -> None:
    view = shown(recorded(tmp_path, scenes.signed_ship()))
    assert [step.name for step in view.steps][:5] == ["registered", "validated", "running", "to be signed", "decided"]
    assert [step.day for step in view.steps][1:3] == [EVE, scenes.START]
    assert [step.state for step in view.steps].count("present") == 1


def test_a_verdict_without_a_signature_waits_for_a_person(tmp_path: Path) -> None:
    view = shown(recorded(tmp_path, scenes.ship()))
    assert view.waiting is not None
    assert steps(view)[-2:] == [("to be signed", "present"), ("decided", "ahead")]


def test_a_signed_verdict_waits_for_nobody_and_names_who_signed(tmp_path: Path) -> None:
    scene = scenes.signed_ship()
    view = shown(recorded(tmp_path, scene))
    assert view.waiting is None
    assert view.standing.decision is not None
    assert view.standing.decision.signed_by == scene.decision.signed_by


def test_a_follow_up_that_is_closed_is_no_next_step(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.signed_ship())
    for one in open_follow_ups(registry, SLUG):
        assert shown(registry).standing.next_step.endswith(one.follow_up.action)
        with registry.append(SLUG) as record:
            record.event(EventKind.FOLLOW_UP_DONE, day(30), key=one.reference, by="grace")
    assert shown(registry).standing.next_step == "Nothing more: ended with SHIP"


def test_a_day_that_nobody_looked_at_is_late_unless_it_is_replayed(tmp_path: Path) -> None:
    scene = scenes.ship()
    with a_record(tmp_path) as registry:
        lock(registry, scene.promise)
        with registry.append(SLUG) as record:
            record.event(EventKind.VALIDATED, EVE)
            record.findings(every_day(scenes.clean(), 3))
        late = {
            number: detail(dossier_of(registry, SLUG), today=day(number)).standing.late_since for number in (3, 4, 5, 9)
        }
        assert late == {3: None, 4: None, 5: day(4), 9: day(4)}
        told = detail(dossier_of(registry, SLUG), today=day(5)).standing.next_step
    assert told == "Nothing was looked at since 5 Mar 2026: see the runs of daily_monitoring"


def test_after_the_end_the_next_step_is_what_the_signature_asked_for(tmp_path: Path) -> None:
    scene = with_a_ramp(scenes.signed_ship())
    assert scene.decision.signature is not None
    held = replace(scene.decision.signature, verdict=Verdict.HOLD, rationale="Too dear.", follow_ups=())
    asked = replace(held, follow_ups=(FollowUp(action="Look at costs", owner="ada", due=day(40)),))
    told = [
        shown(recorded(tmp_path / str(number), replace(scene, decision=replace(scene.decision, signature=signature))))
        for number, signature in enumerate((scene.decision.signature, held, asked))
    ]
    assert [one.standing.next_step for one in told] == [
        "The ramp begins by itself",
        "Nothing more: ended with HOLD",
        "Follow-up of ada by 10 Apr 2026: Look at costs",
    ]


def test_an_extension_is_part_of_the_calendar_and_of_the_looks(tmp_path: Path) -> None:
    registry = recorded(tmp_path, replace(scenes.extended(), looks=()))
    with registry.append(SLUG) as record:
        record.event(EventKind.DECIDED, day(14))
        record.event(EventKind.EXTENDED, day(14))
        record.findings(every_day([one for one in scenes.extended().findings if one.check == "information"], 18))
    view = shown(registry)
    assert (view.standing.day, view.standing.days, view.standing.last_day) == (18, 21, day(21))
    (power,) = (part for part in view.parts if part.key == "power")
    assert [at for curve in power.curves if curve.key == "information" for at, _ in curve.marks][-1] == day(21)


def test_a_watch_that_is_over_is_no_next_step(tmp_path: Path) -> None:
    scene = with_a_ramp(scenes.signed_ship(), watch_days=5)
    registry = recorded(tmp_path, scene)
    told = []
    for kind in (EventKind.ROLLOUT_STEP, EventKind.LAUNCHED, EventKind.WATCHED):
        with registry.append(SLUG) as record:
            record.event(kind, day(15), detail={"share": 1.0})
        told.append(shown(registry).standing.next_step)
    assert told == [
        "The ramp goes on by itself while its gates are quiet",
        "Watched after the launch",
        "Follow-up of grace by 16 Apr 2026: Look at latency on old phones",
    ]


def test_before_the_start_the_page_says_what_comes(tmp_path: Path) -> None:
    registry = a_record(tmp_path)
    lock(registry, scenes.promise())
    view = detail(dossier_of(registry, SLUG), today=EVE)
    assert "has not started" in view.nothing_yet
    assert steps(view) == [("registered", "present"), ("running", "ahead"), ("decision", "ahead")]
    assert view.parts == ()


def test_an_experiment_that_never_was_validated_is_blocked_on_its_first_day(tmp_path: Path) -> None:
    registry = a_record(tmp_path)
    lock(registry, scenes.promise())
    assert steps(detail(dossier_of(registry, SLUG), today=day(1))) == [("registered", "past"), ("blocked", "present")]


def test_the_steps_end_where_the_fold_over_the_events_ends(tmp_path: Path) -> None:
    found = dossier_of(recorded(tmp_path, scenes.signed_ship()), SLUG)
    calendar = found.promise.experiment.calendar
    for today in (EVE, day(1), day(7), day(14), LATER):
        life = fold(found.events, calendar, today)
        present = [
            step for step in life_steps(found.promise, found.events, life, today=today) if step.state == "present"
        ]
        assert present[0].name == {"analysed": "to be signed"}.get(life.stage, life.stage.replace("_", " "))


def test_every_part_names_the_findings_it_came_from(tmp_path: Path) -> None:
    view = shown(recorded(tmp_path, scenes.ship()))
    assert [part.key for part in view.parts] == ["effect", "metrics", "segments", "novelty", "integrity", "power"]
    assert all(part.findings for part in view.parts)


def test_a_broken_split_shows_no_effect_anywhere(tmp_path: Path) -> None:
    scene = scenes.broken_split()
    view = shown(recorded(tmp_path, scene))
    told = repr(view)
    assert not view.shown
    assert view.standing.effect is None
    assert [part.key for part in view.parts] == ["integrity", "power"]
    estimate = next(one.evidence["comparisons"][0]["estimate"] for one in scene.findings if one.check == "effects")
    assert f"{100 * estimate:.2f}" not in told
    assert "lies wholly on the good side" not in told
    assert all(
        noted.headline.startswith("Not shown") for one in view.log for noted in one.findings if noted.check == "effects"
    )


def test_an_invalid_verdict_hides_effects_even_where_the_split_is_sound(tmp_path: Path) -> None:
    scene = scenes.ship()
    view = shown(recorded(tmp_path, replace(scene, decision=replace(scene.decision, verdict=Verdict.INVALID))))
    assert not view.shown
    assert "metrics" not in [part.key for part in view.parts]


def test_the_contents_tell_where_to_look_first(tmp_path: Path) -> None:
    view = shown(recorded(tmp_path, scenes.broken_split()))
    told = {one.name: one.status for one in view.contents}
    assert told["Integrity"] is Status.FAIL
    assert told["Log"] is None
    assert {part.key for part in view.parts} <= {one.key for one in view.contents}


def test_what_is_wrong_stands_as_a_list_and_what_is_not_is_folded(tmp_path: Path) -> None:
    (tmp_path / "sound").mkdir()
    broken, sound = (
        next(part for part in shown(recorded(folder, scene)).parts if part.key == "integrity")
        for folder, scene in ((tmp_path, scenes.broken_split()), (tmp_path / "sound", scenes.ship()))
    )
    assert broken.section.paragraphs == ("Read these first:",)
    assert broken.section.points[0].startswith("Traffic split, every day, fail: ")
    assert [folded for table, folded in broken.tables if table.columns[0] == "Check"] == [False]
    assert all(folded for table, folded in sound.tables if {"Status", "The variants"} & set(table.columns))


def test_a_table_without_a_judgement_stays_open() -> None:
    rows = (("a", "pass"), ("b", "not applicable"))
    assert quiet(Table(caption="c", columns=("Check", "Status"), rows=rows))
    assert not quiet(Table(caption="c", columns=("Check", "Status"), rows=(*rows, ("c", "not available"))))
    assert not quiet(Table(caption="c", columns=("Check", "Found"), rows=rows))


def test_the_two_intervals_of_a_day_are_told_apart_where_they_differ(tmp_path: Path) -> None:
    (tmp_path / "daily").mkdir()
    planned, daily = (
        next(part for part in shown(recorded(folder, scene)).parts if part.key == "effect")
        for folder, scene in ((tmp_path, scenes.ship()), (tmp_path / "daily", scenes.two_treatments()))
    )
    assert "may be read on every day" in planned.note
    assert daily.note == ""


def test_an_amended_field_says_what_stood_there_before_and_why(tmp_path: Path) -> None:
    registry = a_record(tmp_path)
    lock(registry, scenes.promise())
    lock(registry, scenes.promise(audience="All visitors of the app"), "The app was added")
    view = shown(registry)
    changed = [field for field in view.fields if field.changes]
    assert [(field.path, field.value) for field in changed] == [("audience", "All visitors of the app")]
    assert changed[0].changes[0].before == "All visitors of the home page"
    assert changed[0].changes[0].reason == "The app was added"
    assert view.versions == 2


def test_a_pause_is_told_with_its_reason_and_who_ordered_it(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship())
    with registry.append(SLUG) as record:
        record.event(EventKind.PAUSED, day(3), detail={"reason": "The app crashed"}, by="eve")
    view = shown(registry)
    paused = [entry for one in view.log for entry in one.entries if entry.text == "Paused"]
    assert (paused[0].note, paused[0].by) == ("The app crashed", "eve")
    assert any("The app crashed" in text for text in view.deviations.points)


def test_a_ramp_shows_its_steps_and_the_share_over_time(tmp_path: Path) -> None:
    registry = recorded(tmp_path, with_a_ramp(scenes.signed_ship()))
    with registry.append(SLUG) as record:
        record.event(EventKind.ROLLOUT_STEP, day(15), key="1", detail={"share": 0.05})
        record.event(EventKind.ROLLOUT_STEP, day(18), key="2", detail={"share": 1.0})
        record.event(EventKind.LAUNCHED, day(18), detail={"share": 1.0})
    ramp = shown(registry).ramp
    assert ramp is not None
    assert [(step.share, step.began) for step in ramp.steps] == [("5%", day(15)), ("100%", day(18))]
    assert ramp.curve is not None
    assert ramp.curve.lines[0].values == (5.0, 100.0)


def test_the_log_has_every_day_once_over_its_pages(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship())
    with registry.append(SLUG) as record:
        record.findings(every_day(scenes.clean(), 40))
    found = shown(registry)
    days = [one.day for page in range(1, found.pages + 1) for one in shown(registry, page).log]
    assert len(days) == len(set(days))
    assert days == sorted(days, reverse=True)
    assert {day(number) for number in range(1, 41)} <= set(days)


def test_the_number_of_queries_does_not_grow_with_the_days(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship())
    asked = []
    for days in (5, 90):
        with registry.append(SLUG) as record:
            record.findings(every_day(scenes.clean(), days))
        dossiers.FINDINGS, dossiers.TOLD = Keep(), Keep()
        with counted() as sent:
            shown(registry)
        asked.append(len(sent))
    assert asked[0] == asked[1] <= 12


def test_days_that_are_planned_are_not_told_as_past(tmp_path: Path) -> None:
    registry = a_record(tmp_path)
    lock(registry, scenes.promise())
    with registry.append(SLUG) as record:
        record.event(EventKind.VALIDATED, EVE)
    view = detail(dossier_of(registry, SLUG), today=EVE)
    ahead = [step for step in view.steps if step.state == "ahead"]
    assert all(step.day is not None and step.day > EVE for step in ahead)
    assert ahead[0].day == EVE + timedelta(days=1)
