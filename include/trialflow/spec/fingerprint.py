"""The fingerprint of a promise: what is locked at registration and checked again in every run."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from trialflow.errors import NotSupportedError
from trialflow.spec.experiment import Experiment
from trialflow.spec.metric import Metric
from trialflow.spec.promise import Plan, Promise
from trialflow.spec.source import SOURCE_ADAPTER, Source

SCHEMA_VERSION = 1

DEFINITIONS = 1_000
"""Definitions of metrics and sources that are kept: most promises share theirs with others."""


def document(promise: Promise) -> dict[str, Any]:
    """The promise as JSON values: only what was stated, in the experiment, its metrics and their sources."""
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": promise.experiment.stated(),
        "metrics": {name: promise.metrics[name].stated() for name in sorted(promise.metrics)},
        "sources": {name: promise.sources[name].stated() for name in sorted(promise.sources)},
    }


def fingerprint(promise: Promise) -> str:
    """SHA-256 (hex) of the canonical JSON of `document`: neither the order of keys nor unstated defaults matter."""
    return fingerprint_of(document(promise))


def fingerprint_of(stated: Mapping[str, Any]) -> str:
    """SHA-256 (64 hex digits) of a promise's document."""
    canonical = json.dumps(stated, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def from_document(stated: Mapping[str, Any], plan: Plan | None = None) -> Promise:
    """The inverse of `document`. Raises NotSupportedError for a document of a newer schema."""
    version = stated["schema_version"]
    if version > SCHEMA_VERSION:
        raise NotSupportedError(
            f"The stored promise has schema version {version}, this Trialflow reads up to {SCHEMA_VERSION}: "
            "upgrade Trialflow."
        )
    return Promise(
        experiment=Experiment.model_validate_json(to_json(stated["experiment"])),
        metrics={name: _metric(to_json(one)) for name, one in stated["metrics"].items()},
        sources={name: _source(to_json(one)) for name, one in stated["sources"].items()},
        plan=plan or Plan(),
    )


@functools.lru_cache(maxsize=DEFINITIONS)
def _metric(text: bytes) -> Metric:
    return Metric.model_validate_json(text)


@functools.lru_cache(maxsize=DEFINITIONS)
def _source(text: bytes) -> Source:
    return SOURCE_ADAPTER.validate_json(text)
