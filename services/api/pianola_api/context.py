"""What requests work with, made once for each application."""

import threading
from functools import cached_property
from typing import Final, cast

from celery import Celery
from flask import current_app

from pianola.objects import ObjectStore, open_store
from pianola.queue import create_celery
from pianola.records import Records, open_records
from pianola.settings import ApiSettings
from pianola_api.measures import Measures

EXTENSION: Final = "pianola"


class Context:
    """Settings, records, store and queue of one application; nothing connects until it is used.

    `streams` counts the event streams that may still be opened; `closing` is set when the process is told to stop.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.records: Records = open_records(settings.database_url)
        self.celery: Celery = create_celery(settings, "pianola-api")
        self.streams = threading.BoundedSemaphore(settings.max_streams)
        self.closing = threading.Event()
        self.measures = Measures(self.records)

    @cached_property
    def store(self) -> ObjectStore:
        """The object store, opened at first use: an api that starts before its S3 server answers 503 until then."""
        return open_store(self.settings)


def here() -> Context:
    """The context of the application that answers the current request."""
    return cast(Context, current_app.extensions[EXTENSION])
