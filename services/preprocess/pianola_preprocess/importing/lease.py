"""The lease of a running import, kept by a thread beside it."""

import threading
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import DBAPIError

from pianola.records import Records, imports
from pianola.records.errors import StaleAttempt
from pianola.records.tables import Import
from pianola.settings import PreprocessSettings

_log = structlog.get_logger("import")


class Lease:
    """Holds the import `row` while the block runs, and tells the records how far it is."""

    def __init__(self, records: Records, settings: PreprocessSettings, row: Import) -> None:
        self.id, self.attempt = row.id, row.attempt
        self._records = records
        self._settings = settings
        self._progress: tuple[int, int | None] = (0, None)
        self._lost = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="import-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        # Not waited for: a worker that is told to stop must not hang on a database that does not answer.
        self._stop.set()

    def report(self, done: int, total: int | None) -> None:
        """`done` bytes of `total` have come. Raises StaleAttempt."""
        self._progress = (done, total)
        self.check()

    def check(self) -> None:
        """Raise StaleAttempt once another worker holds the import, or none may."""
        if self._lost:
            raise StaleAttempt(self.id, self.attempt)

    def _beat(self) -> None:
        while not self._stop.wait(self._settings.heartbeat_seconds):
            try:
                with self._records.write() as session:
                    imports.heartbeat(session, self.id, self.attempt, self._settings.lease_seconds, *self._progress)
            except StaleAttempt:
                self._lost = True
                return
            except DBAPIError as error:
                # The lease outlives some of them; after that somebody else has the import, and the next beat says so.
                _log.warning("heartbeat_missed", id=self.id, error=str(error.orig))
