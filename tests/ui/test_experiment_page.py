"""What the page of one experiment looks like to a browser, without one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.memo import scenes
from tests.overview.records import day, dossier_of, recorded
from trialflow.checks.finding import Status
from trialflow.overview.dossier import Archive
from trialflow.overview.experiment import Detail, detail
from trialflow.overview.finding import finding_page
from trialflow.overview.memo_page import memo_page
from trialflow.registry import Registry
from trialflow_ui.charts import drawings
from trialflow_ui.pages.experiment import figures
from trialflow_ui.pages.memo import document
from trialflow_ui.render import environment
from trialflow_ui.runs import Run

SLUG = "ranker-v7"
ATTACK = "</script><img src=x onerror=alert(1)>{{ 7 * 7 }}\"'"
RUN = Run(dag="final_analysis", run="manual__2026-03-15T00:00:00+00:00", day=day(14), state="success", started=None)


class Elements(HTMLParser):
    """Every element with its attributes, and the content of every script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script" and data.strip():
            self.scripts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def view_of(registry: Registry) -> Detail:
    return detail(dossier_of(registry, SLUG), today=day(60))


def rendered(registry: Registry, *, can_act: bool = True, sign_off: str = "", runs: tuple[Run, ...] = (RUN,)) -> str:
    view = view_of(registry)
    values: Mapping[str, Any] = {
        "section": "experiments",
        "path": "/",
        "title": view.standing.promise.experiment.title,
        "view": view,
        "figures": figures(view),
        "runs": runs,
        "most_runs": 400,
        "sign_off": sign_off,
        "can_act": can_act,
        "today": day(60),
    }
    return environment().get_template("experiment.html.j2").render(**values)


def finding_text(registry: Registry, check: str, as_of: date) -> str:
    with registry.reading() as session:
        view = finding_page(Archive(session, registry.name), SLUG, check, as_of, None)
    assert view is not None
    drawn = [one for chart in view.charts for one in drawings(chart)]
    return (
        environment().get_template("finding.html.j2").render(section="", path="/", title="x", view=view, figures=drawn)
    )


def hostile() -> scenes.Scene:
    """A scene in which everything that people write is an attack."""
    scene = scenes.ship()
    texts = dict.fromkeys(("title", "hypothesis", "mechanism", "owner", "audience"), ATTACK)
    segments = [{"dimension": "device", "values": [ATTACK, "desktop"]}]
    promise = replace(scene.promise, experiment=scene.promise.experiment.model_copy(update=texts))
    promise = replace(
        promise,
        experiment=type(promise.experiment).model_validate(promise.experiment.model_dump() | {"segments": segments}),
    )
    compared = scenes.conversion(0.0028, segment_dimension="device", segment_value=ATTACK)
    findings = tuple(
        replace(one, evidence={"comparisons": [compared]}, headline=ATTACK) if one.check == "segments" else one
        for one in scene.findings
    )
    return replace(scene, promise=promise, findings=findings)


def test_what_people_write_is_shown_as_they_wrote_it_and_nothing_else(tmp_path: Path) -> None:
    registry = recorded(tmp_path, hostile())
    for text in (rendered(registry), finding_text(registry, "segments", scenes.ship().decision.as_of)):
        page = Elements(text)
        assert page.named("img") == []
        assert "{{ 7 * 7 }}" in text
        assert not any(name.startswith("on") for _, attributes in page.found for name in attributes)
        assert "&lt;/script&gt;" in text


def test_days_in_what_was_found_are_written_as_the_page_writes_them(tmp_path: Path) -> None:
    scene = scenes.ship()
    told = "Rows of 2026-03-04 are missing."
    findings = tuple(replace(one, status=Status.WARN, headline=told, next_step=told) for one in scene.findings)
    registry = recorded(tmp_path, replace(scene, findings=findings))
    for text in (rendered(registry), finding_text(registry, "srm", scene.decision.as_of)):
        assert "Rows of 4 Mar 2026 are missing." in text
        assert told not in text


