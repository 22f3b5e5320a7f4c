"""Loading the samples into the lake."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

from trialflow.stages.samples import SAMPLES, TABLES, load_samples


def bytes_of(lake_root, source):
    return {
        str(path.relative_to(lake_root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for table in TABLES[source]
        for path in sorted((lake_root / table).rglob("*.parquet"))
    }


def test_a_second_load_writes_nothing(workspace):
    assert load_samples(workspace) == ()


def test_every_table_belongs_to_one_source_and_is_there(workspace):
    owned = [table for tables in TABLES.values() for table in tables]
    assert sorted(owned) == sorted(workspace.lake.tables())
    assert set(TABLES) == {sample.source for sample in SAMPLES}


def test_a_broken_load_is_begun_again_with_the_same_bytes(workspace):
    before = bytes_of(workspace.lake_root, "open_bandit")
    (workspace.lake_root / "_samples" / "open_bandit").unlink()
    stray = workspace.lake_root / "open_bandit_events" / "day=2019-12-24" / "part-0.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"left behind by a load that was broken off")
    assert load_samples(workspace) == ("open_bandit",)
    assert bytes_of(workspace.lake_root, "open_bandit") == before


def test_every_day_of_every_experiment_is_marked_complete(workspace, life):
    for slug in ("udacity_free_trial", "cookie_cats", "hillstrom", "asos_162a38", "open_bandit_men", "sim_extend"):
        promise = life(slug).promise
        calendar = promise.experiment.calendar
        length = (calendar.final_day(extended=True) - calendar.first_day).days + 1
        days = (calendar.first_day + timedelta(days=number) for number in range(length))
        assert all(workspace.lake.is_complete(promise.source.name, day) for day in days), slug


def test_days_outside_the_samples_are_not_marked_complete(workspace):
    assert not workspace.lake.is_complete("udacity", date(2014, 10, 10))
    assert not workspace.lake.is_complete("simulated_shop", date(2026, 5, 1))
