"""One at a time: a backup must find every object that its records name, so nothing is cleared up meanwhile."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text

from pianola.operations.errors import Busy
from pianola.records import Records

_LOCK: Final = 0x7069616F  # next to the migrations' lock


@contextmanager
def alone(records: Records) -> Iterator[None]:
    """Hold the one place for backup or garbage collection of these records; it goes with the process. Raises Busy."""
    if records.url.get_backend_name() == "sqlite":
        with _locked_file(Path(f"{records.url.database}.operations")):
            yield
        return
    with records.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
            raise Busy
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})


@contextmanager
def _locked_file(path: Path) -> Iterator[None]:
    with path.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        yield
