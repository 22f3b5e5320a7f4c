import json
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from trialflow.cli import INTERRUPTED, main
from trialflow.stages.preregistration import register, waiting
from trialflow.stages.workspace import Workspace

INCLUDE = Path(__file__).parents[1] / "include"
SAMPLE = INCLUDE / "experiments" / "cookie_cats.yaml"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home; the definitions are the shipped ones."""
    for name in ("TRIALFLOW_REGISTRY_URL", "TRIALFLOW_LAKE", "TRIALFLOW_MEMOS", "TRIALFLOW_INCLUDE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRIALFLOW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def registered(home):
    """A home in which Cookie Cats is registered."""
    workspace = Workspace.from_environment()
    offer = next(one for one in waiting(workspace) if one.slug == "cookie_cats")
    register(workspace, offer, by="test", today=date(2026, 11, 22))
    return workspace


def test_a_good_file_is_fit_for_registration(capsys):
    assert main(["validate", str(SAMPLE)]) == 0
    assert "cookie_cats is fit for registration" in capsys.readouterr().out


def test_a_bad_file_is_refused_with_every_problem_at_once(tmp_path, capsys):
    path = tmp_path / "cookie_cats.yaml"
    text = SAMPLE.read_text().replace("retention_7", "retention_8").replace("unit: player", "unit: 7\nunitt: player")
    path.write_text(text.replace("weight: 0.5}", "weight: 0.6}", 1))
    assert main(["validate", str(path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    for word in ("retention_8", "unitt", "weight"):
        assert word in told.err


def test_every_file_is_looked_at_even_after_a_bad_one(tmp_path, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text("slug: [")
    assert main(["validate", str(bad), str(tmp_path / "absent.yaml"), str(SAMPLE)]) == 1
    told = capsys.readouterr()
    assert "cookie_cats is fit" in told.out
    assert "absent.yaml cannot be read" in told.err


@pytest.mark.parametrize("dialect", ["duckdb", "postgresql"])
def test_the_queries_are_shown_when_asked_for(capsys, dialect):
    path = INCLUDE / "experiments" / "open_bandit_men.yaml"
    assert main(["validate", "--sql", "--dialect", dialect, str(path)]) == 0
    assert "SELECT" in capsys.readouterr().out


def test_a_dialect_nobody_knows_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["validate", "--sql", "--dialect", "dbase", str(SAMPLE)])
    told = capsys.readouterr().err
    assert "dbase" in told
    assert "postgresql" in told


def test_the_samples_data_is_loaded_once(home, capsys):
    assert main(["samples"]) == 0
    assert "simulated_shop" in capsys.readouterr().out
    written = {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*") if path.is_file()}
    assert written
    assert main(["samples"]) == 0
    assert "already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (home / "lake").rglob("*") if path.is_file()} == written


def test_airflow_is_started_only_when_the_samples_data_is_there(home, monkeypatch):
    from trialflow.local.standalone import Standalone

    def start(_self):
        assert (home / "lake" / "_samples" / "simulated_shop").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(Standalone, "__enter__", start)
    monkeypatch.setattr("trialflow.cli._end_on_signals", lambda: None)
    assert main(["up"]) == INTERRUPTED


def test_the_day_of_registration_can_be_chosen_for_a_file_that_is_not_a_replay(tmp_path, capsys):
    text = (INCLUDE / "experiments" / "open_bandit_men.yaml").read_text()
    path = tmp_path / "open_bandit_men.yaml"
    path.write_text(text.replace("replay: true", "replay: false"))
    main(["validate", "--today", "2026-11-22", str(path)])
    assert "first_day" in capsys.readouterr().err
    main(["validate", "--today", "2019-11-01", str(path)])
    assert "in the past" not in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["validate", "--today", "tomorrow", str(path)])


def test_migrating_makes_the_record_and_may_be_repeated(home, capsys):
    assert main(["registry", "migrate"]) == 0
    assert (home / "registry.db").is_file()
    assert main(["registry", "migrate"]) == 0
    assert str(home / "registry.db") in capsys.readouterr().out


def test_a_registry_that_cannot_be_used_is_refused(monkeypatch, home, capsys):
    monkeypatch.setenv("TRIALFLOW_REGISTRY_URL", "mysql://somebody:hidden@host/db")
    assert main(["registry", "migrate"]) == 1
    told = capsys.readouterr()
    assert "mysql" in told.err
    assert "hidden" not in told.out + told.err


def test_a_memo_is_told_from_the_record(registered, capsys):
    assert main(["memo", "cookie_cats"]) == 0
    assert "cookie_cats" in capsys.readouterr().out
    assert main(["memo", "cookie_cats", "--format", "slack"]) == 0
    assert "blocks" in json.loads(capsys.readouterr().out)


def test_a_record_that_fits_is_proved_and_one_that_was_changed_is_not(registered, capsys):
    assert main(["verify"]) == 0
    told = capsys.readouterr().out
    assert "memo registration of 2017-12-31, revision 0" in told
    assert "0 broken" in told
    with sqlite3.connect(registered.registry_url.removeprefix("sqlite:///")) as connection:
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            connection.execute(f'drop trigger "{name}"')
        connection.execute("update memos set documents = replace(documents, 'Game design team', 'Nobody')")
    connection.close()
    assert main(["verify", "cookie_cats"]) == 1
    assert "BROKEN" in capsys.readouterr().out
    assert main(["memo", "cookie_cats"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "not what was recorded" in told.err
    assert "trialflow verify cookie_cats" in told.err


def test_lost_memo_files_are_written_again_from_the_record(registered, capsys):
    folder = registered.memo_root / "cookie_cats"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    assert main(["memo", "cookie_cats", "--write"]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(before) == 3


def test_a_memo_that_is_not_there_says_so(registered, capsys):
    assert main(["memo", "cookie_cats", "--as-of", "2030-01-01"]) == 1
    assert "as of 2030-01-01" in capsys.readouterr().err
    assert main(["memo", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err


def test_schemas_are_written_beside_the_definitions(home, monkeypatch, capsys):
    monkeypatch.setenv("TRIALFLOW_INCLUDE", str(home / "include"))
    assert main(["schema"]) == 0
    for folder in ("experiments", "metrics", "sources"):
        assert json.loads((home / "include" / folder / "schema.json").read_text())["$schema"]


def test_stopping_when_nothing_runs_is_no_error(home, capsys):
    assert main(["down"]) == 0
    assert "Nothing is running" in capsys.readouterr().out


def test_validating_a_file_needs_neither_airflow_nor_numbers():
    program = (
        "import sys; from trialflow.cli import main; status = main(['validate', sys.argv[1]]); "
        "heavy = {'airflow', 'numpy', 'scipy', 'pandas', 'duckdb'} & set(sys.modules); "
        "sys.exit(status or (str(sorted(heavy)) if heavy else 0))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, str(SAMPLE)],
        env={"PYTHONPATH": str(INCLUDE), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(name in told for name in ("validate", "registry", "memo", "schema", "demo", "up", "down"))


def test_decide_says_what_is_missing_and_records_nothing(registered, capsys):
    with registered.registry() as registry:
        before = registry.digest("cookie_cats")
    assert main(["decide", "cookie_cats"]) == 1
    assert "nothing was observed of cookie_cats yet" in capsys.readouterr().err
    assert main(["decide", "cookie_cats", "--what-if", "harm_shown=perhaps"]) == 1
    assert "write harm_shown=yes or harm_shown=no" in capsys.readouterr().err
    with registered.registry() as registry:
        assert registry.digest("cookie_cats") == before
