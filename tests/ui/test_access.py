"""Who may read the pages, what an answer carries, and that nothing that people wrote becomes a part of a page."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from airflow.api_fastapi.app import get_auth_manager
from fastapi.routing import APIRoute

from tests.ui import routes
from tests.ui.hostile import ATTRIBUTE, SIGNED, TAG, UNIT, WAITING, hostile
from trialflow_ui.app import HEADERS, HeadersOnly, make_app
from trialflow_ui.entry import PREFIX
from trialflow_ui.runs import Runs

PAGE = {"Accept": "text/html,application/xhtml+xml"}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SECRETS = (SIGNED, WAITING, "views_3d", "vega", "--ink")
"""Words of the record and of assets: none reaches anybody without a login."""
POSTED = {"/plan/check": {"yaml": "slug: x\n"}}
"""What may be posted, for the length of its text: it is answered, and nothing is kept."""
ACTING = re.compile(r"required_actions|/trigger\b|/trigger/|[?&]conf=")
"""Addresses in Airflow that start or answer something."""


class Parsed(HTMLParser):
    """What a browser makes of a page: its tags, attributes, links and forms."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.methods: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(given)
        self.links |= {given[name] for name in ("href", "src", "action", "formaction") if given.get(name)}
        if tag == "form":
            self.methods.add((given.get("method") or "get").lower())


def every_address() -> list[str]:
    return [address for _route, address in routes.addresses(make_app())]


def pages(client) -> Iterator[tuple[str, str]]:
    """Every address that answers with a page, and the page."""
    for address in every_address():
        answer = client.get(address, headers=PAGE)
        if answer.headers.get("content-type", "").startswith("text/html"):
            yield address, answer.text


def test_every_route_only_reads_and_stands_behind_the_same_guard():
    app = make_app()
    for route in routes.routes(app):
        assert isinstance(route, APIRoute), f"{route} is not guarded by the application's dependencies"
        assert route.methods <= {"GET", "HEAD"} or (route.path in POSTED and route.methods == {"POST"})
    assert not {"/docs", "/redoc", "/openapi.json"} & {route.path for route in routes.routes(app)}


def test_nobody_reads_anything_without_a_login(visit, shown):
    nobody = visit()
    for address in every_address():
        for headers in ({}, PAGE, {"Accept": "*/*", "X-Forwarded-User": "admin", "Origin": "null"}):
            assert_refused(nobody.get(address, headers=headers), address)


def test_no_spelling_of_an_address_and_no_method_leads_past_the_login(visit, shown):
    nobody = visit()
    for address in {one: None for _route, one in first_of_each_route()}:
        for spelling in routes.variants(address):
            assert_refused(nobody.get(spelling, headers=PAGE), spelling)
        for method in METHODS:
            assert_refused(nobody.request(method, address), f"{method} {address}")


def test_every_file_of_the_package_is_an_asset_behind_the_login(visit, shown):
    names = routes.assets()
    assert {"pages.css", "pages.js", "theme.js"} <= set(names)
    nobody, reader = visit(), visit("viewer")
    for name in names:
        assert_refused(nobody.get(f"/assets/{name}?v=1"), name)
        assert reader.get(f"/assets/{name}").status_code == 200


def test_browsers_keep_an_asset_only_under_the_version_that_it_has(visit, shown):
    reader = visit("viewer")
    (address,) = re.findall(r'href="[^"]*?(/assets/pages\.css\?v=\w+)"', reader.get("/experiments/", headers=PAGE).text)
    assert "immutable" in reader.get(address).headers["cache-control"]
    for other in ("/assets/pages.css?v=another", "/assets/pages.css"):
        assert "no-store" in reader.get(other).headers["cache-control"]


