"""The pages as Airflow mounts them, behind its real simple auth manager, over a record of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.airflow_home import make_database
from tests.ui.hostile import hostile_record
from trialflow.stages.workspace import Workspace


@pytest.fixture(scope="session")
def airflow() -> None:
    """Airflow's tables and its auth manager."""
    from airflow.api_fastapi.app import init_auth_manager

    make_database()
    init_auth_manager()


@pytest.fixture(scope="session")
def hostile_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A record that attacks whoever shows it."""
    return hostile_record(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def showing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Workspace], None]]:
    """Have the pages show a workspace until the test is over."""
    from trialflow_ui import record

    def forget() -> None:
        if record.opened.cache_info().currsize:
            record.opened().close()
        record.opened.cache_clear()
        record.workspace.cache_clear()

    def show(workspace: Workspace) -> None:
        forget()
        monkeypatch.setenv("TRIALFLOW_HOME", str(workspace.home))
        monkeypatch.setenv("TRIALFLOW_INCLUDE", str(workspace.include))
        monkeypatch.setenv("TRIALFLOW_REGISTRY_URL", workspace.registry_url)
        monkeypatch.setenv("TRIALFLOW_LAKE", str(workspace.lake_root))
        monkeypatch.setenv("TRIALFLOW_MEMOS", str(workspace.memo_root))

    yield show
    forget()


@pytest.fixture
def shown(showing: Callable[[Workspace], None], hostile_workspace: Workspace) -> Workspace:
    """The hostile record, shown."""
    showing(hostile_workspace)
    return hostile_workspace


@pytest.fixture
def visit(airflow: None) -> Callable:
    """A client in a role, or with a token, or nobody."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    from trialflow_ui.app import make_app

    def client(role: str = "", *, token: str = "", raising: bool = True) -> TestClient:
        one = TestClient(
            make_app(), base_url="http://airflow.test", follow_redirects=False, raise_server_exceptions=raising
        )
        if role:
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role))
        if token:
            one.cookies.set("_token", token)
        return one

    return client
