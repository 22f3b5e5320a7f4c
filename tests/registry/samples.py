"""One experiment's material, as plain as it can be: what a day's task records. Run as a program, it is that task.

`python samples.py <url> <job> <argument>`: the jobs stand in JOBS. Tests kill such programs and run them side by side.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice

from trialflow.checks.finding import Finding, Status
from trialflow.registry import Attachment, EventKind, Message, Registry, Writer
from trialflow.spec.look import Look, LookPurpose

SLUG = "ranker"
FIRST_DAY = date(2026, 3, 2)
DOCUMENT = {
    "schema_version": 1,
    "experiment": {"slug": SLUG, "calendar": {"first_day": "2026-03-02", "last_day": "2026-03-15"}},
    "metrics": {},
    "sources": {},
}
PLAN = {"metrics": []}
LOOK = Look(
    experiment=SLUG,
    variant="treatment",
    metric="clicks",
    purpose=LookPurpose.EFFICACY,
    as_of=FIRST_DAY,
    information=0.1 + 0.2,
    alpha_spent=1e-300,
    boundary=float("inf"),
    z=-1.25,
    crossed=False,
    data_fingerprint="data-0",
)


def day(number: int) -> date:
    """The as_of of the experiment's day, counted from 1."""
    return FIRST_DAY + timedelta(days=number - 1)


def finding(number: int, headline: str = "All is well.") -> Finding:
    """What the check "srm" says of a day."""
    evidence = {"p_value": 0.25, "units": [number * 10, number * 11], "größe": "-inf"}
    return Finding(
        experiment=SLUG, check="srm", as_of=day(number), status=Status.PASS, headline=headline, evidence=evidence
    )


def look(number: int) -> Look:
    """The look of a day."""
    return dataclasses.replace(LOOK, as_of=day(number), information=number / 3, data_fingerprint=f"data-{number}")


def register(registry: Registry) -> None:
    """Lock the sample promise."""
    registry.register(DOCUMENT, PLAN, "fingerprint-1", SLUG, by="ada")


def steps(writer: Writer, number: int) -> Iterator[None]:
    """All that a day's task records, step by step."""
    writer.summary(day(number), f"data-{number}", {"n": number})
    yield
    writer.findings([finding(number)])
    yield
    writer.looks([look(number)])
    yield
    writer.event(EventKind.ANALYSIS_DUE, day(number), key="clicks", detail={"z": 4.5})
    yield
    writer.decision({"verdict": "SHIP", "day": number}, f"decision-{number}", day(number))
    yield
    writer.memo("decision", day(number), {"markdown": f"# Day {number}\n", "html": "<p>größer</p>"})
    yield
    chart = Attachment(kind="chart", name="1.png", document={"alt": f"day {number}"})
    payload = {"text": f"day {number}"}
    writer.intend(Message(key=f"{SLUG} {number}", channel="#ranker", payload=payload, attachments=(chart,)))
    yield


def write_day(writer: Writer, number: int) -> None:
    """All that a day's task records."""
    for _ in steps(writer, number):
        pass


def stall(url: str, argument: str) -> None:
    """Begin day 1 and stand still for good, inside the transaction, after the given number of steps."""
    with Registry.open(url) as registry, registry.append(SLUG) as writer:
        for _ in islice(steps(writer, 1), int(argument)):
            pass
        print("stalled", flush=True)
        time.sleep(600)


def write_days(url: str, argument: str) -> None:
    """Open the record (perhaps first of all), register, and write the given days in their order."""
    with Registry.open(url) as registry:
        register(registry)
        for number in json.loads(argument):
            with registry.append(SLUG) as writer:
                write_day(writer, number)
                time.sleep(random.random() / 200)  # noqa: S311 (only jitter)


JOBS = {"stall": stall, "write_days": write_days}

if __name__ == "__main__":
    JOBS[sys.argv[2]](sys.argv[1], sys.argv[3])
