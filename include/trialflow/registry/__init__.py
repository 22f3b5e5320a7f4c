"""The record: what was promised, seen, spent, found, decided and told. It only grows.

`Registry` is the door; `life` folds what was recorded into the stage of an experiment. SQLite is one file for one
machine, PostgreSQL serves many; nothing above this package can tell them apart.
"""

from trialflow.registry.life import Life, Stage, fold, since_reopening, stage
from trialflow.registry.record import (
    Amendment,
    Attachment,
    Event,
    EventKind,
    Message,
    Recorded,
    Registered,
    StoredDecision,
    StoredMemo,
    StoredMessage,
    StoredPromise,
    StoredSummary,
)
from trialflow.registry.registry import Registry
from trialflow.registry.writer import Writer

__all__ = [
    "Amendment",
    "Attachment",
    "Event",
    "EventKind",
    "Life",
    "Message",
    "Recorded",
    "Registered",
    "Registry",
    "Stage",
    "StoredDecision",
    "StoredMemo",
    "StoredMessage",
    "StoredPromise",
    "StoredSummary",
    "Writer",
    "fold",
    "since_reopening",
    "stage",
]
