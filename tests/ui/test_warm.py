"""What is read ahead is not read again, and what cannot be read ahead harms nobody."""

from __future__ import annotations

from dataclasses import replace

from trialflow.overview import reader
from trialflow_ui import warm


def test_the_record_is_read_before_anybody_asks(shown, monkeypatch):
    kept = reader.Keep()
    monkeypatch.setattr(reader, "PROMISES", kept)
    warm.start().join(60)
    assert len(kept._values) == 3


def test_a_record_that_cannot_be_read_is_left_to_the_page(showing, hostile_workspace, tmp_path, caplog):
    (tmp_path / "registry.db").write_text("no database")
    showing(replace(hostile_workspace, registry_url=f"sqlite:///{tmp_path / 'registry.db'}"))
    with caplog.at_level("INFO"):
        warm.start().join(60)
    assert "could not be read ahead" in caplog.text
