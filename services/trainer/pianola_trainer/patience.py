"""Patience with a store or database that is away for a moment."""

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from pianola.objects import StoreUnavailable
from pianola.spool import is_full

PATIENCE_SECONDS: Final = 60.0
"""As long as a lease: after that another worker may try its luck."""
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 8.0

Result = TypeVar("Result")
_log = structlog.get_logger("patience")


def patiently(action: Callable[[], Result], seconds: float = PATIENCE_SECONDS) -> Result:
    """`action()`, tried again with growing pauses while the store or the database does not answer.

    It may have worked in spite of its error: `action` must be safe to do twice. Raises the last error after `seconds`.
    """
    until, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while True:
        try:
            return action()
        except (StoreUnavailable, DBAPIError) as error:
            if not is_away(error) or time.monotonic() + pause > until:
                raise
            _log.warning("away", error=str(error), pause_seconds=round(pause, 2))
        # Chance keeps workers that lost the same server from coming back at once.
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, _LONGEST_PAUSE)


def is_transient(error: Exception) -> bool:
    """Whether another attempt may well succeed, after a while, with the same run: no fault of anybody's."""
    return is_away(error) or is_full(error)


def is_away(error: Exception) -> bool:
    """Whether a store or database did not answer, as opposed to: refused what it was told."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return isinstance(error, StoreUnavailable)
