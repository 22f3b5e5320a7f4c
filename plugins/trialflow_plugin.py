"""The one file of Trialflow that Airflow's plugin loader runs: it puts the Experiments pages into Airflow's UI.

Every component of Airflow loads plugins, each task too, so nothing heavy is imported here: the pages are built in the API
server at the first request for one.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from trialflow_ui.entry import PREFIX, VIEWS, pages


class TrialflowPlugin(AirflowPlugin):
    """The entry in the navigation, and the tabs on runs and tasks that lead to an experiment."""

    name = "trialflow"
    fastapi_apps = [{"app": pages, "url_prefix": PREFIX, "name": "Trialflow"}]  # noqa: RUF012 (Airflow reads it from the class, and its base declares no ClassVar)
    external_views = VIEWS