def test_scripts_are_files_and_data_is_json(tmp_path: Path) -> None:
    page = Elements(rendered(recorded(tmp_path, hostile())))
    for script in page.named("script"):
        assert "src" in script or script["type"] == "application/json"
    assert len(page.scripts) >= 4
    for text in page.scripts:
        json.loads(text)


def test_no_style_stands_in_the_page(tmp_path: Path) -> None:
    page = Elements(rendered(recorded(tmp_path, scenes.signed_ship())))
    assert page.named("style") == []
    assert not any("style" in attributes for _, attributes in page.found)


def test_every_figure_has_its_words_and_its_numbers(tmp_path: Path) -> None:
    text = rendered(recorded(tmp_path, scenes.ship()))
    page = Elements(text)
    charts = [one for one in page.named("figure") if one.get("class") == "chart"]
    assert len(charts) >= 5
    ids = {one.get("id") for one in page.named("script")}
    assert all(one["data-spec"] in ids for one in charts)
    labels = [one["aria-label"] for one in page.named("div") if one.get("class") == "plot"]
    assert len(labels) == len(charts)
    assert all(labels)


def test_ids_are_not_given_twice(tmp_path: Path) -> None:
    page = Elements(rendered(recorded(tmp_path, scenes.ship(), memo=True)))
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))


def names_of_landmarks(page: Elements) -> list[tuple[str, str]]:
    """Kind and name of every part of the page that a reader may jump to."""
    labelled = [
        (attributes.get("role") or tag, attributes.get("aria-label") or attributes.get("aria-labelledby") or "")
        for tag, attributes in page.found
        if tag in ("nav", "section") or attributes.get("role") == "region"
    ]
    return [("region" if kind == "section" else kind, name) for kind, name in labelled]


def test_no_two_parts_of_the_page_have_one_name(tmp_path: Path) -> None:
    text = rendered(recorded(tmp_path, scenes.two_treatments()))
    titles = dict(re.findall(r'<h2 id="([^"]+)">([^<]+)</h2>', text))
    found = [(kind, titles.get(name, name)) for kind, name in names_of_landmarks(Elements(text))]
    assert len(found) == len(set(found))


def test_the_contents_lead_to_sections_of_the_page(tmp_path: Path) -> None:
    text = rendered(recorded(tmp_path, scenes.ship(), memo=True))
    page = Elements(text)
    ids = {attributes.get("id") for _, attributes in page.found}
    links = [
        one["href"] or ""
        for one in page.named("a")
        if (one["href"] or "").startswith("#") and one["href"] != "#content"
    ]
    assert {"#effect", "#integrity", "#log", "#runs"} <= set(links)
    assert {link[1:] for link in links} <= ids


def test_rows_of_wide_tables_can_be_read_as_cards(tmp_path: Path) -> None:
    page = Elements(rendered(recorded(tmp_path, scenes.signed_ship())))
    name, columns, wide = "", 0, set()
    for tag, attributes in page.found:
        if tag == "table":
            name, columns = attributes.get("class") or "", 0
        elif tag == "th" and attributes.get("scope") == "col":
            columns += 1
            wide |= {name} if columns > 3 else set()
        elif tag == "td" and "stacked" in name:
            assert attributes["data-name"]
    assert wide
    assert all("stacked" in one for one in wide)


def test_no_column_has_an_empty_name(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship())
    for text in (rendered(registry), finding_text(registry, "srm", scenes.ship().decision.as_of)):
        assert re.search(r'<th scope="col">\s*</th>', text) is None


def test_why_effects_are_not_shown_is_said_once(tmp_path: Path) -> None:
    text = rendered(recorded(tmp_path, scenes.broken_split()))
    assert text.count("says nothing about the treatment") == 1


def test_the_caption_tells_the_band_from_the_interval(tmp_path: Path) -> None:
    text = rendered(recorded(tmp_path, scenes.ship()))
    (caption,) = (one for one in re.findall(r"<figcaption>(.*?)</figcaption>", text) if "over time, with bounds" in one)
    assert "The band holds on all days together" in caption


