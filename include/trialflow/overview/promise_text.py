"""The words of a promise in its YAML: read for a form's fields and written from them; the rest of the text stays as it is."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from trialflow.errors import Problem, PromiseError
from trialflow.overview.reader import Reader
from trialflow.spec.descriptions import describe
from trialflow.spec.yaml_text import read_page, shown, write_yaml

NULL = "tag:yaml.org,2002:null"
LONGEST = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A field of a promise that a person writes; `offered` ones are shown as other promises have them."""

    field: str
    label: str
    about: str
    long: bool = False
    offered: bool = False

    @property
    def name(self) -> str:
        """The name of its field in a form."""
        return "word_" + self.field.rpartition(".")[2]


def _word(field: str, label: str, *, long: bool = False, offered: bool = False) -> Word:
    return Word(field=field, label=label, about=describe("Experiment", field), long=long, offered=offered)


WORDS: tuple[Word, ...] = (
    _word("slug", "Slug"),
    _word("title", "Title"),
    _word("hypothesis", "Hypothesis", long=True),
    _word("mechanism", "Mechanism", long=True),
    _word("audience", "Audience", offered=True),
    _word("owner", "Owner", offered=True),
    _word("unit", "Unit", offered=True),
    _word("layer", "Layer", offered=True),
    Word(
        field="analysis.aa.waived", label="Why no A/A validation", about=describe("AaRequirement", "waived"), long=True
    ),
)
"""In the order of the form; a nested one only where the text has it."""


def offers(reader: Reader) -> dict[str, tuple[str, ...]]:
    """What promises in force say in the fields that repeat, by field. Two queries at most."""
    experiments = [promise.experiment for promise in reader.promises().values()]
    return {
        one.field: tuple(sorted({getattr(experiment, one.field) for experiment in experiments}))
        for one in WORDS
        if one.offered
    }


def words_in(text: str) -> dict[str, str]:
    """Field → what the text says there; a field that is missing or no text is left out."""
    found = {path: node for path, node in _nodes(_root(text)) if isinstance(node, yaml.ScalarNode)}
    return {
        one.field: "" if node.tag == NULL else node.value for one in WORDS if (node := found.get(one.field)) is not None
    }


def with_words(text: str, words: Mapping[str, str], where: str) -> tuple[str, tuple[Problem, ...]]:
    """The text with these fields written anew; comments and all other fields stay.

    A field that it lacks is added at its end, a nested one is left out. What was written is read again: a text in which it
    would change another field, or that is no promise in YAML, stays as it is, and the problem says so.
    """
    if not words:
        return text, ()
    written = _written(text, words)
    if _only(words, _read(text), _read(written)):
        return written, ()
    message = "cannot be written into this text without changing more of it"
    cure = (
        "write it in the text by hand, or mend the text: plain fields at its beginning, no anchors (&), no aliases (*)"
    )
    return text, tuple(
        Problem(where=where, field=field, value=shown(value), message=message, cure=cure)
        for field, value in words.items()
    )


def _read(text: str) -> dict[str, Any] | None:
    """The fields of a promise; None where the text holds none."""
    try:
        found = read_page(text, "").value if text.strip() else {}
    except PromiseError:
        return None
    return found if isinstance(found, dict) else None


def _only(words: Mapping[str, str], before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    """Whether two readings differ in these fields alone, and the second has them as they were typed."""
    if before is None or after is None:
        return False
    for field, value in words.items():
        *parents, name = field.split(".")
        within = [_section(page, parents) for page in (before, after)]
        if parents and (within[0] is None or name not in within[0]):
            continue
        if within[1] is None or within[1].pop(name, None) != value:
            return False
        if within[0] is not None:
            within[0].pop(name, None)
    return bool(before == after)


def _section(page: dict[str, Any], path: Iterable[str]) -> dict[str, Any] | None:
    found: object = page
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _written(text: str, words: Mapping[str, str]) -> str:
    root = _root(text)
    nodes = dict(_nodes(root))
    if not nodes and text.strip():
        return text
    flow, indent = _in_braces(root), root.start_mark.column if root else 0
    places = [(nodes[field], field, value) for field, value in words.items() if field in nodes]
    for node, field, value in sorted(places, key=lambda place: place[0].start_mark.index, reverse=True):
        text = _replaced(text, node, value, quoted=flow or indent > 0 or "." in field)
    missing = {field: value for field, value in words.items() if field not in nodes and "." not in field}
    if missing and not flow:
        added = textwrap.indent(write_yaml(missing), " " * indent)
        text = f"{text.rstrip()}\n{added}".lstrip("\n")
    return text


def _replaced(text: str, node: yaml.Node, value: str, *, quoted: bool) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    written = _quoted(value) if quoted else write_yaml({"x": value}).removeprefix("x:").strip()
    space = "" if text[:start].endswith((" ", "\n")) else " "
    # A block of lines ends where the next field begins.
    rest = "\n" if text[start:end].endswith("\n") else ""
    return f"{text[:start]}{space}{written}{rest}{text[end:]}"


def _quoted(value: str) -> str:
    """On one line, which means the same at every indent."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")


def _in_braces(root: yaml.Node | None) -> bool:
    return isinstance(root, yaml.MappingNode) and bool(root.flow_style)


def _root(text: str) -> yaml.Node | None:
    try:
        found: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return found


def _nodes(root: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """Every field by its dotted path, as deep as the words lie."""
    wanted = {parent for one in WORDS for parent in _parents(one.field)}
    waiting: list[tuple[str, yaml.Node | None]] = [("", root)]
    while waiting:
        path, node = waiting.pop()
        if not isinstance(node, yaml.MappingNode):
            continue
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                field = f"{path}.{key.value}" if path else key.value
                yield field, value
                if field in wanted:
                    waiting.append((field, value))


def _parents(field: str) -> Iterable[str]:
    parts = field.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))
