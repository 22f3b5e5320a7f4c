"""SQL for people: broken where a reader expects it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from trialflow.warehouse.sql_layout import laid_out

GOLDEN = Path(__file__).parent / "golden"


def test_each_column_condition_and_part_of_a_union_has_its_line() -> None:
    sql = "SELECT a, f(b, c) AS d FROM (SELECT x AS a FROM t WHERE y > 0 AND z = 1) AS u UNION ALL SELECT 1, 2"
    assert laid_out(sql).splitlines() == [
        "SELECT a,",
        "  f(b, c) AS d",
        "FROM (",
        "    SELECT x AS a",
        "    FROM t",
        "    WHERE y > 0",
        "      AND z = 1",
        "  ) AS u",
        "UNION ALL",
        "SELECT 1,",
        "  2",
    ]


def test_what_stands_in_parentheses_that_hold_no_query_stays_together() -> None:
    sql = "SELECT sum(a) OVER (PARTITION BY b ORDER BY c, d) AS e FROM t LEFT OUTER JOIN u ON a = b ORDER BY e, f"
    assert laid_out(sql).splitlines() == [
        "SELECT sum(a) OVER (PARTITION BY b ORDER BY c, d) AS e",
        "FROM t",
        "LEFT OUTER JOIN u ON a = b",
        "ORDER BY e, f",
    ]


@pytest.mark.parametrize(
    "literal",
    ["'a  b, FROM (c'", "'it''s  FROM'", '"AND  so"', "'two\nlines'", "'(SELECT'", "'" + "so AND " * 40 + "'"],
)
def test_literals_and_quoted_names_stay_as_they_are(literal: str) -> None:
    assert literal in laid_out(f"SELECT {literal} AS a, b FROM t WHERE a = {literal} AND b = 1")


@pytest.mark.parametrize("sql", ["", "SELECT 'open", "SELECT a)) FROM (", "((SELECT"])
def test_text_that_is_no_sql_loses_nothing(sql: str) -> None:
    assert "".join(laid_out(sql).split()) == "".join(sql.split())


@pytest.mark.parametrize("name", ["ab_duckdb.sql", "ab_postgresql.sql"])
def test_a_reviewed_query_fits_the_page_and_is_a_fixed_point(name: str) -> None:
    text = (GOLDEN / name).read_text(encoding="utf-8").rstrip("\n;")
    assert max(len(line) for line in text.splitlines()) <= 120
    assert laid_out(text) == text
