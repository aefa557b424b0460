"""A word from a worker to the records while it is at work, however long one file or one answer takes."""

import threading
from types import TracebackType
from typing import Final, Self

import structlog
from sqlalchemy.exc import DBAPIError

from pianola.records import Records, builds
from pianola.records.errors import DatasetClosed, NotFound

SECONDS: Final = 5.0
"""A quarter of a chunk's lease."""

_log = structlog.get_logger("heartbeat")


class Heartbeat:
    """Within its block the records hear every few seconds that the chunk, or without one the commit, is at work."""

    def __init__(self, records: Records, dataset_id: str, build: int, number: int | None = None) -> None:
        self._records, self._of = records, (dataset_id, build, number)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._ended: DatasetClosed | NotFound | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        # Not waited for: a worker that is told to stop must not hang on a database that does not answer.
        self._stop.set()

    def check(self) -> None:
        """Raise DatasetClosed or NotFound where the build was ended meanwhile: what is done now is for nobody."""
        if self._ended is not None:
            raise self._ended

    def _beat(self) -> None:
        while not self._stop.wait(SECONDS):
            try:
                with self._records.write() as session:
                    builds.heartbeat(session, *self._of)
            except (DatasetClosed, NotFound) as ended:
                self._ended = ended
                return
            except DBAPIError as error:
                # Its absence ends the work where the result is to be written; a short one need not.
                _log.warning("database_away", error=str(error.orig))
