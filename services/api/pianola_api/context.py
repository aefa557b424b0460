"""What requests to the api work with, made once for each application."""

import threading
from collections.abc import Callable
from typing import cast

from celery import Celery

from pianola.queue import broker_ready, create_celery
from pianola.settings import ApiSettings
from pianola_api.measures import Measures
from pianola_http import context


class Context(context.Context):
    """What every service works with, and the queue.

    `streams` counts the event streams that may still be opened; `closing` is set when the process is told to stop.
    """

    settings: ApiSettings
    measures: Measures

    def __init__(self, settings: ApiSettings) -> None:
        super().__init__(settings, Measures())
        self.measures.watch(self.records)
        self.celery: Celery = create_celery(settings, "pianola-api")
        self.streams = threading.BoundedSemaphore(settings.max_streams)
        self.closing = threading.Event()

    def checks(self) -> dict[str, Callable[[], object]]:
        """Those of every service, and the broker."""
        return super().checks() | {"broker": lambda: broker_ready(self.celery)}


def here() -> Context:
    """The context of the application that answers the current request."""
    return cast(Context, context.here())
