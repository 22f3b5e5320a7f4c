"""JSON Schemas for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.spec.documents import EXPERIMENT, METRICS, MOMENTS_SOURCE, SOURCE, changed
from trialflow.spec.descriptions import DESCRIPTIONS
from trialflow.spec.schema import experiment_schema, metric_schema, schema_texts, source_schema, write_schemas

INCLUDE = Path(__file__).resolve().parents[2] / "include"
SCHEMAS = {"Experiment": experiment_schema(), "Metric": metric_schema(), "Source": source_schema()}


def models() -> list[tuple[str, dict[str, Any]]]:
    found = [(name, schema) for name, schema in SCHEMAS.items() if "properties" in schema]
    found += [(name, model) for schema in SCHEMAS.values() for name, model in schema.get("$defs", {}).items()]
    return [(name, model) for name, model in found if "properties" in model]


@pytest.mark.parametrize("name", schema_texts())
def test_the_files_are_current(name: str) -> None:
    assert (INCLUDE / name).read_text() == schema_texts()[name], "run `make schema`"


def test_writing_them_gives_these_files(tmp_path: Path) -> None:
    assert [path.relative_to(tmp_path).as_posix() for path in write_schemas(tmp_path)] == list(schema_texts())
    assert json.loads((tmp_path / "metrics" / "schema.json").read_text()) == metric_schema()


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_they_are_schemas(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("name", "model"), models(), ids=[name for name, _ in models()])
def test_every_field_is_described(name: str, model: dict[str, Any]) -> None:
    assert set(DESCRIPTIONS[name]) == set(model["properties"])
    assert all(DESCRIPTIONS[name].values())


def test_good_documents_pass_and_bad_ones_do_not() -> None:
    # Through JSON: an editor sees a date as a text.
    jsonschema.validate(json.loads(json.dumps(yaml.safe_load(EXPERIMENT), default=str)), SCHEMAS["Experiment"])
    for text in METRICS.values():
        jsonschema.validate(yaml.safe_load(text), SCHEMAS["Metric"])
    for text in (SOURCE, MOMENTS_SOURCE):
        jsonschema.validate(yaml.safe_load(text), SCHEMAS["Source"])
    bad = json.loads(json.dumps(yaml.safe_load(changed(EXPERIMENT, {"titel": "x"})), default=str))
    with pytest.raises(jsonschema.ValidationError, match="titel"):
        jsonschema.validate(bad, SCHEMAS["Experiment"])
