"""What stands around a memo on its page: whose it is, and which others there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from trialflow.overview.dossier import Archive, newest_memos
from trialflow.overview.standing import labels_of
from trialflow.registry.dossier import MemoKey
from trialflow.spec.promise import Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoPage:
    """One memo without its text: `revisions` of the same day, newest first; `others` by day, newest first."""

    promise: Promise
    memo: MemoKey
    revisions: tuple[MemoKey, ...]
    others: tuple[MemoKey, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Words that must be visible wherever a number of this experiment stands."""
        return labels_of(self.promise)


def memo_page(archive: Archive, slug: str, kind: str, as_of: date, revision: int | None = None) -> MemoPage | None:
    """The memo in its newest revision, or in the one asked for; None where there is none.

    Raises UnknownExperimentError for a slug that is not registered.
    """
    promise, every = archive.promise(slug), archive.memos(slug)
    same = tuple(one for one in every if (one.kind, one.as_of) == (kind, as_of))
    found = next((one for one in same if revision in (None, one.revision)), None)
    if found is None:
        return None
    others = newest_memos([one for one in every if one not in same])
    return MemoPage(promise=promise, memo=found, revisions=same, others=others)
