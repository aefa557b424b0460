"""What every request of a service works with, made once for each application."""

from collections.abc import Callable
from functools import cached_property
from typing import Final, cast

from flask import current_app

from pianola.objects import ObjectStore, open_store
from pianola.records import Records, open_records
from pianola.settings import HttpSettings
from pianola_http.measures import Measures

EXTENSION: Final = "pianola"


class Context:
    """Settings, records, store and measures of one application; nothing connects until it is used.

    A service adds its own, and narrows the types of `settings` and `measures` to its own.
    """

    settings: HttpSettings
    measures: Measures

    def __init__(self, settings: HttpSettings, measures: Measures) -> None:
        self.settings = settings
        self.measures = measures
        self.records: Records = open_records(settings.database_url)

    @cached_property
    def store(self) -> ObjectStore:
        """The object store, opened at first use: a service that starts before its S3 server answers 503 until then."""
        return open_store(self.settings)

    def checks(self) -> dict[str, Callable[[], object]]:
        """What has to answer for the service to be ready; each raises where it does not."""
        return {"database": self.records.ready, "store": lambda: self.store.ready()}


def here() -> Context:
    """The context of the application that answers the current request."""
    return cast(Context, current_app.extensions[EXTENSION])
