"""Every page answers at every age of a life: before its first unit, on a day without data, long before a verdict."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.stages.worlds import FIRST, SLUG, TODAY, begin, days, fill, promise, shop, world
from trialflow.stages.monitoring import monitor
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.workspace import Workspace

PAGE = {"Accept": "text/html"}
PAGES = ("/experiments/", f"/experiments/{SLUG}", "/layers/", "/portfolio/", "/metrics/", "/metrics/views_3d")


def registered(root: Path) -> Workspace:
    workspace = fill(shop(root), world(), through=FIRST)
    register(workspace, Offer(where="a test", text=promise()), by="ada", today=TODAY)
    return workspace


def validated(root: Path) -> Workspace:
    return begin(fill(shop(root), world(), through=FIRST))


def of_the_first_day(root: Path) -> Workspace:
    workspace = validated(root)
    monitor(workspace, SLUG, FIRST)
    return workspace


def without_a_unit(root: Path) -> Workspace:
    """The exposure log knows the experiment by another slug."""
    workspace = begin(fill(shop(root), world(slug="another_slug")))
    monitor(workspace, SLUG, FIRST)
    return workspace


def without_a_complete_day(root: Path) -> Workspace:
    workspace = begin(fill(shop(root), world()))
    (workspace.lake_root / "_complete" / "shop" / str(FIRST)).unlink()
    monitor(workspace, SLUG, FIRST)
    return workspace


def of_four_days(root: Path) -> Workspace:
    workspace = begin(fill(shop(root), world()))
    for day in days(last=date(2026, 1, 8)):
        monitor(workspace, SLUG, day)
    return workspace


LIVES = (registered, validated, of_the_first_day, without_a_unit, without_a_complete_day, of_four_days)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_every_page_answers(
    tmp_path: Path, visit: Callable, showing: Callable[[Workspace], None], life: Callable[[Path], Workspace]
) -> None:
    showing(life(tmp_path))
    reader = visit("viewer")
    found: dict[str, str] = {}
    for address in PAGES:
        answer = reader.get(address, headers=PAGE)
        assert answer.status_code == 200, f"{address}: {answer.text[:400]}"
        found[address] = answer.text
    for address in sorted(set(re.findall(rf'/experiments/{SLUG}/(?:findings|memos)/[^"]+', "".join(found.values())))):
        assert reader.get(address, headers=PAGE).status_code == 200, address


def test_a_split_without_a_unit_is_told_as_no_data(
    tmp_path: Path, visit: Callable, showing: Callable[[Workspace], None]
) -> None:
    showing(without_a_unit(tmp_path))
    reader = visit("viewer")
    for address in ("/experiments/", f"/experiments/{SLUG}"):
        text = reader.get(address, headers=PAGE).text
        assert re.search(
            rf'class="status no_data">no data</span>.*?findings/srm/{FIRST}">no unit yet<', text, re.DOTALL
        )


def test_links_within_a_page_lead_to_something(
    tmp_path: Path, visit: Callable, showing: Callable[[Workspace], None]
) -> None:
    showing(of_four_days(tmp_path))
    reader = visit("viewer")
    for address in PAGES:
        text = reader.get(address, headers=PAGE).text
        missing = set(re.findall(r'href="#([^"]+)"', text)) - set(re.findall(r'\bid="([^"]+)"', text))
        assert not missing, f"{address} leads to #{', #'.join(sorted(missing))}, which it does not have"
