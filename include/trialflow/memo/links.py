"""Where a link leads in this installation. Messages name targets; addresses are put in when a message is posted."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

PAGES = "/plugin/experiments/trialflow/experiments"
RUNBOOK = "docs/runbook.md"


def experiment_page(base_url: str, slug: str) -> str:
    """The address of an experiment's page inside Airflow's UI; `base_url` is that of the UI."""
    return f"{base_url.rstrip('/')}{PAGES}/{quote(slug, safe='')}"


def page(slug: str) -> str:
    """The target "page of this experiment"."""
    return f"page:{slug}"


def runbook(entry: str) -> str:
    """The target "this entry of the runbook": the heading's anchor."""
    return f"runbook:{entry}"


def inside(path: str) -> str:
    """The target "this path of Airflow's UI"."""
    return f"ui:{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where Airflow's UI and the runbook can be reached from a reader's browser; "" where nobody knows."""

    base_url: str = ""
    runbook_url: str = ""

    def of(self, target: str) -> str:
        """The address of a target: `page:<slug>`, `ui:<path>`, `runbook:<entry>`, or one already; "" where there is none."""
        scheme, _, rest = target.partition(":")
        if scheme == "page":
            return experiment_page(self.base_url, rest) if self.base_url else ""
        if scheme == "ui":
            return f"{self.base_url.rstrip('/')}{rest}" if self.base_url else ""
        if scheme == "runbook":
            return f"{self.runbook_url}#{rest}" if self.runbook_url else ""
        return target

    def resolve(self, links: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
        """Texts with their addresses. A runbook without an address is named by its place; a page without one is left out."""
        found = [(text, target, self.of(target)) for text, target in links]
        return [
            (text if address else f"{text} ({RUNBOOK}#{target.partition(':')[2]})", address)
            for text, target, address in found
            if address or target.startswith("runbook:")
        ]
