"""The picture of the rules in the documentation is the one that the table gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from trialflow.decision import HoldReason, Verdict

DOCS = Path(__file__).parents[2] / "docs"


def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verdicts", DOCS / "figures" / "verdicts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_shows_the_table_as_it_is() -> None:
    """Draw it again with `python docs/figures/verdicts.py` after a change of the rules."""
    assert (DOCS / "pictures" / "verdicts.svg").read_text(encoding="utf-8") == drawing().svg()


def test_every_verdict_and_reason_stands_in_it() -> None:
    text = drawing().svg()
    assert all(f">{word.value}<" in text for word in (*Verdict, *HoldReason))
