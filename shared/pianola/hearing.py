"""Whether a worker hears its queue: not that its process is there, nor that it is connected, but that the queue answers
on the connection that tasks come by.

A worker asks its queue for the next task and is answered within a second, if only that there is none. One whose
connection has died without a word waits for ever, while its heartbeats go out by another connection: it is deaf. Such a
worker stops touching its file after DEAF_SECONDS, and after twice as long connects anew.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from celery import Celery, bootsteps
from celery.worker.consumer import Tasks

DEAF_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 2.0

_ASKED: Final = "BRPOP"
_log = structlog.get_logger("hearing")


def watch_hearing(app: Celery, alive_file: Path | None) -> None:
    """Have every worker of `app` look at its hearing, and touch `alive_file` as long as it hears."""

    class Hearing(_Hearing):
        file = alive_file

    app.steps["consumer"].add(Hearing)


class _Hearing(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Looks from the worker's own loop, which also takes tasks: a loop that hangs looks no more."""

    requires = (Tasks,)
    file: Path | None = None

    def start(self, consumer: Any) -> None:
        """The worker has connected and begun to ask for tasks."""
        self._heard = time.monotonic()
        channel = consumer.task_consumer.channel
        channel.handlers[_ASKED] = self._noting(channel.handlers[_ASKED])
        self._timer = consumer.timer.call_repeatedly(LOOK_SECONDS, self._look, (channel,))
        self._touch()

    def stop(self, consumer: Any) -> None:
        """The worker stops, or has lost the queue and will connect anew."""
        self._timer.cancel()

    def _noting(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """The channel's reader of answers, which is called as soon as one is there."""

        def read(*args: Any, **options: Any) -> Any:
            self._heard = time.monotonic()
            return handler(*args, **options)

        return read

    def _look(self, channel: Any) -> None:
        if not channel.qos.can_consume():
            # With its hands full it asks for nothing.
            self._heard = time.monotonic()
        silent = time.monotonic() - self._heard
        if silent < DEAF_SECONDS:
            self._touch()
        elif silent > 2 * DEAF_SECONDS:
            _log.warning("deaf", seconds=round(silent, 1))
            # Its loop connects anew after any error of a connection. To close a channel would wait for its answer.
            channel.client.connection.disconnect()
            raise ConnectionResetError("the queue does not answer on the connection that tasks come by")

    def _touch(self) -> None:
        if self.file is not None:
            self.file.touch()