def test_days_have_one_form(tmp_path: Path) -> None:
    text = rendered(recorded(tmp_path, scenes.signed_ship()))
    seen = text[: text.index('<section aria-labelledby="promise">')]
    words = re.sub(r"<script.*?</script>|<[^>]+>", " ", seen, flags=re.S)
    assert re.findall(r"\d{1,2} (?:January|February|March|April) \d{4}|\d{4}-\d\d-\d\d", words) == []
    assert re.search(r"\d{1,2} Mar 2026", words)


def test_simulated_data_says_so_beside_the_title(tmp_path: Path) -> None:
    text = rendered(recorded(tmp_path, scenes.ship()))
    assert '<span class="label">simulated</span>' in text


@pytest.mark.parametrize(
    ("can_act", "link"), [(True, "/dags/final_analysis/runs/r/tasks/sign/required_actions"), (False, "")]
)
def test_only_who_may_act_is_led_to_the_sign_off(tmp_path: Path, can_act: bool, link: str) -> None:
    text = rendered(recorded(tmp_path, scenes.ship()), can_act=can_act, sign_off=link)
    assert ("required_actions" in text) is can_act
    assert ("Clear the task" in text) is False


def test_links_into_airflow_are_clicked_in_the_page_around(tmp_path: Path) -> None:
    page = Elements(rendered(recorded(tmp_path, scenes.ship())))
    links = [one for one in page.named("a") if (one["href"] or "").startswith("/dags/")]
    assert links
    assert all("data-airflow" in one for one in links)
    assert RUN.link in {one["href"] for one in links}
    assert "%3A00%2B00%3A00" in RUN.link


def test_a_broken_split_shows_no_effect_on_the_page_or_in_its_charts(tmp_path: Path) -> None:
    text = rendered(recorded(tmp_path, scenes.broken_split()))
    assert "Effects are not shown." in text
    assert 'data-spec="chart-effect-1"' not in text
    assert 'data-spec="chart-metrics-1"' not in text
    assert re.search(r"[+−]0\.21", text) is None  # the effect that an older run left on record


def test_a_memo_is_served_as_it_was_recorded_and_may_run_nothing(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship(), memo=True)
    as_of = scenes.ship().decision.as_of
    with registry.reading() as session:
        answer = document(SLUG, "decision", as_of, Archive(session, registry.name))
    stored = registry.memos(SLUG, as_of=as_of, kind="decision")[0].documents["html"]
    assert bytes(answer.body).decode() == stored
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def memo_page_of(registry: Registry, as_of: date, revision: int | None = None) -> str:
    with registry.reading() as session:
        view = memo_page(Archive(session, registry.name), SLUG, "decision", as_of, revision)
    return environment().get_template("memo.html.j2").render(section="experiments", title="t", path="/", view=view)


def test_a_memo_stands_between_its_experiment_and_the_other_memos(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship(), memo=True)
    as_of = scenes.ship().decision.as_of
    with registry.append(SLUG) as record:
        record.memo("registration", day(0), {"html": "<p>promised</p>"})
    page = Elements(memo_page_of(registry, as_of))
    (shown,) = page.named("iframe")
    assert shown["src"] == f"/trialflow/experiments/{SLUG}/memos/decision/{as_of}/document?revision=0"
    assert shown["sandbox"] == "allow-same-origin"
    links = {one["href"] for one in page.named("a")}
    assert {f"/trialflow/experiments/{SLUG}", f"/trialflow/experiments/{SLUG}/memos/registration/{day(0)}"} <= links


def test_an_older_revision_of_a_memo_can_be_read_again(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship(), memo=True)
    as_of = scenes.ship().decision.as_of
    with registry.append(SLUG) as record:
        record.memo("decision", as_of, {"html": "<p>the second</p>"})
    assert "document?revision=1" in memo_page_of(registry, as_of)
    assert "document?revision=0" in memo_page_of(registry, as_of, 0)
    with registry.reading() as session:
        file = Archive(session, registry.name)
        assert bytes(document(SLUG, "decision", as_of, file).body) == b"<p>the second</p>"
        assert bytes(document(SLUG, "decision", as_of, file, 0).body) != b"<p>the second</p>"
        assert memo_page(file, SLUG, "decision", as_of, 7) is None
