"""Characters that nobody sees and that change what is read: refused in everything people write.

Bidirectional controls turn the order of letters around, so that a reader takes a text for another one (the attack is
described as "Trojan Source", Boucher and Anderson 2021, CVE-2021-42574); control characters do whatever a terminal likes;
with characters that have no width or no ink two names look alike, and tags hide whole sentences. What writing needs stays:
marks and joiners of letters and signs, accents, variants of signs, tags where they make a flag, the break between words of
scripts without spaces, and the fillers of syllables in Old Korean.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from trialflow.errors import Problem
from trialflow.spec.yaml_text import Page, shown

TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Embeddings, overrides and isolates of writing directions."""
EMPTY = frozenset(map(chr, (0x00AD, 0x200B, *range(0x2060, 0x2065), *range(0x206A, 0x2070), 0xFEFF)))
"""Soft hyphen, spaces without width, joiners of words, operators and forms that are not drawn."""
FILLERS = frozenset(map(chr, (0x115F, 0x1160, 0x3164, 0xFFA0)))
"""Letters of Hangul without ink."""
TAGS = frozenset(map(chr, range(0xE0000, 0xE0080)))
FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,7}\U000e007f")
"""The black flag with a region's code in tags (UTS #51, ED-14a; the code is a `unicode_subdivision_id` of UTS #35)."""
BREAK = re.compile("(?<=[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])\u200b(?=[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])")
"""Between two letters of Thai, Lao, Burmese or Khmer, where it stands for the end of a word."""
SYLLABLE = re.compile("\u115f(?=[\u1161-\u11a7])|(?<=[\u1100-\u115e])\u1160")
"""A filler that stands for the missing first or middle letter of a syllable (Unicode, §3.12)."""
NEEDED = re.compile("|".join(one.pattern for one in (FLAG, BREAK, SYLLABLE)))
UNSEEN = TURNING | EMPTY | FILLERS | TAGS
KEPT = frozenset("\n\r\t")
MOST_NAMED = 3
BEFORE = 12  # characters that tell where another one stands


def is_unseen(letter: str) -> bool:
    """Whether a character by itself is a control, turns writing around, shows nothing, or is half of one."""
    return letter in UNSEEN or (letter not in KEPT and unicodedata.category(letter) in ("Cc", "Cs"))


def unseen_problems(where: str, field: str, text: str) -> list[Problem]:
    """The problem of a text that holds such characters; none of one that does not."""
    found = _first_places(text)
    if not found:
        return []
    named = [_told(letter, place, text) for letter, place in list(found.items())[:MOST_NAMED]]
    more = [f"{len(found) - MOST_NAMED} others"] if len(found) > MOST_NAMED else []
    message = f"holds {', and '.join([*named, *more])}, which nobody sees"
    cure = "type the text anew without it; pasted texts bring such characters along"
    return [Problem(where=where, field=field, value=_escaped(shown(text)), message=message, cure=cure)]


def _first_places(text: str) -> dict[str, int]:
    """Where each character that nobody sees stands first, counted from 0, in their order."""
    found: dict[str, int] = {}
    for place, letter in enumerate(NEEDED.sub(lambda kept: "-" * len(kept.group(0)), text)):
        if is_unseen(letter):
            found.setdefault(letter, place)
    return found


def _told(letter: str, place: int, text: str) -> str:
    if not place:
        return f"{_name(letter)} as its first character"
    before = "".join(one for one in text[max(place - BEFORE, 0) : place] if not is_unseen(one))
    return f"{_name(letter)} as character {place + 1}" + (f", after {before!r}" if before else "")


def _escaped(text: str) -> str:
    """What Python shows although nobody sees it, by its number."""
    return "".join(f"\\u{ord(letter):04x}" if letter in FILLERS else letter for letter in text)


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
