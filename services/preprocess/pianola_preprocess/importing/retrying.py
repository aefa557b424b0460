"""Asking another server again, a few times, when it fails in a way that may pass."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from pianola_preprocess.importing.errors import ServerAway

PAUSES: Final = (1.0, 4.0, 15.0)
"""seconds before the second, third and fourth try"""

_T = TypeVar("_T")
_log = structlog.get_logger("import")


class MayPass(Exception):
    """A fault of another server or of the way to it that may be gone the next time."""


@dataclass(frozen=True)
class Patience:
    """How often another server is asked, with `pauses` in seconds between; `pause` is for tests."""

    pauses: tuple[float, ...] = PAUSES
    pause: Callable[[float], None] = time.sleep

    def ask(self, server: str, once: Callable[[], _T]) -> _T:
        """What `once` returns, tried again where it raises MayPass. Raises ServerAway, and all else that it raises."""
        for seconds in self.pauses:
            try:
                return once()
            except MayPass as fault:
                _log.info("asked_again", server=server, fault=str(fault), seconds=seconds)
                self.pause(seconds)
        try:
            return once()
        except MayPass as fault:
            tries = len(self.pauses) + 1
            raise ServerAway(
                f"{server} failed {tries} times, at last like this: {fault}; import again later"
            ) from fault


PATIENCE: Final = Patience()
