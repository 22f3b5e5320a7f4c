from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.local.promises import experiment
from trialflow.local.windows import Window, windows

TODAY = date(2026, 11, 21)


def test_a_window_holds_maturity_and_extension():
    found = windows([experiment("2026-01-05", "2026-01-18", maturity=3, extension=7)], TODAY)
    assert found == (Window(date(2026, 1, 5), date(2026, 1, 28)),)
    assert found[0].days == 24


def test_calendars_that_overlap_or_touch_become_one_window():
    calendars = [("2019-11-24", "2019-11-30"), ("2019-11-04", "2019-11-26"), ("2019-12-01", "2019-12-02")]
    found = windows([experiment(*one, slug=f"test-{number}") for number, one in enumerate(calendars)], TODAY)
    assert found == (Window(date(2019, 11, 4), date(2019, 12, 2)),)


def test_the_gap_between_two_years_is_left_out():
    found = windows(
        [experiment("2019-11-04", "2019-11-05"), experiment("2014-10-11", "2014-10-11", slug="other")], TODAY
    )
    assert [window.days for window in found] == [1, 2]


def test_a_holdout_does_not_stretch_the_replay():
    assert windows([experiment("2026-01-05", "2026-03-29", role="holdout")], TODAY) == ()


def test_an_experiment_that_runs_now_is_not_replayed():
    assert windows([experiment("2026-11-01", "2026-11-30", replay=False)], TODAY) == ()


def test_days_to_come_are_left_out():
    assert windows([experiment("2026-11-20", "2026-11-30")], TODAY) == (Window(date(2026, 11, 20), TODAY),)
    assert windows([experiment("2026-11-22", "2026-11-30")], TODAY) == ()


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60)), max_size=8))
def test_windows_hold_exactly_the_calendars_days_and_never_touch(calendars):
    origin = date(2020, 1, 1)
    spans = [(origin + timedelta(days=start), origin + timedelta(days=start + length)) for start, length in calendars]
    found = windows([experiment(str(first), str(last)) for first, last in spans], TODAY)
    wanted = {first + timedelta(days=step) for first, last in spans for step in range((last - first).days + 1)}
    held = [window.first + timedelta(days=step) for window in found for step in range(window.days)]
    assert sorted(wanted) == held
    assert all((after.first - before.last).days > 1 for before, after in pairwise(found))
