import pytest

from tests.local.standin import serving
from trialflow.local.rest import Rest, RestError, quoted


def rest(standin):
    return Rest(standin.url, "admin", "secret", pause=0.0)


def test_it_logs_in_once_and_carries_the_token():
    with serving(lambda asked: (200, {"version": "3"})) as standin:
        api = rest(standin)
        assert api.get("/version") == {"version": "3"}
        api.get("/version")
    assert standin.logins == [{"username": "admin", "password": "secret"}]
    assert [(one.path, one.token) for one in standin.asked] == [("/api/v2/version", "token-1")] * 2


def test_a_token_that_has_run_out_is_renewed_once():
    with serving(lambda asked: (200, {}) if asked.token == "token-2" else (401, {"detail": "expired"})) as standin:
        rest(standin).send("PATCH", "/dags/x", {"is_paused": False})
    assert [one.token for one in standin.asked] == ["token-1", "token-2"]


def test_a_login_that_is_refused_is_an_error_and_not_a_loop():
    with serving(lambda asked: (401, {"detail": "no"})) as standin, pytest.raises(RestError, match="401: no"):
        rest(standin).get("/dags")


def test_reading_is_tried_again_when_the_server_hiccups():
    answers = iter([(503, {"detail": "locked"}), (500, None), (200, {"ok": 1})])
    with serving(lambda asked: next(answers)) as standin:
        assert rest(standin).get("/dags") == {"ok": 1}


def test_writing_is_never_tried_again():
    with serving(lambda asked: (503, {"detail": "Database is locked."})) as standin:
        with pytest.raises(RestError, match="Database is locked") as caught:
            rest(standin).send("POST", "/backfills", {})
        assert len(standin.asked) == 1
    assert caught.value.status == 503


def test_what_is_not_there_is_told_at_once():
    with serving(lambda asked: (404, {"detail": "no such pool"})) as standin:
        with pytest.raises(RestError) as caught:
            rest(standin).get("/pools/x")
        assert len(standin.asked) == 1
    assert (caught.value.status, caught.value.detail) == (404, "no such pool")


def test_a_collection_is_read_to_its_last_page():
    items = [{"id": number} for number in range(230)]

    def answer(asked):
        offset = int(asked.path.split("offset=")[1].split("&")[0])
        return 200, {"dags": items[offset : offset + 100], "total_entries": len(items)}

    with serving(answer) as standin:
        assert list(rest(standin).listed("/dags", "dags")) == items


def test_several_values_of_one_question_are_all_asked():
    with serving(lambda asked: (200, {"total_entries": 7})) as standin:
        assert rest(standin).count("/dags/~/dagRuns", state=("queued", "running")) == 7
    assert "state=queued&state=running" in standin.asked[0].path


def test_health_needs_no_login_and_is_empty_while_nobody_answers():
    with serving(lambda asked: (200, {"scheduler": {"status": "healthy"}, "triggerer": None})) as standin:
        assert rest(standin).health() == {"scheduler": "healthy", "triggerer": ""}
        assert standin.logins == []
        closed = rest(standin)
    assert closed.health() == {}


def test_loopback_never_goes_through_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(lambda asked: (200, {"ok": 1})) as standin:
        assert rest(standin).get("/dags") == {"ok": 1}


def test_a_run_id_stays_one_part_of_the_address():
    assert quoted("backfill__2026-01-06T02:00:00+00:00/x") == "backfill__2026-01-06T02%3A00%3A00%2B00%3A00%2Fx"