def test_who_may_not_read_runs_of_a_dag_learns_nothing_of_them(visit, shown, monkeypatch):
    manager = type(get_auth_manager())
    allowed = manager.is_authorized_dag

    def but_one(self, *, details=None, **asked):
        return (details is None or details.id != "secret") and allowed(self, details=details, **asked)

    monkeypatch.setattr(manager, "is_authorized_dag", but_one)
    reader = visit("viewer")
    assert reader.get("/run/?dag_id=open&run_id=one", headers=PAGE).status_code == 200
    for question in ("dag_id=secret&run_id=one", "dag_id=open&run_id=one&dag_id=secret", "dag_id=secret&dag_id=open"):
        answer = reader.get(f"/run/?{question}", headers=PAGE)
        told = "knows no run one of secret" in answer.text
        assert not told, question
    assert reader.get("/run/?dag_id=secret&run_id=one", headers=PAGE).status_code == 403


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "//etc/passwd", "vendor/README.md", ""])
def test_nothing_but_assets_is_served_as_one(visit, shown, name):
    answer = visit("admin").get(f"/assets/{name}")
    assert answer.status_code == 404
    assert "import" not in answer.text


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiJ9."])
def test_a_made_up_cookie_opens_nothing(visit, shown, token):
    stranger = visit(token=token)
    for _route, address in first_of_each_route():
        answer = stranger.get(address)
        assert answer.status_code in (401, 403), address
        assert_refused(answer, address)
        page = stranger.get(address, headers=PAGE)
        assert page.status_code in (303, 403)
        assert_refused(page, address)


def test_a_person_without_a_login_is_led_to_it_and_back(visit, shown):
    nobody = visit()
    for _route, address in first_of_each_route():
        answer = nobody.get(f"{address}{'&' if '?' in address else '?'}q=a%20b", headers=PAGE)
        assert answer.status_code == 303, address
        login = urlsplit(answer.headers["location"])
        assert login.path == "/auth/login"
        (back,) = parse_qs(login.query)["next"]
        assert urlsplit(back).path == address.partition("?")[0]
        assert "q=a%20b" in urlsplit(back).query
        assert urlsplit(back).hostname in (None, "airflow.test")


def test_viewers_read_every_page(visit, shown):
    reader = visit("viewer")
    for address in every_address():
        answer = reader.get(address, headers=PAGE)
        assert answer.status_code in (200, 303, 307, 404), f"{address}: {answer.status_code}\n{answer.text[:400]}"
    for _route, address in first_of_each_route():
        answer = reader.get(address, headers=PAGE)
        assert answer.status_code in (200, 303, 307), f"{address}: {answer.status_code}\n{answer.text[:400]}"


def test_every_address_of_the_tests_is_a_page_of_the_record(visit, shown):
    shown_to_all = dict(pages(visit("viewer")))
    made = shown_to_all[f"/plan/?{urlencode(routes.PLAN)}"]
    assert 'id="result"' in made, "this plan cannot be made, and so its page tests nothing"
    assert made.count("application/json") == 2
    assert len(shown_to_all) > 30


def test_only_those_who_may_start_runs_are_shown_links_that_act(visit, shown):
    offered = {role: dict(pages(visit(role))) for role in ("viewer", "admin")}
    more = set()
    assert offered["viewer"].keys() == offered["admin"].keys()
    for address, text in offered["viewer"].items():
        page = Parsed(text)
        assert not [link for link in page.links if ACTING.search(link)], address
        assert "post" not in page.methods, address
        assert 'class="button' not in text, address
        assert "<button" not in re.sub(r"<form .*?</form>", "", text, flags=re.DOTALL), address
        admins = Parsed(offered["admin"][address]).links
        assert page.links <= admins, address
        more |= admins - page.links
    for address in ("/experiments/", f"/plan/?{urlencode(routes.PLAN)}"):
        assert re.search(r'class="button( quiet)?" href="/trialflow/plan/', offered["admin"][address]), address
    assert "post" in Parsed(offered["admin"]["/plan/register"]).methods
    assert any(link.startswith(f"{PREFIX}/plan/") for link in more)


def test_only_those_who_may_start_runs_are_led_to_the_sign_off(visit, shown, monkeypatch):
    there = "/dags/final_analysis/runs/one/tasks/sign/required_actions"
    monkeypatch.setattr(Runs, "signing", lambda _runs, _slug, _as_of: there)
    for role in ("viewer", "admin"):
        links = Parsed(visit(role).get(f"/experiments/{WAITING}", headers=PAGE).text).links
        assert (there in links) == (role == "admin")


