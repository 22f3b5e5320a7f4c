"""What Slack asks of a message, as its reference documents it (docs.slack.dev, Block Kit and chat.postMessage)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Problems = Iterator[str]

MOST_BLOCKS = 50
MESSAGE_LENGTH = 13_200
TEXT_LENGTH = 40_000
METADATA_BYTES = 8_000


def message_error(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer with which Slack refuses a message; None when it takes it."""
    blocks = asked.get("blocks") or []
    if not asked.get("text") and not blocks:
        return {"ok": False, "error": "no_text"}
    if len(asked.get("text") or "") > TEXT_LENGTH:
        return {"ok": False, "error": "msg_too_long"}
    problems = list(block_problems(blocks))
    if problems:
        details = [f"[ERROR] {problem}" for problem in problems]
        return {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": details}}
    if sum(len(text) for text in texts(blocks)) > MESSAGE_LENGTH:
        return {"ok": False, "error": "msg_blocks_too_long"}
    return _metadata_error(asked.get("metadata"))


def block_problems(blocks: Any) -> Problems:
    """Everything that is wrong with the blocks of one message, with its place as a JSON pointer."""
    if not isinstance(blocks, list):
        yield "must be an array [json-pointer:/blocks]"
        return
    if len(blocks) > MOST_BLOCKS:
        yield f"no more than {MOST_BLOCKS} items allowed [json-pointer:/blocks]"
    ids = [block.get("block_id") for block in blocks if isinstance(block, dict) and "block_id" in block]
    if len(ids) != len(set(ids)):
        yield "block_id must be unique [json-pointer:/blocks]"
    for number, block in enumerate(blocks):
        at = f"/blocks/{number}"
        check = BLOCKS.get(str(block.get("type"))) if isinstance(block, dict) else None
        if check is None:
            yield f"unsupported type [json-pointer:{at}]"
        else:
            yield from check(block, at)


def texts(found: Any) -> Iterator[str]:
    """Every text anywhere in blocks."""
    if isinstance(found, Mapping):
        for name, value in found.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(found, Sequence) and not isinstance(found, str):
        for one in found:
            yield from texts(one)


def _metadata_error(metadata: Any) -> dict[str, Any] | None:
    if metadata is None:
        return None
    fine = isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str)
    if not fine or not isinstance(metadata.get("event_payload"), dict):
        return {"ok": False, "error": "invalid_metadata_format"}
    too_large = len(json.dumps(metadata).encode()) > METADATA_BYTES
    return {"ok": False, "error": "metadata_too_large"} if too_large else None


def _keys(block: Mapping[str, Any], at: str, *known: str) -> Problems:
    for name in block.keys() - {"type", "block_id", *known}:
        yield f"no such property: {name} [json-pointer:{at}]"
    block_id = block.get("block_id", "")
    if not isinstance(block_id, str) or len(block_id) > 255:
        yield f"must be a text of less than 256 characters [json-pointer:{at}/block_id]"


def _text(text: Any, at: str, limit: int, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")) -> Problems:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield f"must be a text object of type {' or '.join(kinds)} [json-pointer:{at}]"
        return
    for name in text.keys() - {"type", "text", "emoji" if text["type"] == "plain_text" else "verbatim"}:
        yield f"no such property: {name} [json-pointer:{at}]"
    words = text.get("text")
    if not isinstance(words, str) or not words:
        yield f"must be more than 0 characters [json-pointer:{at}/text]"
    elif len(words) > limit:
        yield f"must be less than {limit + 1} characters [json-pointer:{at}/text]"


def _header(block: Mapping[str, Any], at: str) -> Problems:
    yield from _keys(block, at, "text")
    yield from _text(block.get("text"), f"{at}/text", 150, ("plain_text",))


def _section(block: Mapping[str, Any], at: str) -> Problems:
    yield from _keys(block, at, "text", "fields", "accessory", "expand")
    if "text" not in block and "fields" not in block:
        yield f"missing required field: text or fields [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], f"{at}/text", 3000)
    if "fields" in block:
        fields = block["fields"]
        if not isinstance(fields, list) or not 1 <= len(fields) <= 10:
            yield f"must have 1 to 10 items [json-pointer:{at}/fields]"
            return
        for number, one in enumerate(fields):
            yield from _text(one, f"{at}/fields/{number}", 2000)


def _context(block: Mapping[str, Any], at: str) -> Problems:
    yield from _keys(block, at, "elements")
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
        yield f"must have 1 to 10 items [json-pointer:{at}/elements]"
        return
    for number, one in enumerate(elements):
        yield from _text(one, f"{at}/elements/{number}", 3000)


def _divider(block: Mapping[str, Any], at: str) -> Problems:
    yield from _keys(block, at)


BLOCKS: Mapping[str, Callable[[Mapping[str, Any], str], Problems]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "divider": _divider,
}
"""The kinds of blocks that Trialflow uses; any other is refused, as Slack refuses kinds that it does not know."""
