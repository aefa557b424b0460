"""From a database URL to sessions: SQLite (WAL) and PostgreSQL behind one small class."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.orm import Session, sessionmaker


class Records:
    """The records of one database. Nothing connects until a session is used; one instance serves many threads."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        # psycopg 3 unless the URL names a driver.
        if self.url.drivername == "postgresql":
            self.url = self.url.set(drivername="postgresql+psycopg")
        self.engine = create_engine(self.url, pool_pre_ping=True, **_arguments(self.url.get_backend_name()))
        if self.url.get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _on_sqlite_connect)
            event.listen(self.engine, "begin", _on_sqlite_begin)
        self._read = sessionmaker(self.engine, expire_on_commit=False)
        self._write = sessionmaker(
            self.engine.execution_options(pianola_begin="BEGIN IMMEDIATE"), expire_on_commit=False
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read with; what it changes is not kept."""
        with self._read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose work is committed at the end of the block, or not at all."""
        with self._write() as session, session.begin():
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection to read with: all of its statements see the records as they are now, whatever is written."""
        # SQLite's transactions are like that anyway.
        isolation = {} if self.url.get_backend_name() == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        with self.engine.connect().execution_options(**isolation) as connection:
            yield connection

    def ready(self) -> None:
        """Raise sqlalchemy.exc.DBAPIError unless the database answers."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def after_fork(self) -> None:
        """In a forked child: forget the parent's connections without closing them under it."""
        self.engine.dispose(close=False)


def set_local(session: Session, setting: str, value: str) -> None:
    """Set a setting of PostgreSQL's planner until the transaction ends; SQLite has none and does without."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT set_config(:setting, :value, true)"), {"setting": setting, "value": value})


def plan_for_values(session: Session) -> None:
    """Have the statements of this transaction planned for the values they bring.

    PostgreSQL keeps the plan of a statement it has seen some times. One for a thousand names, kept from when the table
    was small, reads the whole table for each of them.
    """
    set_local(session, "plan_cache_mode", "force_custom_plan")


def open_records(url: str) -> Records:
    """The records at `url`, for example sqlite:////home/me/pianola.sqlite or postgresql://user:secret@host/pianola."""
    return Records(url)


def _arguments(backend: str) -> dict[str, Any]:
    if backend == "sqlite":
        # A writer waits for the one before it: transactions take milliseconds, the plan of a build 20 to 40 us a file.
        return {"connect_args": {"timeout": 60}}
    return {
        "pool_size": 10,
        "max_overflow": 20,
        # A dead database is noticed within seconds; a statement that waits a minute for a lock is a fault.
        # One that vanished without a word, too: within 20 s, or a worker would wait past its lease of 60 s.
        "connect_args": {
            "connect_timeout": 5,
            "tcp_user_timeout": 20_000,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "options": "-c lock_timeout=60s -c timezone=utc",
        },
    }


def _on_sqlite_connect(connection: Any, _: object) -> None:
    # SQLAlchemy's events begin transactions; the driver must not.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    # A transaction that reads first and writes later could find the lock taken and fail: writers take it at once.
    connection.exec_driver_sql(connection.get_execution_options().get("pianola_begin", "BEGIN"))
