"""The effect in a year: what is added up, over which units, and where there is no such number."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from tests.memo.scenes import METRICS, START, Scene, cookie_cats, partial, ship, signed_ship
from trialflow.memo import Order
from trialflow.memo.memo import Section
from trialflow.spec.metric import Metric


def year(scene: Scene) -> Section:
    return next(one for one in scene.memo.sections if one.title == "In a year")


def test_units_of_a_day_times_a_year_times_the_effect() -> None:
    # 574,400 units on 14 days are 14,975,429 in 365; times 0.0021, and times 0.0021 -+ 1.97 x 0.000522.
    (table,) = year(ship()).tables
    assert table.rows == (("v7", "+31,400", "+16,000 to +46,800"),)
    assert table.caption.startswith("Additional units (user) with conversion in 365 days if everybody gets the variant")
    (assumption,) = year(ship()).paragraphs
    assert "41,029 a day, 15,000,000 a year" in assumption


def test_the_shrunken_estimate_is_scaled_beside_it() -> None:
    # 14,975,429 x 0.00131, and x 0.00048 and 0.00214.
    (table,) = year(signed_ship()).tables
    assert table.rows[0][3:] == ("+19,600", "+7,190 to +32,000")


def test_a_stop_leaves_fewer_days_of_enrolment() -> None:
    stopped = Order(kind="stopped", as_of=START + timedelta(days=9), by="ada", reason="Too dear")
    (assumption,) = year(dataclasses.replace(ship(), orders=(stopped,))).paragraphs
    assert "on the 10 days of enrolment (57,440 a day" in assumption


def test_a_verdict_about_a_segment_is_scaled_to_its_units() -> None:
    # 287,000 of 574,400 units: 7,482,500 a year, times 0.121 EUR.
    (table,) = year(partial()).tables
    assert table.rows[0][1] == "+905,000"
    assert "Additional EUR (revenue)" in table.caption
    assert "everybody with device = phone" in table.caption


def without_a_year(scene: Scene) -> str:
    section = year(scene)
    assert section.tables == ()
    (why,) = section.paragraphs
    return why


def test_totals_and_a_short_enrolment_say_nothing_about_a_year() -> None:
    assert "the source holds totals only" in without_a_year(cookie_cats())
    stopped = Order(kind="stopped", as_of=START + timedelta(days=2), by="ada", reason="Too dear")
    assert "enrolment lasted 3 days" in without_a_year(dataclasses.replace(ship(), orders=(stopped,)))


@pytest.mark.parametrize(
    ("kind", "more"), [("ratio", {"denominator": {"fact": "visits"}}), ("quantile", {"quantile": 0.9})]
)
def test_what_does_not_add_up_is_not_added_up(kind: str, more: dict[str, object]) -> None:
    conversion = METRICS[0].model_dump(mode="json") | {"kind": kind, **more}
    scene = ship()
    metrics = {**scene.promise.metrics, "conversion": Metric.model_validate(conversion)}
    told = dataclasses.replace(scene, promise=dataclasses.replace(scene.promise, metrics=metrics))
    assert f"it is a {kind}" in without_a_year(told)