@pytest.mark.parametrize("role", ["", "viewer", "admin"])
def test_every_answer_carries_the_headers_that_keep_others_out_and_airflows_frame_in(visit, shown, role):
    client = visit(role)
    for address in (
        *every_address(),
        "/nowhere",
        "/assets/none.css",
        "/experiments/unknown_one",
        "/experiments/?q=" + "x" * 999,
    ):
        for accept in (PAGE, {}):
            answer = client.get(address, headers=accept)
            for name in HEADERS:
                assert answer.headers.get(name), f"{address}: {name} is missing from {answer.status_code}"
            policy = answer.headers["Content-Security-Policy"]
            rules = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
            assert rules["frame-ancestors"] == "'self'"
            assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "unsafe" not in rules.get("script-src", rules["default-src"]), address
            assert not re.search(r"https?:|\*", policy), address


@pytest.mark.parametrize(("method", "body"), [("HEAD", b""), ("GET", b"a page")])
def test_no_byte_of_a_body_is_sent_for_head(method, body):
    async def inner(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
        await send({"type": "http.response.body", "body": b"a ", "more_body": True})
        await send({"type": "http.response.body", "body": b"page"})

    async def keep(message):
        sent.append(message)

    sent: list = []
    asyncio.run(HeadersOnly(inner)({"type": "http", "method": method}, None, keep))
    assert sent[0]["headers"] == [(b"content-length", b"6")]
    assert b"".join(one["body"] for one in sent[1:]) == body
    assert [one.get("more_body", False) for one in sent[1:]] == [True, False]


def test_a_page_that_breaks_tells_what_to_do_and_keeps_the_headers(visit, shown, monkeypatch):
    def broken(*_asked, **_how):
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("trialflow_ui.pages.experiments.every", broken)
    answer = visit("viewer", raising=False).get("/experiments/", headers=PAGE)
    assert answer.status_code == 500
    assert "RuntimeError" in answer.text
    assert "secret detail" not in answer.text
    assert HEADERS.items() <= {name: answer.headers.get(name) for name in HEADERS}.items()


def test_pages_load_nothing_from_elsewhere(visit, shown):
    for address, text in pages(visit("admin")):
        page = Parsed(text)
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=[\"']([^\"']+)", text)
        assert all(one.startswith((PREFIX + "/", "data:")) for one in loaded), address
        assert not [name for name in page.attributes if name.startswith("on")], address
        memo = address.endswith("/document")  # a file of its own style
        assert memo or "style" not in page.attributes, address
        assert not re.search(r"javascript:", text, flags=re.IGNORECASE), address


def test_what_people_wrote_stays_text_on_every_page(visit, shown):
    attacked = set()
    for address, text in pages(visit("admin")):
        page = Parsed(text)
        assert TAG not in page.tags, address
        assert ATTRIBUTE not in page.attributes, address
        assert f"<{TAG}" not in text.lower(), address
        assert not re.search(r"\b(title|owner|segment|hypothesis) [^<]{0,40}49", text), address
        if "&lt;xss" in text or "\\u003cxss" in text:
            attacked.add(address)
    assert "/experiments/" in attacked


def test_what_people_wrote_stays_text_in_the_charts_too(visit, shown):
    charts = [
        (address, chart)
        for address, text in pages(visit("admin"))
        for chart in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, flags=re.DOTALL)
    ]
    assert all(json.loads(chart) for _address, chart in charts)
    assert not [address for address, chart in charts if re.search(r"[<>&\u2028\u2029]", chart)]
    attacked = {address for address, chart in charts if UNIT in json.dumps(json.loads(chart))}
    assert {f"/experiments/{SIGNED}", "/metrics/views_3d"} <= attacked, "no chart was attacked"


def test_a_question_comes_back_as_text(visit, shown):
    attack = hostile("asked")
    admin = visit("admin")
    for route, address in first_of_each_route():
        names = [
            one.alias
            for one in next(one for one in routes.routes(make_app()) if one.path == route).dependant.query_params
        ]
        for name in names:
            answer = admin.get(address.partition("?")[0], params={name: attack[:190]}, headers=PAGE)
            assert answer.status_code < 500, f"{address} {name}"
            assert f"<{TAG}" not in answer.text.lower(), f"{address} {name}"


