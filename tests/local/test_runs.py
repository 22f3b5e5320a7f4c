from datetime import UTC, date, datetime

import pytest

from tests.local.standin import serving
from trialflow.local.answers import SignOff
from trialflow.local.environment import LocalError
from trialflow.local.rest import Rest, RestError
from trialflow.local.runs import DAGS, Run, Runs, wait_until
from trialflow.local.windows import Window

WINDOW = Window(date(2026, 1, 5), date(2026, 1, 18))


def run(state="running", kind="backfill", dag="daily_monitoring", number=1, partition=None):
    return {
        "dag_id": dag,
        "dag_run_id": f"run-{number}",
        "state": state,
        "run_type": kind,
        "partition_key": partition,
        "logical_date": None,
    }


def listing(key, items):
    return 200, {key: items, "total_entries": len(items)}


def runs(standin):
    return Runs(Rest(standin.url, "admin", "secret", pause=0.0), pause=0.0)


def sent(standin):
    return [(one.method, one.path.removeprefix("/api/v2")) for one in standin.asked if one.method != "GET"]


class Backfills:
    """An API that refuses the first `refusals` creations, as SQLite makes it do."""

    def __init__(self, refusals=0, status=503, open_ones=()):
        self.refusals = refusals
        self.status = status
        self.known = [{"id": number, "completed_at": None} for number in open_ones]

    def __call__(self, asked):
        if asked.method == "GET":
            return listing("backfills", self.known)
        if asked.path.endswith("/cancel"):
            self.known = []
        if asked.method == "POST" and self.refusals:
            self.refusals -= 1
            return self.status, {"detail": "Database is locked."}
        return 200, {}


def test_a_backfills_runs_look_at_the_window_and_at_nothing_else():
    with serving(Backfills()) as standin:
        runs(standin).backfill("daily_monitoring", WINDOW)
    body = next(one.body for one in standin.asked if one.method == "POST")
    # The run of the 6th looks at the 5th, the run of the 19th at the 18th.
    assert (body["from_date"], body["to_date"]) == ("2026-01-06T00:00:00Z", "2026-01-19T23:59:59Z")
    assert (body["dag_id"], body["max_active_runs"], body["reprocess_behavior"]) == ("daily_monitoring", 8, "failed")


def test_the_dag_and_runs_that_wait_for_a_signature_are_paused_while_a_backfill_is_made():
    with serving(Backfills()) as standin:
        runs(standin).backfill("daily_monitoring", WINDOW)
    assert [(method, path) for method, path in sent(standin)] == [
        ("PATCH", "/dags/daily_monitoring"),
        ("PATCH", "/dags/final_analysis"),
        ("POST", "/backfills"),
        ("PATCH", "/dags/daily_monitoring"),
        ("PATCH", "/dags/final_analysis"),
    ]
    paused = [one.body["is_paused"] for one in standin.asked if one.method == "PATCH"]
    assert paused == [True, True, False, False]


def test_a_backfill_that_sqlite_refuses_is_made_again():
    with serving(Backfills(refusals=3)) as standin:
        runs(standin).backfill("daily_monitoring", WINDOW)
    assert [method for method, _ in sent(standin)].count("POST") == 4


class BusyDatabase:
    """An API that never takes a backfill, and each single run at the second try."""

    def __init__(self):
        self.tried = set()

    def __call__(self, asked):
        if asked.method == "PATCH":
            return 200, {}
        if asked.path.endswith("/dry_run"):
            return 200, {
                "backfills": [{"logical_date": "2026-01-07T02:00:00Z"}, {"logical_date": "2026-01-06T02:00:00Z"}]
            }
        if asked.path.endswith("/dagRuns") and asked.body["logical_date"] in self.tried:
            return 200, {}
        if asked.path.endswith("/dagRuns"):
            self.tried.add(asked.body["logical_date"])
        return listing("backfills", []) if asked.method == "GET" else (503, {"detail": "Database is locked."})


