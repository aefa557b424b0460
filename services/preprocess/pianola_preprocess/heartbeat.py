"""A word from a worker to the records while it is at work, however long one file or one answer takes."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pianola.records import Records
from pianola.records.errors import DatasetClosed, NotFound, StaleAttempt

SECONDS: Final = 5.0
"""A quarter of a chunk's lease."""

_log = structlog.get_logger("heartbeat")


class Heartbeat:
    """Within its block `beat` is called every `seconds`, in a transaction: somebody is at work on what it names."""

    def __init__(self, records: Records, beat: Callable[[Session], None], seconds: float = SECONDS) -> None:
        self._records, self._say, self._seconds = records, beat, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._ended: DatasetClosed | NotFound | StaleAttempt | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        # Not waited for: a worker that is told to stop must not hang on a database that does not answer.
        self._stop.set()

    def check(self) -> None:
        """Raise what `beat` raised where the work was ended or taken over meanwhile: what is done now is for nobody.

        That is DatasetClosed, NotFound or StaleAttempt.
        """
        if self._ended is not None:
            raise self._ended

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                with self._records.write() as session:
                    self._say(session)
            except (DatasetClosed, NotFound, StaleAttempt) as ended:
                self._ended = ended
                return
            except DBAPIError as error:
                # Its absence ends the work where the result is to be written; a short one need not.
                _log.warning("database_away", error=str(error.orig))
