"""A memo as one self-contained HTML page: no scripts, nothing fetched, light and dark, fit for print."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from trialflow.memo.charts import svg, theme
from trialflow.memo.memo import Memo
from trialflow.memo.words import MINUS, day

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
TONES = {
    "SHIP": "good",
    "PARTIAL": "good",
    "RECOVERED": "good",
    "CLEAR": "good",
    "EXTEND": "calm",
    "REGISTERED": "calm",
    "HOLD": "care",
    "WARNING": "care",
    "NO DATA": "care",
    "ROLLBACK": "bad",
    "INVALID": "bad",
    "ALERT": "bad",
}
GLUE = re.compile(rf"\bp [=<] [\d.]+|[+{MINUS}]?[\d.,]+%? to [+{MINUS}]?[\d.,]*\d%?")
LABEL_TONES = {"overridden": "loud", "signed by": "calm"}
STATUS_WORDS = {"pass": "good", "warning": "care", "fail": "bad", "no data": "care", "not applicable": "calm"}


def html(memo: Memo) -> str:
    """The memo as an HTML document; the same memo gives the same bytes."""
    pictures = [svg(chart, prefix=f"c{index}-", standalone=False) for index, chart in enumerate(memo.charts, start=1)]
    word = memo.verdict.partition(" (")[0]
    text: str = (
        _environment()
        .get_template("memo.html.j2")
        .render(
            memo=memo,
            as_of=day(memo.as_of),
            pictures=pictures,
            theme=theme(),
            word=word,
            why=memo.verdict.partition(" (")[2].rstrip(")"),
            tone=TONES.get(word.partition(",")[0], "calm"),
            status_words=STATUS_WORDS,
            label_tone=_label_tone,
        )
    )
    return text


@functools.cache
def _environment() -> Any:  # noqa: ANN401 (jinja2 is imported late)
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["glued"] = _glued
    return environment


def _label_tone(label: str) -> str:
    """An override is loud, a signature is calm; everything else asks for care."""
    return next((tone for start, tone in LABEL_TONES.items() if label.startswith(start)), "care")


def _glued(text: str) -> str:
    """`p = 0.41` and the two ends of an interval stay on one line."""
    return GLUE.sub(lambda found: found.group(0).replace(" ", "\N{NO-BREAK SPACE}"), text)
