"""JSON Schemas of the files people write, for editors: completion, descriptions, red lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trialflow.spec.descriptions import DESCRIPTIONS
from trialflow.spec.experiment import Experiment
from trialflow.spec.metric import Metric
from trialflow.spec.source import SOURCE_ADAPTER

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def experiment_schema() -> dict[str, Any]:
    """JSON Schema of `experiments/<slug>.yaml`."""
    return _finished(Experiment.model_json_schema(), "Experiment")


def metric_schema() -> dict[str, Any]:
    """JSON Schema of `metrics/<name>.yaml`."""
    return _finished(Metric.model_json_schema(), "Metric")


def source_schema() -> dict[str, Any]:
    """JSON Schema of `sources/<name>.yaml`."""
    return _finished(SOURCE_ADAPTER.json_schema(), "Source")


def schema_texts() -> dict[str, str]:
    """The text of every schema file by its path under the folder of definitions."""
    schemas = {"experiments": experiment_schema(), "metrics": metric_schema(), "sources": source_schema()}
    return {f"{folder}/schema.json": json.dumps(schema, indent=2) + "\n" for folder, schema in schemas.items()}


def write_schemas(root: Path) -> tuple[Path, ...]:
    """Write the three files under `root` (the folder that holds experiments/, metrics/ and sources/)."""
    written = []
    for name, text in schema_texts().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return tuple(written)


def _finished(schema: dict[str, Any], title: str) -> dict[str, Any]:
    for name, definition in [(title, schema), *schema.get("$defs", {}).items()]:
        for field, text in DESCRIPTIONS.get(name, {}).items():
            if field in definition.get("properties", {}):
                definition["properties"][field]["description"] = text
    return {"$schema": DIALECT, **schema, "title": title}
