"""What pages read of the whole record, on both databases: the same as asking about each experiment by itself."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest

from trialflow.checks.finding import Finding
from trialflow.registry import EventKind, Registry
from trialflow.registry.dossier import finding_revisions, memo_keys
from trialflow.registry.overview import (
    decision_documents,
    event_rows,
    events_by_row,
    every_finding,
    finding_documents,
    findings_on,
    newest_decisions,
    newest_findings,
    promise_documents,
    promises_in_force,
)

from . import samples

SLUGS = ("basket", "home_feed", "ranker", "unstarted")
CHECKS = ("srm", "effects")


@pytest.fixture
def full(registry: Registry) -> Registry:
    """Four promises, one amended, one not begun; the others have days, revisions, decisions and memos in unequal number."""
    for slug in SLUGS:
        register(registry, slug, "v7")
    register(registry, "ranker", "v8", reason="another model")
    for place, slug in enumerate(SLUGS[:-1], start=1):
        with registry.append(slug) as record:
            for number in range(1, place + 2):
                for check in CHECKS[: 1 + place % 2]:
                    record.findings([finding(slug, check, number)])
                record.event(EventKind.ANALYSIS_DUE, samples.day(number), key="clicks")
            record.findings([finding(slug, "srm", place, "Judged again.")])
            for number in range(1, place):
                record.decision({"verdict": "HOLD", "day": number}, f"{slug}-{number}", samples.day(number))
                record.memo("decision", samples.day(number), {"html": "<p>first</p>"})
            if place > 1:
                record.decision({"verdict": "SHIP", "day": 1}, f"{slug}-again", samples.day(1))
                record.memo("decision", samples.day(1), {"html": "<p>second</p>"})
    return registry


def register(registry: Registry, slug: str, model: str, reason: str = "") -> None:
    experiment = {"slug": slug, "calendar": {"first_day": "2026-03-02", "last_day": "2026-03-15"}, "model": model}
    document = samples.DOCUMENT | {"experiment": experiment}
    registry.register(document, samples.PLAN, f"{slug}-{model}", slug, by="ada", reason=reason)


def finding(slug: str, check: str, number: int, headline: str = "All is well.") -> Finding:
    return dataclasses.replace(samples.finding(number, headline), experiment=slug, check=check)


def test_the_promise_in_force_is_the_last_version(full: Registry) -> None:
    with full.reading() as session:
        rows = promises_in_force(session)
        found = promise_documents(session, rows.values())
    assert list(rows) == sorted(SLUGS)
    assert {slug: found[row].fingerprint for slug, row in rows.items()} == {
        one.slug: one.fingerprint for one in full.promises()
    }
    assert found[rows["ranker"]].fingerprint == "ranker-v8"


def test_the_newest_finding_of_each_check_is_that_of_the_last_day_in_its_last_revision(full: Registry) -> None:
    with full.reading() as session:
        keys = newest_findings(session, CHECKS)
        found = finding_documents(session, [key.row for key in keys])
    assert {(key.slug, key.check): found[key.row] for key in keys} == {
        (slug, check): findings[-1]
        for slug in SLUGS
        for check in CHECKS
        if (findings := full.findings(slug, check=check))
    }


def test_findings_of_each_experiments_own_day_are_found(full: Registry) -> None:
    days = {"basket": samples.day(1), "home_feed": samples.day(2), "ranker": samples.day(9), "nobody": samples.day(1)}
    with full.reading() as session:
        keys = findings_on(session, ("srm",), days)
        found = finding_documents(session, [key.row for key in keys])
    assert {key.slug: found[key.row] for key in keys} == {
        slug: full.findings(slug, as_of=days[slug], check="srm")[0] for slug in ("basket", "home_feed")
    }
    assert {key.slug: found[key.row].headline for key in keys}["basket"] == "Judged again."


def test_findings_of_many_experiments_stand_by_experiment_and_check(full: Registry) -> None:
    days = dict.fromkeys(SLUGS, samples.day(1))
    with full.reading() as session:
        for keys in (newest_findings(session, CHECKS), findings_on(session, CHECKS, days)):
            told = [(key.slug, key.check) for key in keys]
            assert len({check for _, check in told}) == len(CHECKS)
            assert told == sorted(told)


def test_every_finding_of_an_experiment_stands_newest_first_in_every_revision(full: Registry) -> None:
    with full.reading() as session:
        keys = every_finding(session, "ranker")
        revisions = finding_revisions(session, "ranker", "srm", samples.day(3))
    assert len(keys) == len(full.findings("ranker", revisions=True))
    days = [key.as_of for key in keys]
    assert days == sorted(days, reverse=True)
    assert [one.finding.headline for one in revisions] == ["Judged again.", "All is well."]


def test_events_stand_in_the_order_of_recording(full: Registry) -> None:
    with full.reading() as session:
        rows = event_rows(session)
        found = events_by_row(session, [row for told in rows.values() for row in told])
    assert {slug: tuple(found[row] for row in told) for slug, told in rows.items()} == {
        slug: full.events(slug) for slug in SLUGS
    }


def test_the_newest_decision_is_that_of_the_last_day_in_its_last_revision(full: Registry) -> None:
    with full.reading() as session:
        rows = newest_decisions(session)
        found = decision_documents(session, rows.values())
    assert {slug: found[row] for slug, row in rows.items()} == {
        slug: decisions[-1] for slug in SLUGS if (decisions := full.decisions(slug))
    }
    assert found[rows["home_feed"]].fingerprint == "home_feed-again"


def test_memos_are_listed_without_their_texts(full: Registry) -> None:
    with full.reading() as session:
        keys = memo_keys(session, "ranker")
    assert [(key.as_of, key.revision) for key in keys] == [
        (samples.day(2), 0),
        (samples.day(1), 1),
        (samples.day(1), 0),
    ]


def test_an_empty_record_has_nothing(registry: Registry) -> None:
    with registry.reading() as session:
        assert promises_in_force(session) == {}
        assert newest_findings(session, CHECKS) == ()
        assert findings_on(session, CHECKS, {"ranker": date(2026, 3, 2)}) == ()
        assert event_rows(session) == {}
        assert newest_decisions(session) == {}