def test_days_of_a_backfill_that_is_never_taken_are_started_one_by_one_with_the_dag_on_again():
    with serving(BusyDatabase()) as standin:
        runs(standin).backfill("daily_monitoring", WINDOW)
    started = [one for one in standin.asked if one.path.endswith("/dagRuns")]
    days = ["2026-01-06T02:00:00Z", "2026-01-07T02:00:00Z"]
    assert [one.body for one in started] == [{"logical_date": day, "conf": {}} for day in days for _ in range(2)]
    switched = [one.body["is_paused"] for one in standin.asked if one.method == "PATCH"]
    assert switched == [True, True, False, False]
    assert standin.asked.index(started[0]) > max(at for at, one in enumerate(standin.asked) if one.method == "PATCH")


def test_a_wrong_request_is_not_repeated():
    with serving(Backfills(refusals=99, status=422)) as standin, pytest.raises(RestError):
        runs(standin).backfill("daily_monitoring", WINDOW)
    assert [method for method, _ in sent(standin)].count("POST") == 1


def test_a_backfill_that_is_done_but_not_closed_is_closed_first():
    with serving(Backfills(open_ones=[7])) as standin:
        runs(standin).backfill("daily_monitoring", WINDOW)
    assert sent(standin)[0] == ("PUT", "/backfills/7/cancel")


def test_days_to_run_are_days_of_data_and_not_of_runs():
    answer = {"backfills": [{"logical_date": "2026-01-07T02:00:00Z"}, {"logical_date": "2026-01-06T02:00:00Z"}]}
    with serving(lambda asked: (200, answer)) as standin:
        assert runs(standin).days_to_run("daily_monitoring", WINDOW) == (date(2026, 1, 5), date(2026, 1, 6))


def test_a_scheduled_run_that_waits_for_data_is_not_waited_for():
    waiting = [
        run(kind="scheduled", number=1),
        run(kind="scheduled", dag="preregistration", number=2),
        run(kind="backfill", number=3),
    ]
    with serving(lambda asked: listing("dag_runs", waiting)) as standin:
        assert [one.run for one in runs(standin).unfinished()] == ["run-2", "run-3"]


def test_a_pool_that_is_there_keeps_its_size():
    with serving(lambda asked: (200, {"slots": 1})) as standin:
        runs(standin).make_pool()
    assert sent(standin) == []


def test_a_pool_that_is_missing_is_made(monkeypatch):
    monkeypatch.setenv("TRIALFLOW_POOL_SLOTS", "3")
    with serving(lambda asked: (404, {"detail": "?"}) if asked.method == "GET" else (201, {})) as standin:
        runs(standin).make_pool()
    made = [(one.body["name"], one.body["slots"]) for one in standin.asked if one.method == "POST"]
    assert made == [("trialflow", 3)]


def test_a_dag_file_that_cannot_be_imported_is_told_with_its_traceback():
    broken = [{"filename": "rollout.py", "stack_trace": "ImportError: no such thing"}]
    told = r"rollout\.py:\nImportError: no such thing"
    with serving(lambda asked: listing("import_errors", broken)) as standin, pytest.raises(LocalError, match=told):
        runs(standin).missing_dags()


def test_dags_are_missing_until_all_of_them_are_read():
    known = [{"dag_id": name} for name in DAGS[:-1]]

    def answer(asked):
        return listing("import_errors", []) if "importErrors" in asked.path else listing("dags", known)

    with serving(answer) as standin:
        assert runs(standin).missing_dags() == ("notifications",)


def test_only_our_own_dags_are_switched_on():
    with serving(lambda asked: listing("dags", [{"dag_id": "rollout"}, {"dag_id": "theirs"}])) as standin:
        runs(standin).switch_on()
    assert sent(standin) == [("PATCH", "/dags/rollout")]


def test_failed_runs_are_asked_for_since_the_beginning():
    found = [run("failed", dag="rollout"), run("failed", dag="theirs")]
    with serving(lambda asked: listing("dag_runs", found)) as standin:
        assert [one.dag for one in runs(standin).failed(datetime(2026, 11, 22, tzinfo=UTC))] == ["rollout"]
    assert "start_date_gte=2026-11-22T00%3A00%3A00%2B00%3A00" in standin.asked[0].path


