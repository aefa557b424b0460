"""Migrations: bring a database's tables up to date, and check that models and migrations agree."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from pianola.records.open import Records
from pianola.records.tables import Table

_LOCK: Final = 0x7069616E  # "pian": services that start together migrate one after another


class NotMigrated(RuntimeError):
    """The database's tables are not those this version works with."""

    def __init__(self, found: str | None, wanted: str) -> None:
        super().__init__(
            f"the database is at revision {found or 'none'}, this version needs {wanted}: "
            "run `python -m pianola.records upgrade`"
        )


def upgrade(records: Records, revision: str = "head") -> None:
    """Run the migrations that are missing up to `revision`; several processes may call it at once."""
    with records.engine.connect() as connection, _alone(connection):
        command.upgrade(_config(connection), revision)


def drop_tables(records: Records) -> None:
    """Remove every table, rows and all: for a database that has none to lose, before older tables are made in it."""
    with records.engine.connect() as connection, _alone(connection):
        refers = " CASCADE" if connection.dialect.name == "postgresql" else ""
        for table in inspect(connection).get_table_names():
            connection.execute(text(f'DROP TABLE "{table}"{refers}'))
        connection.commit()


def revision(records: Records) -> str | None:
    """The revision that the database is at; None where nothing was ever migrated."""
    with records.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def revisions() -> list[str]:
    """Every revision that this version knows, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()]


def check(records: Records) -> None:
    """Raise NotMigrated unless the database is at the newest revision."""
    wanted, found = revisions()[0], revision(records)
    if found != wanted:
        raise NotMigrated(found, wanted)


def differences(records: Records) -> list[Any]:
    """What an up-to-date database lacks of the models, or has beside them: empty when both agree."""
    with records.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Table.metadata))


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold the database's migration lock; SQLite's own write lock does it there."""
    if connection.dialect.name != "postgresql":
        with _tables_may_be_copied(connection):
            yield
            connection.commit()
        return
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
    connection.commit()
    try:
        yield
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
        connection.commit()


@contextmanager
def _tables_may_be_copied(connection: Connection) -> Iterator[None]:
    """On SQLite, where a table is changed by copying it: to drop the old one must not drop what refers to its rows."""
    driver: Any = connection.connection.driver_connection
    # Outside of a transaction: within one the pragma does nothing.
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys=ON")
