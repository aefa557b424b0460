"""What requests work with, made once for each application."""

from functools import cached_property
from typing import Final, cast

from flask import current_app

from pianola.objects import ObjectStore, open_store, verified
from pianola.records import Records, open_records
from pianola.settings import SamplerSettings
from pianola_sampler.generators import Generators, Source
from pianola_sampler.measures import Measures

EXTENSION: Final = "pianola_sampler"


class Context:
    """Settings, records, store and generators of one application; nothing connects until it is used."""

    def __init__(self, settings: SamplerSettings) -> None:
        self.settings = settings
        self.records: Records = open_records(settings.database_url)
        self.generators = Generators(self._fetch, settings.torch_threads, settings.models_bytes)
        self.measures = Measures(self.generators)

    @cached_property
    def store(self) -> ObjectStore:
        """The object store, opened at first use: a sampler that starts before its S3 server answers 503 until then."""
        return open_store(self.settings)

    def _fetch(self, source: Source) -> bytes:
        return verified(self.store, source.key, source.digest)


def here() -> Context:
    """The context of the application that answers the current request."""
    return cast(Context, current_app.extensions[EXTENSION])
