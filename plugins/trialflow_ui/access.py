"""Who may see and do what: the one module that knows Airflow's own (not public) security dependencies.

Reading needs the right to see Airflow's website and to read the DAG of daily monitoring; links that lead to a trigger or a
sign-off are shown to those who may start runs. What such a link opens is guarded by Airflow once more.
"""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from fastapi import Depends

READ_DAG = "daily_monitoring"
ACT_DAG = "preregistration"

READERS = [
    Depends(requires_access_view(AccessView.WEBSITE)),
    Depends(requires_access_dag("GET", param_dag_id=READ_DAG)),
]
"""Dependencies of the whole application: no route or asset answers anybody else."""

READERS_OF_THE_DAG = [Depends(requires_access_dag("GET", DagAccessEntity.RUN))]
"""For a route that asks Airflow about a run: who may not read runs of the DAG that `dag_id` names learns nothing of them.

The runs of Trialflow's own DAGs that an experiment's page lists belong to its record: who may read the pages sees them.
"""


def may_act(user: GetUserDep) -> bool:
    """Whether this user may start runs of pre-registration, the door for every order."""
    details = DagDetails(id=ACT_DAG, team_name=None)
    return bool(
        get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
        )
    )


def login_url(next_url: str) -> str:
    """Where to log in, coming back to `next_url`."""
    return str(get_auth_manager().get_url_login(next_url=next_url))
