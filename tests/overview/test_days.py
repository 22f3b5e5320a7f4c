from __future__ import annotations

from datetime import date

import pytest

from tests.memo.scenes import promise
from trialflow.memo.evidence import Evidence
from trialflow.memo.memo import Section, Table
from trialflow.memo.sections.record import Order, deviations_section
from trialflow.overview.days import short_days, with_short_days


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("crossed on 2026-01-28 (step 3).", "crossed on 28 Jan 2026 (step 3)."),
        ("1 to 14 March 2014", "1 to 14 Mar 2014"),
        ("28 February to 3 March 2014", "28 Feb to 3 Mar 2014"),
        ("units active up to 2026-01-04T10:00", "units active up to 2026-01-04T10:00"),
        ("It may rain, 31 of 100 times", "It may rain, 31 of 100 times"),
        ("key 2026-01-28-7", "key 2026-01-28-7"),
        ("ranker-2026-01-28 began", "ranker-2026-01-28 began"),
        ("until 2026-02-30, from 2026-03-01", "until 2026-02-30, from 1 Mar 2026"),
        ("year 0000-01-01", "year 0000-01-01"),
        ("٢٠٢٦-01-28", "٢٠٢٦-01-28"),
    ],
)
def test_days_are_written_short_and_nothing_else_changes(told: str, shown: str) -> None:
    assert short_days(told) == shown


def test_a_section_with_an_impossible_day_in_somebodys_words_is_shown() -> None:
    paused = Order(kind="paused", as_of=date(2026, 3, 4), by="ada", reason="closed until 2026-02-30")
    section = deviations_section(promise(), Evidence.of(()), (), (), (paused,))
    assert any("closed until 2026-02-30" in point for point in section.points)
    (point,) = with_short_days(section).points
    assert "4 Mar 2026" in point
    assert "closed until 2026-02-30" in point


def test_every_text_of_a_section_is_looked_at() -> None:
    table = Table(caption="To 2026-02-31", columns=("2026-02-30",), rows=(("2026-01-28 or 2026-06-31",),))
    shown = with_short_days(Section(title="Days", paragraphs=("By 2026-04-31.",), tables=(table,)))
    assert shown.paragraphs == ("By 2026-04-31.",)
    assert shown.tables[0].caption == "To 2026-02-31"
    assert shown.tables[0].rows == (("28 Jan 2026 or 2026-06-31",),)
