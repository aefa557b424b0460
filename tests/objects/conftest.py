import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import servers

from pianola.objects import LocalStore
from pianola.objects.s3 import S3Store

SERVERS = ("ceph", "compose", "moto")

StoreOn = Callable[..., S3Store]


@pytest.fixture(scope="session")
def compose() -> servers.S3:
    """The object server of docker-compose.yml, where somebody has started it."""
    if not (given := os.environ.get("PIANOLA_TEST_S3")):
        pytest.skip("the object server of docker-compose.yml is started by `make test-containers`")
    return servers.S3(*given.split(), signed=True)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> servers.S3:
    """Every S3 server that can be had here."""
    found: servers.S3 = request.getfixturevalue(request.param)
    return found


def on(server: servers.S3, bucket: str, **changes: str) -> S3Store:
    """A store in a bucket of the server; `changes`: another endpoint, access_key or secret_key."""
    given = {"endpoint": server.endpoint, "access_key": server.access_key, "secret_key": server.secret_key, **changes}
    return S3Store(**given, bucket=bucket, region="us-east-1")


@pytest.fixture
def bucket(server: servers.S3) -> str:
    """A bucket of this test's own."""
    name = f"test-{uuid.uuid4().hex}"
    on(server, name).create_bucket()
    return name


@pytest.fixture(params=["local", *SERVERS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LocalStore | S3Store:
    """Every store that can be had here, empty."""
    if request.param == "local":
        return LocalStore(tmp_path / "objects")
    made = on(request.getfixturevalue(request.param), f"test-{uuid.uuid4().hex}")
    made.create_bucket()
    made.create_bucket()  # two services may start at once
    return made
