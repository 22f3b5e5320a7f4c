"""The look-by-look replay of the ASOS experiments, as docs/statistics.md tells it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def asos():
    spec = importlib.util.spec_from_file_location("asos_looks", DOCS / "figures" / "asos_looks.py")
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["asos_looks"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["asos_looks"]


@pytest.fixture(scope="module")
def replayed(asos):
    return asos.replay()


def test_peeking_finds_what_an_independent_count_found(asos, replayed):
    # Counted from the published file with another program: 225 of 381 below .05 at some look, 105 at the last.
    assert len(replayed.held) == 381
    assert replayed.count(asos.PEEKING) == 225
    assert replayed.count(asos.LAST) == 105


def test_rules_for_many_looks_stop_less_often_than_peeking(asos, replayed):
    peeked = np.isfinite(replayed.stopped[asos.PEEKING])
    for rule in (asos.SEQUENTIAL, asos.ALWAYS):
        stopped = np.isfinite(replayed.stopped[rule])
        assert stopped.sum() < 0.6 * peeked.sum()
        assert (replayed.stopped[rule][stopped] >= replayed.stopped[asos.PEEKING][stopped]).all()


def test_the_table_of_the_docs_is_what_the_replay_finds(asos, replayed):
    assert asos.summary(replayed) in (DOCS / "statistics.md").read_text(encoding="utf-8")