def test_a_failed_run_is_cleared_and_its_id_stays_whole():
    failed = Run(
        dag="rollout", run="asset/2026+00:00", state="failed", kind="asset_triggered", partition="", logical_date=""
    )
    with serving(lambda asked: (200, {})) as standin:
        runs(standin).run_again([failed])
    assert sent(standin) == [("POST", "/dags/rollout/dagRuns/asset%2F2026%2B00%3A00/clear")]
    assert standin.asked[0].body == {"dry_run": False, "only_failed": True}


def test_a_mapped_tasks_label_is_told_with_it():
    tasks = [
        {"task_id": "monitor", "map_index": 0, "rendered_map_index": "cookie_cats"},
        {"task_id": "monitor", "map_index": 1, "rendered_map_index": None},
        {"task_id": "tell", "map_index": -1, "rendered_map_index": None},
    ]
    failed = Run(dag="daily_monitoring", run="r", state="failed", kind="backfill", partition="", logical_date="")
    with serving(lambda asked: listing("task_instances", tasks)) as standin:
        assert runs(standin).failed_tasks(failed) == ("monitor [cookie_cats]", "monitor [1]", "tell")


def test_waiting_has_an_end():
    with pytest.raises(LocalError, match="registering: not done after 0 s"):
        wait_until(lambda: False, lambda: None, timeout=0.02, what="registering", every=0.01)


QUESTION = {
    "task_instance": {"dag_run_id": "asset/1+00:00"},
    "options": ["SHIP new", "HOLD"],
    "params": {"rationale": {"value": None}, "owner": {"value": "Bob"}, "recommendation": {"value": "0123"}},
}


def test_a_run_that_waits_for_a_signature_is_not_waited_for():
    def answer(asked):
        if "taskInstances" in asked.path:
            assert "state=awaiting_input" in asked.path
            return listing("task_instances", [{"dag_run_id": "run-1"}])
        return listing("dag_runs", [run(dag="final_analysis", number=1), run(dag="final_analysis", number=2)])

    with serving(answer) as standin:
        assert [one.run for one in runs(standin).unfinished()] == ["run-2"]


def test_a_question_is_answered_in_its_run_with_the_fields_it_was_shown_with():
    with serving(lambda asked: listing("hitl_details", [QUESTION])) as standin:
        (asked,) = runs(standin).sign_offs()
        runs(standin).answer(asked, "HOLD", {"rationale": "No servers."})
    assert (asked.recommendation, asked.options) == ("0123", ("SHIP new", "HOLD"))
    assert sent(standin) == [
        ("PATCH", "/dags/final_analysis/dagRuns/asset%2F1%2B00%3A00/taskInstances/sign/-1/hitlDetails")
    ]
    (body,) = (one.body for one in standin.asked if one.method == "PATCH")
    assert body["chosen_options"] == ["HOLD"]
    assert body["params_input"] == {"rationale": "No servers.", "owner": "Bob", "recommendation": "0123"}


def test_an_answer_that_sqlite_refuses_is_given_again_and_one_that_stands_is_left():
    refusals = [500, 503, 409]
    asked = SignOff(run="run-1", recommendation="0123", options=("HOLD",))
    with serving(lambda _asked: (refusals.pop(0), {"detail": "Database error"})) as standin:
        runs(standin).answer(asked, "HOLD", {})
    assert [method for method, _ in sent(standin)] == ["PATCH"] * 3


def test_a_wrong_answer_is_not_repeated():
    asked = SignOff(run="run-1", recommendation="0123", options=("HOLD",))
    with serving(lambda _asked: (400, {"detail": "Invalid options"})) as standin, pytest.raises(RestError):
        runs(standin).answer(asked, "MAYBE", {})
    assert [method for method, _ in sent(standin)] == ["PATCH"]
