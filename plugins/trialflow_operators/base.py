"""What every operator shares: the workspace with Airflow's connections, and one way to refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import Asset, BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

if TYPE_CHECKING:
    from airflow.sdk import Context

    from trialflow.stages.workspace import Workspace

POOL = "trialflow"


def workspace() -> Workspace:
    """The workspace of the environment; a source's connection that it does not name is looked up in Airflow."""
    from trialflow.stages.workspace import Workspace

    return Workspace.from_environment().with_urls(AirflowConnections())


class AirflowConnections(Mapping[str, str]):
    """URLs by Airflow connection id, looked up when one is asked for; it lists none."""

    def __getitem__(self, name: str) -> str:
        """The URL of a connection; a driver may stand in its extra field `sqlalchemy_scheme`."""
        try:
            connection = BaseHook.get_connection(name)
        except AirflowNotFoundException as missing:
            raise KeyError(name) from missing
        uri = str(connection.get_uri())
        scheme = connection.extra_dejson.get("sqlalchemy_scheme")
        return f"{scheme}://{uri.partition('://')[2].partition('?')[0]}" if scheme else uri

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@contextmanager
def refusing() -> Iterator[None]:
    """Errors that a retry cannot mend fail the task at once; anything else is retried."""
    from trialflow.errors import LockedError, NotDueError, NotSupportedError, PromiseError, UnknownExperimentError

    try:
        yield
    except (PromiseError, LockedError, NotDueError, NotSupportedError, UnknownExperimentError, ValueError) as refused:
        raise AirflowFailException(str(refused)) from refused


def name_task(context: Context, text: str) -> None:
    """Give this mapped task its label in the grid, through `map_index_template="{{ experiment }}"`."""
    cast("dict[str, Any]", context)["experiment"] = text


def announce(context: Context, asset: Asset, keys: list[str]) -> None:
    """Hand partition keys over to the DAGs that wait for an asset; without keys there is nothing to announce."""
    if keys:
        context["outlet_events"][asset].add_partitions(keys)
    # An outlet without a key would make an event that wakes nobody, and leave a warning in the audit log each time.
    context["ti"].task.outlets = [asset] if keys else []


class TrialflowOperator(BaseOperator):
    """Base of all stage operators: one experiment, one day."""

    template_fields = ("slug", "as_of")
    ui_color = "#e8f1f8"

    def __init__(self, *, slug: str, as_of: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slug = slug
        self.as_of = as_of
