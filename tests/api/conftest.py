"""The api through its test client: real databases, a real store, a real broker."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
from apiflask import APIFlask

from pianola.records import open_records
from pianola.records.migrate import upgrade
from pianola.settings import ApiSettings
from pianola_api.app import create_app
from pianola_api.context import Context

from .checked import CheckedClient, Validators
from .steps import Api

MakeApi = Callable[..., Api]


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[str]:
    """One Valkey for all these tests: nobody takes the tasks they send."""
    with servers.valkey() as url:
        yield url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "records.sqlite"
    records = open_records(f"sqlite:///{path}")
    upgrade(records)
    records.dispose()
    return path


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    settings = ApiSettings(database_url="sqlite://", broker_url="redis://unused", objects_dir=Path("/unused"))
    found = create_app(settings).spec
    assert isinstance(found, dict)
    return found


@pytest.fixture
def make_api(tmp_path: Path, migrated: Path, shared_broker: str, document: dict[str, Any]) -> Iterator[MakeApi]:
    """An application with these settings changed; SQLite and no keys unless they say otherwise."""
    made: list[Context] = []

    def make(**changes: Any) -> Api:
        if "database_url" not in changes:
            shutil.copy(migrated, tmp_path / "records.sqlite")
        given: dict[str, Any] = {
            "database_url": f"sqlite:///{tmp_path}/records.sqlite",
            "broker_url": shared_broker,
            "objects_dir": tmp_path / "objects",
            "auth": "none",
        }
        app: APIFlask = create_app(ApiSettings(**(given | changes)))
        app.extensions["validators"] = Validators(document)
        app.test_client_class = CheckedClient
        api = Api(app)
        made.append(api.context)
        return api

    yield make
    for context in made:
        context.records.dispose()


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The api on SQLite, without keys."""
    return make_api()


@pytest.fixture
def either_api(make_api: MakeApi, database_url: str) -> Api:
    """The api on SQLite and on PostgreSQL."""
    return make_api(database_url=database_url)
