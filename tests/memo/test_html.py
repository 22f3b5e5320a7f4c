"""The HTML memo: one file, readable by everybody, with nothing to run."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.memo.scenes import Scene, promise, ship
from trialflow.memo import html, registration_note

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Every tag with its attributes; fails on tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def test_the_same_memo_gives_the_same_bytes(scene: Scene) -> None:
    assert html(scene.memo) == html(scene.memo)


def test_a_page_is_well_formed_and_needs_nothing_from_outside(scene: Scene) -> None:
    page = parsed(html(scene.memo))
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "img", "object"}
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert "@import" not in html(scene.memo)
    assert "url(http" not in html(scene.memo)


def test_every_table_has_a_caption_and_every_picture_its_words(scene: Scene) -> None:
    page = parsed(html(scene.memo))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("table") == tags.count("caption")
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) == len(scene.memo.charts)
    assert all(one.get("role") == "img" and one.get("aria-label") for one in pictures)


def test_ids_are_unique_and_every_reference_has_its_target() -> None:
    page = parsed(html(ship().memo))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = [str(attributes["xlink:href"])[1:] for _, attributes in page.tags if "xlink:href" in attributes]
    assert used
    assert set(used) <= set(ids)


def test_a_page_has_colours_for_both_schemes_and_for_print() -> None:
    text = html(ship().memo)
    assert 'content="light dark"' in text
    assert text.count("prefers-color-scheme") >= 2  # the page's own colours and the charts'
    assert "@media print" in text


def test_text_from_people_is_escaped() -> None:
    text = html(registration_note(promise(title="<script>alert(1)</script>", hypothesis="a & b <i>")))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "a &amp; b &lt;i&gt;" in text
