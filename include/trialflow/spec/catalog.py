"""The folder of definitions: metrics and sources by name, experiments as texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from trialflow.errors import Problem, PromiseError
from trialflow.spec.experiment import Experiment
from trialflow.spec.metric import Metric
from trialflow.spec.parsing import Reading, read_metric, read_source
from trialflow.spec.promise import Promise
from trialflow.spec.source import MomentsSource, UnitSource
from trialflow.spec.translation import did_you_mean
from trialflow.spec.yaml_text import Page, read_page, shown

N = TypeVar("N", Metric, UnitSource | MomentsSource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Metrics and sources by name; `root` is the folder they came from (None for a catalog made by hand)."""

    metrics: Mapping[str, Metric]
    sources: Mapping[str, UnitSource | MomentsSource]
    root: Path | None = None

    @classmethod
    def load(cls, root: Path) -> Catalog:
        """Read `root`/metrics/*.yaml and `root`/sources/*.yaml.

        Raises PromiseError with the problems of all files: unreadable, wrong fields, a name that is not the file's.
        """
        if not root.is_dir():
            cure = "give the folder that holds experiments/, metrics/ and sources/"
            raise PromiseError([_problem(str(root), "(folder)", str(root), "does not exist", cure)])
        problems: list[Problem] = []
        metrics = dict(_definitions(root, "metrics", read_metric, problems))
        sources = dict(_definitions(root, "sources", read_source, problems))
        if problems:
            raise PromiseError(problems)
        return cls(metrics=metrics, sources=sources, root=root)

    def promise(self, experiment: Experiment, where: str | None = None) -> Promise:
        """The experiment with its metrics and sources. Raises PromiseError with every name that is not known."""
        promise, problems = self.resolve(experiment, where or f"experiments/{experiment.slug}.yaml")
        if problems:
            raise PromiseError(problems)
        return promise

    def resolve(self, experiment: Experiment, where: str) -> tuple[Promise, tuple[Problem, ...]]:
        """As much of the promise as is known, and a problem for every name that is not."""
        used = {field: self.metrics.get(name) for field, name in _metric_fields(experiment)}
        problems = [
            _unknown(where, field, name, "metric", self.metrics)
            for field, name in _metric_fields(experiment)
            if used[field] is None
        ]
        metrics = {metric.name: metric for metric in used.values() if metric is not None}
        wanted = {"source": (where, experiment.source)} | {
            f"source of {name}": (f"metrics/{name}.yaml", metric.source) for name, metric in metrics.items()
        }
        for label, (place, name) in wanted.items():
            if name not in self.sources:
                problems.append(_unknown(place, label.partition(" ")[0], name, "source", self.sources))
        names = dict.fromkeys(name for _, name in wanted.values() if name in self.sources)
        sources = {name: self.sources[name] for name in names}
        ordered = {name: metrics[name] for name in experiment.metric_names if name in metrics}
        return Promise(experiment=experiment, metrics=ordered, sources=sources), tuple(problems)

    def experiments(self) -> Iterator[tuple[Path, str]]:
        """Every experiment file with its text, by name. Raises PromiseError for a file that is not UTF-8."""
        for path in _files(self.root / "experiments") if self.root else ():
            yield path, _text(path, path.name)


def _definitions(
    root: Path, folder: str, read: Callable[[Page], Reading[N]], problems: list[Problem]
) -> Iterator[tuple[str, N]]:
    for path in _files(root / folder):
        where = f"{folder}/{path.name}"
        try:
            page = read_page(_text(path, where), where)
        except PromiseError as error:
            problems += error.problems
            continue
        reading = read(page)
        problems += reading.problems
        if reading.model is None:
            continue
        if reading.model.name != path.stem and "name" not in reading.mended:
            cure = f"name the file {reading.model.name}.yaml, or write name: {path.stem}"
            problems.append(_problem(page.place("name"), "name", reading.model.name, "is not the file's name", cure))
        yield reading.model.name, reading.model


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]) if folder.is_dir() else []


def _text(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        fault = f"is not UTF-8 at byte {error.start}"
        raise PromiseError([_problem(where, "(whole text)", path.name, fault, "save it as UTF-8")]) from error


def _metric_fields(experiment: Experiment) -> list[tuple[str, str]]:
    """Every place where the experiment names a metric."""
    roles, gates = experiment.metrics, experiment.decision.system_guardrails
    return [
        ("metrics.primary.metric", roles.primary.metric),
        *((f"metrics.secondary.{index}", name) for index, name in enumerate(roles.secondary)),
        *((f"metrics.guardrails.{index}.metric", rail.metric) for index, rail in enumerate(roles.guardrails)),
        *((f"metrics.diagnostics.{index}", name) for index, name in enumerate(roles.diagnostics)),
        *((f"decision.system_guardrails.{index}.metric", rail.metric) for index, rail in enumerate(gates)),
    ]


def _unknown(where: str, field: str, name: str, noun: str, known: Mapping[str, object]) -> Problem:
    return _problem(where, field, shown(name), f"is not a {noun} of the catalog", did_you_mean(name, known))


def _problem(where: str, field: str, value: str, message: str, cure: str) -> Problem:
    return Problem(where=where, field=field, value=value, message=message, cure=cure)
