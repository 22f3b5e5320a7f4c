"""Characters that nobody sees and that change what is read: refused in everything people write.

Bidirectional controls turn the order of letters around, so that a reader takes a text for another one (the attack is
described as "Trojan Source", Boucher and Anderson 2021, CVE-2021-42574); control characters do whatever a terminal likes.
Marks that right-to-left writing needs, and joiners of letters and signs, stay.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from trialflow.errors import Problem
from trialflow.spec.yaml_text import Page, shown

TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Embeddings, overrides and isolates of writing directions."""
KEPT = frozenset("\n\r\t")
MOST_NAMED = 3


def is_unseen(letter: str) -> bool:
    """Whether a character is a control or turns writing around, or is half of one."""
    return letter in TURNING or (letter not in KEPT and unicodedata.category(letter) in ("Cc", "Cs"))


def unseen_problems(where: str, field: str, text: str) -> list[Problem]:
    """The problem of a text that holds such characters; none of one that does not."""
    found = sorted({letter for letter in text if is_unseen(letter)})
    if not found:
        return []
    more = f" and {len(found) - MOST_NAMED} others" if len(found) > MOST_NAMED else ""
    message = f"holds {', '.join(map(_name, found[:MOST_NAMED]))}{more}, which nobody sees"
    cure = "type the text anew without it; pasted texts bring such characters along"
    return [Problem(where=where, field=field, value=shown(text), message=message, cure=cure)]


def unseen_on(page: Page) -> Iterator[Problem]:
    """Every text of a page that holds such characters, a field's name included."""
    for field, text in _texts(page.value, ""):
        yield from unseen_problems(page.place(field), field or "(whole text)", text)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield path, str(name)
            yield from _texts(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{place}" if path else str(place))


def _name(letter: str) -> str:
    name = unicodedata.name(letter, "a control character").lower()
    return f"U+{ord(letter):04X} ({name})"
