"""Fixtures that start real servers: once per session where isolation allows, else once per test."""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import create_engine, make_url, text

from pianola.records import Records, open_records
from pianola.records.migrate import upgrade

# Tests run a process a core: what they compute, and the processes they start, take one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes go first: whoever got one last would end it alone."""
    items.sort(key=lambda item: item.path.parent.name != "system")


@pytest.fixture
def broker_url() -> Iterator[str]:
    """A Valkey server for this test alone: no other test's worker takes its tasks."""
    with servers.valkey() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server that holds a migrated database `template_pianola`."""
    with servers.postgres() as url:
        engine = create_engine(_psycopg(url), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE template_pianola"))
        engine.dispose()
        template = open_records(_database(url, "template_pianola"))
        upgrade(template)
        template.dispose()
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(_psycopg(postgres_server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template_pianola"))
    yield _database(postgres_server, name)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database, to be copied: a copy takes a hundredth of the migrations' time."""
    path = tmp_path_factory.mktemp("sqlite") / "records.sqlite"
    records = open_records(f"sqlite:///{path}")
    upgrade(records)
    # The last connection to close brings the write-ahead log home: the file alone is the database.
    records.dispose()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """A migrated SQLite database of this test's own."""
    shutil.copy(migrated_sqlite, tmp_path / "records.sqlite")
    return f"sqlite:///{tmp_path}/records.sqlite"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The test runs once on each database."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def records(database_url: str) -> Iterator[Records]:
    """Records on each database."""
    opened = open_records(database_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def ceph() -> Iterator[servers.S3]:
    """Ceph's S3 server for the session."""
    if why := servers.no_ceph():
        pytest.skip(why)
    with servers.ceph() as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[servers.S3]:
    """The S3 server moto for the session: it checks no signature."""
    with servers.moto() as server:
        yield server


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest) -> servers.S3:
    """The best S3 server to be had here, for the session; use a bucket of your own."""
    found: servers.S3 = request.getfixturevalue("moto" if servers.no_ceph() else "ceph")
    return found


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Embedded]:
    """A running `pianola up` for the session: give what you make names of your own."""
    with servers.embedded(tmp_path_factory.mktemp("embedded")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real headless Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=servers.chromium(),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        yield launched
        launched.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A fresh page; the test fails when the page wrote an error to the console."""
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def _psycopg(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _database(url: str, name: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)
