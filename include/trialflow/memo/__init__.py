"""Decisions told in words and pictures: one `Memo`, written as Markdown, HTML and Slack blocks."""

from trialflow.memo.build import decision_memo
from trialflow.memo.holdout import holdout_memo
from trialflow.memo.html import html
from trialflow.memo.markdown import markdown
from trialflow.memo.memo import Chart, Memo, Section, Table
from trialflow.memo.messages import alert, digest, digest_line
from trialflow.memo.registration import registration_note
from trialflow.memo.sections.record import Amendment, Order
from trialflow.memo.slack import fallback_text, posts

__all__ = [
    "Amendment",
    "Chart",
    "Memo",
    "Order",
    "Section",
    "Table",
    "alert",
    "decision_memo",
    "digest",
    "digest_line",
    "fallback_text",
    "holdout_memo",
    "html",
    "markdown",
    "posts",
    "registration_note",
]
