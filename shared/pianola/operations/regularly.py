"""Garbage collection by itself: in every api process that is told to, and one at a time."""

import random
import threading
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from pianola.objects import StoreUnavailable
from pianola.operations.errors import Busy
from pianola.operations.garbage import Site, collect

FIRST_SECONDS: Final = 600.0
"""After the start: a machine that is on for an hour a day is cleared up too."""

_log = structlog.get_logger("garbage")


def start_collecting(site: Site, hours: float, stop: threading.Event) -> threading.Thread:
    """Collect soon after the start and then every `hours`, in a daemon thread, until `stop` is set."""
    thread = threading.Thread(target=_loop, args=(site, hours, stop), name="garbage", daemon=True)
    thread.start()
    return thread


def _loop(site: Site, hours: float, stop: threading.Event) -> None:
    pause = min(FIRST_SECONDS, hours * 3600)
    # Chance keeps processes that started together apart.
    while not stop.wait(pause * random.uniform(0.8, 1.2)):
        pause = hours * 3600
        try:
            gone = list(collect(site))
            _log.info("collected", things=len(gone), bytes=sum(garbage.size for garbage in gone))
        except Busy:
            _log.info("already_collecting")
        except (DBAPIError, StoreUnavailable) as error:
            _log.warning("not_collected", error=str(error).split("\n")[0])
