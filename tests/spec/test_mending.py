"""Stand-ins: whatever the models need, a value that they accept."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pydantic import BaseModel, TypeAdapter

from trialflow.spec import document, experiment, metric, source
from trialflow.spec.mending import stand_in


def models() -> Iterator[type[BaseModel]]:
    for module in (experiment, metric, source):
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, document.Document) and found is not document.Document:
                yield found


MODELS = {model.__name__: model for model in models()}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_field_of_every_model_accepts_its_stand_in(model: type[BaseModel]) -> None:
    assert model.model_validate_json(json.dumps(stand_in(model)), strict=True)
    for name, field in model.model_fields.items():
        needed = stand_in(model)
        assert isinstance(needed, dict)
        filled = needed | {name: stand_in(field.annotation, field.metadata)}
        TypeAdapter(model).validate_json(json.dumps(filled), strict=True)
