"""Connections that do not answer: the cause for those who mend it, and what anybody may read."""

from __future__ import annotations

import pickle

import pytest
import sqlalchemy as sa

from trialflow.errors import WarehouseError
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake

SHUT = "postgresql+psycopg://somebody:secret@127.0.0.1:1/facts"


def refused(connections: Connections, name: str, statement: str = "SELECT 1") -> WarehouseError:
    with pytest.raises(WarehouseError) as caught:
        connections.rows(name, sa.text(statement))
    return caught.value


def test_a_server_that_is_not_there_is_named_to_those_who_mend_it_only() -> None:
    found = refused(Connections(urls={"ours": SHUT}), "ours")
    assert "127.0.0.1" in str(found)
    assert found.public == "the warehouse connection 'ours' could not answer"


def test_a_spoilt_file_is_named_to_those_who_mend_it_only(lake: Lake) -> None:
    spoilt = lake.root / "visits" / "day=2026-01-01" / "part-0.parquet"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(b"no Parquet")
    found = refused(Connections(lake=lake), "lake", "SELECT * FROM visits")
    assert str(lake.root) in str(found)
    assert found.public == "the warehouse connection 'lake' could not answer"


def test_what_names_no_place_is_told_to_everybody() -> None:
    found = refused(Connections(), "ours")
    assert found.public == str(found)
    assert "no connection is named 'ours'" in found.public


def test_both_texts_survive_the_way_between_processes() -> None:
    found = refused(Connections(urls={"ours": SHUT}), "ours")
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 (our own)
    assert (str(again), again.public) == (str(found), found.public)
