"""What is locked at registration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.documents import EXPERIMENT, METRICS, SOURCE, catalog, changed
from trialflow.errors import NotSupportedError
from trialflow.spec import fingerprint as exported
from trialflow.spec.experiment import Experiment
from trialflow.spec.fingerprint import document, fingerprint, fingerprint_of, from_document
from trialflow.spec.parsing import parse_experiment
from trialflow.spec.promise import Plan, Promise


def promise_of(text: str, **definitions: str) -> Promise:
    return catalog(**definitions).promise(parse_experiment(text, "x.yaml"))


def shuffled(value: Any, random: Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, Mapping):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, str(key)))]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, (*path, str(index)))]
    return [path]


STATED = document(promise_of(EXPERIMENT))


def test_it_is_a_sha_256() -> None:
    assert len(fingerprint(promise_of(EXPERIMENT))) == 64
    assert exported.fingerprint is fingerprint


@settings(deadline=None, max_examples=25)
@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(random: Random) -> None:
    text = yaml.safe_dump(shuffled(yaml.safe_load(EXPERIMENT), random), sort_keys=False)
    assert fingerprint(promise_of(text)) == fingerprint(promise_of(EXPERIMENT))


def test_layout_comments_and_number_style_do_not_matter() -> None:
    text = "# a comment\n" + EXPERIMENT.replace("weight: 0.5", "weight: 5e-1").replace("owner: ", "owner:    ")
    assert fingerprint(promise_of(text)) == fingerprint(promise_of(EXPERIMENT))


def test_a_default_that_an_upgrade_adds_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Upgraded(Experiment):
        brand_new: int = 7

    before = promise_of(EXPERIMENT)
    after = Promise(
        experiment=Upgraded.model_validate(yaml.safe_load(EXPERIMENT)), metrics=before.metrics, sources=before.sources
    )
    assert fingerprint(after) == fingerprint(before)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(leaves(STATED)))
def test_every_stated_value_is_covered(path: tuple[str, ...]) -> None:
    altered = json.loads(json.dumps(STATED))
    holder = altered
    for part in path[:-1]:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    key = int(path[-1]) if isinstance(holder, list) else path[-1]
    holder[key] = [holder[key], "changed"]
    assert fingerprint_of(altered) != fingerprint_of(STATED)


@pytest.mark.parametrize(
    "changes",
    [
        {"analysis.alpha": 0.049},
        {"analysis.alpha": ...},
        {"calendar.last_day": "2026-04-05"},
        {"variants.1.model_version": "two-tower-2.3.2"},
        {"metrics.secondary": ["basket_value", "revenue_per_user"]},
        {"replay": False},
    ],
)
def test_a_changed_promise_has_another_fingerprint(changes: dict[str, Any]) -> None:
    assert fingerprint(promise_of(changed(EXPERIMENT, changes))) != fingerprint(promise_of(EXPERIMENT))


def test_a_changed_metric_or_source_changes_the_fingerprint_of_the_promise() -> None:
    before = fingerprint(promise_of(EXPERIMENT))
    metric = METRICS["purchase_rate"].replace("to_day: 6", "to_day: 5")
    source = SOURCE.replace("{by: marker}", "{by: asset}")
    assert fingerprint(promise_of(EXPERIMENT, purchase_rate=metric)) != before
    assert fingerprint(promise_of(EXPERIMENT, shop_events=source)) != before


def test_a_metric_that_is_not_used_changes_nothing() -> None:
    retention = METRICS["week_retention"].replace("to_day: 6", "to_day: 5")
    assert fingerprint(promise_of(EXPERIMENT, week_retention=retention)) == fingerprint(promise_of(EXPERIMENT))


def test_the_plan_is_not_part_of_it() -> None:
    promise = promise_of(EXPERIMENT)
    plan = Plan(tuning_units=5)
    planned = from_document(document(promise), plan)
    assert planned.plan == plan
    assert fingerprint(planned) == fingerprint(promise)


def test_a_document_that_went_through_json_gives_the_same_promise() -> None:
    promise = promise_of(EXPERIMENT)
    again = from_document(json.loads(json.dumps(document(promise))))
    assert again == promise
    assert document(again) == document(promise)


def test_a_document_of_a_newer_schema_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="upgrade"):
        from_document({**STATED, "schema_version": 99})
