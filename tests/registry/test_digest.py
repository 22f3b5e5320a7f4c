from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import text

from trialflow.registry import EventKind, Registry
from trialflow.registry.connection import engine_of

from . import samples
from .conftest import FreshUrl
from .samples import SLUG, day


def digest_after(url: str, order: tuple[int, ...]) -> str:
    with Registry.open(url) as registry:
        samples.register(registry)
        for number in order:
            with registry.append(SLUG) as writer:
                samples.write_day(writer, number)
        return registry.digest(SLUG)


def test_the_order_of_writing_days_does_not_matter(fresh_url: FreshUrl) -> None:
    digests = {digest_after(fresh_url(), order) for order in itertools.permutations((1, 2, 3))}
    assert len(digests) == 1


def test_clocks_and_people_do_not_matter(fresh_url: FreshUrl) -> None:
    def told(by: str, year: int, ts: str) -> str:
        with Registry.open(fresh_url(), clock=lambda: datetime(year, 1, 1, tzinfo=UTC)) as registry:
            registry.register(samples.DOCUMENT, samples.PLAN, "f", SLUG, by=by)
            with registry.append(SLUG) as writer:
                samples.write_day(writer, 1)
                writer.event(EventKind.PAUSED, day(1), by=by)
            registry.posted(f"{SLUG} 1", ts)
            return registry.digest(SLUG)

    assert told("ada", 2026, "1.5") == told("bob", 2031, "2.5")


def test_every_kind_of_row_counts(registry: Registry) -> None:
    samples.register(registry)
    digests = [registry.digest(SLUG)]
    for done in range(7):
        with registry.append(SLUG) as writer:
            for _ in itertools.islice(samples.steps(writer, 1), done + 1):
                pass
        digests.append(registry.digest(SLUG))
    registry.posted(f"{SLUG} 1", "1.5")
    digests.append(registry.digest(SLUG))
    registry.attached(f"{SLUG} 1", "1.png", "F1")
    digests.append(registry.digest(SLUG))
    registry.register(samples.DOCUMENT, samples.PLAN, "other", SLUG, by="ada", reason="why not")
    digests.append(registry.digest(SLUG))
    assert len(set(digests)) == len(digests) == 11


def test_another_experiment_does_not_matter(registry: Registry) -> None:
    samples.register(registry)
    before = registry.digest(SLUG)
    registry.register(samples.DOCUMENT, {}, "f", "other", by="ada")
    assert registry.digest(SLUG) == before


_SEEN: set[str] = set()


def test_both_databases_hold_the_same_bytes(registry: Registry, url: str) -> None:
    samples.register(registry)
    with registry.append(SLUG) as writer:
        samples.write_day(writer, 1)
    expected = json.dumps(samples.finding(1).document(), sort_keys=True, separators=(",", ":"))
    with engine_of(url).connect() as connection:
        assert connection.execute(text("SELECT document FROM findings")).scalar() == expected
    _SEEN.add(registry.digest(SLUG))  # the test runs once on each database
    assert len(_SEEN) == 1


def test_what_a_finding_says_of_other_experiments_does_not_matter(fresh_url: FreshUrl) -> None:
    def told(check: str, headline: str) -> str:
        with Registry.open(fresh_url()) as registry:
            samples.register(registry)
            with registry.append(SLUG) as writer:
                writer.findings([replace(samples.finding(1, headline), check=check)])
            return registry.digest(SLUG)

    assert told("shrinkage", "Six came before.") == told("shrinkage", "Seven came before.")
    assert told("srm", "Six came before.") != told("srm", "Seven came before.")
