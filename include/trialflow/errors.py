"""The exception tree: every error says what is wrong, which value, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TrialflowError(Exception):
    """Base of everything this library raises on purpose."""

    @property
    def public(self) -> str:
        """What everybody who reads pages may know of it."""
        return str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a text written by a person.

    `where` is the file or form it came from, `field` the dotted path inside it, `value` what stood there (as text),
    `message` what is wrong and `cure` what to write instead.
    """

    where: str
    field: str
    value: str
    message: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.field} = {self.value}: {self.message} ({self.cure})"


class ProblemsError(TrialflowError):
    """Something a person wrote is not acceptable; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        super().__init__(f"{count} {noun}:\n" + "\n".join(f"- {problem}" for problem in self.problems))


class PromiseError(ProblemsError):
    """A promise, metric, source or order is not acceptable."""


class SignatureError(ProblemsError):
    """An answer to a sign-off is not acceptable; nothing was recorded, and it can be given again."""


class StatisticsError(TrialflowError):
    """An argument for which a statistic has no meaning (a share outside [0, 1], a negative count …)."""


class WarehouseError(TrialflowError):
    """The facts cannot be read: a missing table or column, an unreachable database.

    A database's own words name hosts, users and folders: with them goes a `public` text without.
    """

    def __init__(self, message: str, *, public: str = "") -> None:
        self._public = public
        super().__init__(message)

    @property
    def public(self) -> str:
        """What everybody who reads pages may know of it."""
        return self._public or str(self)


class NotSupportedError(TrialflowError):
    """A thing that is understood but not built; says so instead of guessing."""


class RegistryError(TrialflowError):
    """The record refuses: unknown slug, second registration without a reason, newer schema."""


class NoRecordError(RegistryError):
    """Nothing was ever recorded there; the first registration makes the record."""


class SchemaError(RegistryError):
    """The record is older or newer than this version; says what mends it."""


class UnknownExperimentError(RegistryError):
    """No promise of that slug is registered."""


class NotDueError(RegistryError):
    """A final analysis was asked for on a day on which the promise does not foresee one."""


class NothingToSignError(RegistryError):
    """There is no verdict, or none that still waits for a signature."""


class MemoInputError(RegistryError):
    """Something that a memo was made from is not in the record as it was then."""


class LockedError(RegistryError):
    """The registered promise and the one at hand differ, and no amendment was recorded."""
