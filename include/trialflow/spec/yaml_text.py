"""YAML as people write it: read with line numbers, every fault kept; written in the order of the fields.

The YAML 1.2 core schema is read, not PyYAML's 1.1: `no`, `on` and `2026-01-05` stay texts, `5e-2` is a number. Aliases
and tags are refused: nobody needs them in a promise, and both can be used to make a small text explode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from trialflow.errors import Problem, PromiseError

MAX_CHARACTERS = 200_000

_SCALARS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("null", re.compile(r"~|null|Null|NULL|")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("int", re.compile(r"[-+]?[0-9]{1,30}")),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")),
    ("special", re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A text read into JSON values; `lines` gives each dotted field's line, `problems` the faults met on the way."""

    where: str
    value: Any
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def place(self, dotted: str) -> str:
        """`where` with the line of the field, or of the nearest section that holds it."""
        while dotted and dotted not in self.lines:
            dotted = dotted.rpartition(".")[0]
        return f"{self.where}:{self.lines[dotted]}" if dotted else self.where


class _NotReadHere(yaml.MarkedYAMLError):
    """A part of YAML that is left out on purpose."""


class _Loader(yaml.SafeLoader):
    """Composes nodes and refuses aliases; values are made from the nodes by `_Reader`."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _NotReadHere(problem="aliases (*name) are not read here", problem_mark=mark)
        return super().compose_node(parent, index)


@dataclass(slots=True)
class _Reader:
    where: str
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def value(self, node: yaml.Node, path: str) -> object:
        if path:
            self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, _join(path, str(index))) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(
                    path, line, "a list or a section", "stands where a field name should be", "write name: value"
                )
                continue
            key = key_node.value
            dotted = _join(path, key)
            if key in found:
                cure = f"keep one; the first stands in line {self.lines[dotted]}"
                self._fault(dotted, line, shown(self.value(value_node, "")), "is written twice", cure)
                continue
            self.lines[dotted] = line
            found[key] = self.value(value_node, dotted)
        return found

    def _scalar(self, node: yaml.Node, path: str) -> object:
        if node.tag.startswith("!"):
            line = node.start_mark.line + 1
            self._fault(
                path, line, f"{node.tag} {node.value}".strip(), "has a tag; tags are not read", "remove the tag"
            )
            return node.value
        plain = getattr(node, "style", None) is None
        return _plain_scalar(node.value) if plain else node.value

    def _fault(self, dotted: str, line: int, value: str, message: str, cure: str) -> None:
        name = dotted or "(whole text)"
        place = f"{self.where}:{line}"
        self.problems.append(Problem(where=place, field=name, value=value, message=message, cure=cure))


def read_page(text: str, where: str) -> Page:
    """Read one YAML document.

    Raises PromiseError when it is no YAML at all. What can be read although wrong (a key written twice, a tag) is
    listed in the page's `problems`, so that the rest of the document is still checked.
    """
    if len(text) > MAX_CHARACTERS:
        fault = f"is longer than {MAX_CHARACTERS:,} characters"
        raise PromiseError([_whole(where, f"{len(text):,} characters", fault, "give one promise, metric or source")])
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise PromiseError([_syntax_problem(error, text, where)]) from error
    except RecursionError as error:
        raise PromiseError(
            [_whole(where, "lists in lists", "is nested too deeply", "use the documented fields")]
        ) from error
    reader = _Reader(where=where)
    value = None if node is None else reader.value(node, "")
    return Page(where=where, value=value, lines=reader.lines, problems=tuple(reader.problems))


def write_yaml(document: Mapping[str, Any]) -> str:
    """A document as YAML that `read_page` reads back to the same values; fields keep their order."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def shown(value: object) -> str:
    """A value as it goes into an error: short, one line, texts in quotes."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return _cut("{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}")
    if isinstance(value, list | tuple):
        return _cut("[" + ", ".join(shown(item) for item in value) + "]")
    return _cut(repr(value) if isinstance(value, str) else str(value))


class _Dumper(yaml.SafeDumper):
    """Quotes every text that some YAML reader would take for something else."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (the name is PyYAML's)
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain_is_text = isinstance(_plain_scalar(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain_is_text else '"')


_Dumper.add_representer(str, _write_text)


def _plain_scalar(text: str) -> object:
    kind = next((name for name, pattern in _SCALARS if pattern.fullmatch(text)), "str")
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text)
        case "special":
            return float(text.replace(".", ""))
        case "float":
            return float(text)
        case _:
            return text


def _syntax_problem(error: yaml.YAMLError, text: str, where: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _whole(where, "this text", f"is not YAML: {error}", "save it as plain UTF-8 text")
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else "the end of the text"
    reason = str(getattr(error, "problem", None) or "cannot be read")
    return Problem(
        where=f"{where}:{mark.line + 1}",
        field=f"line {mark.line + 1}, column {mark.column + 1}",
        value=shown(line.strip()),
        message=f"is not YAML: {reason}",
        cure=_syntax_cure(reason, error),
    )


def _syntax_cure(reason: str, error: yaml.YAMLError) -> str:
    if "\\t" in reason or "tab" in reason:
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in reason:
        return "put a text that contains ': ' in quotes, and check the indentation"
    if isinstance(error, _NotReadHere):
        return "write the value out"
    if "expected a single document" in str(error):
        return "give one document; remove the line '---'"
    return "check indentation, quotes and brackets here and in the line above"


def _whole(where: str, value: str, message: str, cure: str) -> Problem:
    return Problem(where=where, field="(whole text)", value=value, message=message, cure=cure)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 80 else flat[:77] + "..."
