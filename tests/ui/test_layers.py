"""The picture of the calendar: what is drawn where, and what a reader without the picture gets."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialflow.overview.layers import Calendar, Lane, Quarter, Stay, Window
from trialflow.registry import Stage
from trialflow_ui.lanes import GAP, LEFT, LETTER, RIGHT, label, picture, ticks
from trialflow_ui.render import environment

FIRST = date(2026, 1, 1)
WINDOW = Window(first=FIRST, last=date(2026, 3, 31))
TODAY = date(2026, 2, 1)


def a_stay(slug: str = "ranker", *, after: int = 4, days: int = 14, **changes) -> Stay:
    first = FIRST + timedelta(days=after)
    last = first + timedelta(days=days - 1)
    plain = {
        "slug": slug,
        "title": f"About {slug}",
        "owner": "Ranking team",
        "layer": "home",
        "stage": Stage.RUNNING,
        "labels": ("simulated",),
        "first_day": first,
        "last_day": last,
        "final_day": last + timedelta(days=3),
        "extension": None,
        "extended": False,
        "paused": False,
    }
    return Stay(**plain | changes)


def a_calendar(*stays: Stay, window: Window = WINDOW, **changes) -> Calendar:
    lanes = (Lane(layer="home", stays=stays),) if stays else ()
    quarter = Quarter(name="2026-Q1", first=window.first, last=window.last, experiments=len(stays))
    return Calendar(**{"window": window, "lanes": lanes, "quarters": (quarter,), "experiments": len(stays)} | changes)


def page(calendar: Calendar) -> str:
    values = {"calendar": calendar, "picture": picture(calendar, TODAY), "label": label, "today": TODAY}
    template = environment().get_template("layers.html.j2")
    return template.render(section="layers", path="/layers/", title="Calendar", quarter="", by_days=False, **values)


def drawing(calendar: Calendar) -> ElementTree.Element:
    text = page(calendar)
    return ElementTree.fromstring(text[text.index('<svg class="lanes"') : text.index("</svg>") + len("</svg>")])


def test_enrolment_maturing_and_extension_follow_each_other_on_the_axis():
    stay = a_stay(extension=FIRST + timedelta(days=27))
    ((bar,),) = [lane.bars for lane in picture(a_calendar(stay), TODAY).lanes]
    a_day = (RIGHT - LEFT) / WINDOW.days
    assert bar.enrolment == pytest.approx((LEFT + 4 * a_day, 14 * a_day), abs=0.11)
    assert bar.maturing == pytest.approx((LEFT + 18 * a_day, 3 * a_day), abs=0.11)
    assert bar.extension == pytest.approx((LEFT + 21 * a_day, 7 * a_day), abs=0.11)


def test_days_outside_the_window_are_cut_off():
    ((bar,),) = [lane.bars for lane in picture(a_calendar(a_stay(after=-10, days=400)), TODAY).lanes]
    assert bar.enrolment == (LEFT, RIGHT - LEFT)
    assert (bar.maturing, bar.extension) == (None, None)


@given(
    st.lists(
        st.tuples(st.integers(-100, 89), st.integers(1, 120), st.integers(0, 80)).filter(
            lambda one: one[0] + one[1] > 0
        ),
        min_size=1,
        max_size=12,
    )
)
def test_two_bars_of_a_row_never_meet_nor_do_their_labels(rows):
    stays = [a_stay(f"s{number}", after=a, days=d, title="x" * w) for number, (a, d, w) in enumerate(sorted(rows))]
    taken: dict[float, list[tuple[float, float]]] = {}
    for bar in picture(a_calendar(*stays), TODAY).lanes[0].bars:
        width = LETTER * len(label(bar.stay))
        start = bar.label_x - width if bar.label_end else bar.label_x
        left, right = min(start, bar.whole[0]), max(start + width, bar.whole[0] + bar.whole[1])
        assert all(right + GAP <= begin + 0.2 or end + GAP <= left + 0.2 for begin, end in taken.get(bar.y, []))
        taken.setdefault(bar.y, []).append((left, right))


@pytest.mark.parametrize("days", [7, 70, 90, 400, 800, 3000, 9000])
def test_an_axis_has_a_handful_of_marks(days):
    found = ticks(Window(first=FIRST, last=FIRST + timedelta(days=days - 1)))
    assert 1 <= len(found) <= 25
    assert [one.x for one in found] == sorted(one.x for one in found)


@pytest.mark.parametrize(("days", "step"), [(7, "day"), (70, "day"), (90, "month"), (400, "month"), (800, "quarter")])
@given(begin=st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_marks_are_all_mondays_or_first_days_of_the_window(days, step, begin):
    window = Window(first=begin, last=begin + timedelta(days=days - 1))
    inside = [begin + timedelta(days=number) for number in range(days)]
    is_marked = {
        "day": lambda day: day.weekday() == 0,
        "month": lambda day: day.day == 1,
        "quarter": lambda day: day.day == 1 and day.month in (1, 4, 7, 10),
    }[step]
    wanted = [(day - begin).days for day in inside if is_marked(day)]
    assert [round((tick.x - LEFT) / (RIGHT - LEFT) * days) for tick in ticks(window)] == wanted


def test_a_long_axis_takes_no_longer_than_its_marks():
    class Days(date):
        made = 0

        def __add__(self, other):
            Days.made += 1
            return date.__add__(self, other)

    assert len(ticks(Window(first=Days(1, 1, 1), last=Days(9999, 12, 31)))) <= 25
    assert Days.made < 100


def test_the_present_day_is_a_line_where_it_is_shown():
    assert picture(a_calendar(a_stay()), TODAY).today is not None
    assert picture(a_calendar(a_stay()), date(2027, 1, 1)).today is None


def test_each_bar_is_a_link_that_says_everything_in_words():
    (link,) = drawing(a_calendar(a_stay(extension=FIRST + timedelta(days=27)))).iter("a")
    assert link.get("href") == "/trialflow/experiments/ranker"
    assert link.get("aria-label") == (
        "About ranker, running, simulated: 5 January 2026 to 21 January 2026, if extended to 28 January 2026"
    )


def test_stage_and_labels_stand_in_letters_beside_the_colour():
    assert label(a_stay(paused=True)) == "About ranker · running, paused · simulated"


def test_a_collision_is_framed_and_named():
    stays = a_stay("first", with_slugs=("second",)), a_stay("second", with_slugs=("first",))
    text = page(a_calendar(*stays))
    assert text.count('class="clash"') == 2
    assert "1 collision: two experiments would share units." in text
    assert "collides with second" in text


def test_the_same_stands_in_a_list_for_narrow_screens():
    text = page(a_calendar(a_stay("first"), a_stay("second")))
    rows = text[text.index("<tbody>") : text.index("</tbody>")]
    assert rows.count("<tr>") == 2
    assert 'href="/trialflow/experiments/second"' in rows
    assert "5 Jan 2026 to 18 Jan 2026" in rows


def test_titles_are_shown_as_text_in_the_drawing_too():
    text = page(a_calendar(a_stay(title="<script>alert(1)</script>", layer="home")))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_no_style_stands_in_the_page_itself():
    text = page(a_calendar(a_stay(extension=FIRST + timedelta(days=27), with_slugs=("other",))))
    assert "style=" not in text
    assert "<style" not in text


def test_empty_states_say_what_to_do():
    assert "preregistration" in page(a_calendar(experiments=0))
    nothing = page(a_calendar(experiments=3))
    assert "Nothing runs in these days" in nothing
    assert "/trialflow/layers/?quarter=all" in nothing
    assert "Choose other days" in page(a_calendar(a_stay(), problem="No experiment runs in 2020-Q1."))