def test_an_address_comes_back_as_text(visit, shown):
    admin = visit("admin")
    for address in ("/experiments/", "/assets/", "/", "/metrics/", f"/experiments/{SIGNED}/findings/"):
        answer = admin.get(f"{address}%3C{TAG}%3E%22%3E", headers=PAGE)
        assert answer.status_code < 500
        assert f"<{TAG}" not in answer.text.lower()


def test_reading_changes_nothing(visit, shown):
    before = state(shown)
    for role in ("viewer", "admin"):
        client = visit(role)
        for address in every_address():
            client.get(address, headers=PAGE)
            client.get(address)
            client.head(address)
    assert state(shown) == before


@pytest.mark.slow
def test_no_odd_question_breaks_a_page(visit, shown):
    reader = visit("viewer", raising=False)
    broken = {}
    for address in routes.odd_addresses(make_app()):
        answer = reader.get(address, headers=PAGE)
        if answer.status_code >= 500:
            broken[address[:150]] = answer.status_code
    assert broken == {}


@pytest.mark.parametrize("role", ["", "viewer", "admin"])
def test_head_is_answered_as_get_is_without_the_body(visit, shown, role):
    client = visit(role)
    for address in (*every_address(), "/nowhere", "/assets/none.css", "/experiments/unknown_one"):
        asked, told = client.get(address, headers=PAGE), client.head(address, headers=PAGE)
        assert told.status_code == asked.status_code, address
        assert told.headers == asked.headers, address
        assert told.content == b"", address


@pytest.mark.parametrize("path", POSTED)
def test_what_is_posted_is_for_those_who_may_act_and_changes_nothing(visit, shown, path):
    before = state(shown)
    assert_refused(visit().post(path, data=POSTED[path]), path)
    assert_refused(visit(token="garbage").post(path, data=POSTED[path], headers=PAGE), path)
    assert visit("viewer").post(path, data=POSTED[path]).status_code == 403
    registered = (shown.include.parent / "promise.yaml").read_text()
    for text in (registered, registered.replace(f"slug: {SIGNED}", "slug: another_one"), hostile("text")):
        answer = visit("admin").post(path, data={"yaml": text}, headers=PAGE)
        assert answer.status_code == 200, answer.text[:400]
        page = Parsed(answer.text)
        assert TAG not in page.tags
        assert f"<{TAG}" not in answer.text.lower()
    assert state(shown) == before


def first_of_each_route() -> Iterable[tuple[str, str]]:
    """One address of each route."""
    found: dict[str, str] = {}
    for route, address in routes.addresses(make_app()):
        found.setdefault(route, address)
    return found.items()


def assert_refused(answer, what: str) -> None:
    """Nothing was given away: a refusal, the way to the login, or the way to an address that refuses."""
    assert answer.status_code in (303, 307, 308, 401, 403, 404, 405), f"{what}: {answer.status_code}"
    if answer.status_code == 303:
        assert urlsplit(answer.headers["location"]).path == "/auth/login", what
    told = answer.text.replace(what.partition("?")[0], "").replace(answer.request.url.path, "")
    assert not [word for word in SECRETS if word in told], f"{what}: {told[:300]}"
    assert "set-cookie" not in answer.headers, what


def state(workspace) -> tuple[str, str]:
    """Everything that the record holds, and every file beside it."""
    with sqlite3.connect(f"file:{workspace.home / 'registry.db'}?mode=ro", uri=True) as record:
        rows = hashlib.sha256("\n".join(record.iterdump()).encode()).hexdigest()
    files = hashlib.sha256()
    for root in (workspace.home, workspace.lake_root, workspace.memo_root, workspace.include):
        for path in sorted(one for one in Path(root).rglob("*") if one.is_file() and "registry.db" not in one.name):
            files.update(f"{path} {path.stat().st_mtime_ns}\n".encode())
    return rows, files.hexdigest()
