"""Warming up: torch is imported, and the models moved last are loaded and played once, before requests come."""

from __future__ import annotations

import threading
import time
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from pianola.objects import StoreUnavailable
from pianola.records import Records, models
from pianola_sampler.admission import Deadline
from pianola_sampler.decoder import Decoder
from pianola_sampler.generators import Generators, Source
from pianola_sampler.tasks import Task

_MOST_MODELS: Final = 4
_RETRY_SECONDS: Final = 1.0
# Of one model; a store that hangs must not keep the others cold.
_SECONDS: Final = 60.0

_log = structlog.get_logger("warming")


class StillCold(RuntimeError):
    """Warming up is not over."""

    def __init__(self) -> None:
        super().__init__("models are being loaded")


class Warming:
    """Begins with `begin`. Where it never does, nobody waits for it, and torch and models come with first requests."""

    def __init__(self, records: Records, decoder: Decoder, generators: Generators) -> None:
        self._records = records
        self._decoder = decoder
        self._generators = generators
        self._over = threading.Event()
        self._over.set()

    def begin(self) -> None:
        """Begin, in the background."""
        self._over.clear()
        self._decoder.start()
        threading.Thread(target=self._warm, name="warming", daemon=True).start()

    def check(self) -> None:
        """Raise StillCold while it is not over."""
        if not self._over.is_set():
            raise StillCold

    def _warm(self) -> None:
        for name, source in self._latest():
            try:
                self._play(name, source)
            except Exception as error:  # a model that cannot be had is its requests' problem, not the others'
                _log.warning("model_stays_cold", model=name, error=str(error))
        self._over.set()
        _log.info("warm", generators=len(self._generators.held()))

    def _latest(self) -> list[tuple[str, Source]]:
        """Waits for the database, without which the service is not ready in any case."""
        while True:
            try:
                with self._records.read() as session:
                    return [
                        (model.name, Source(found.generator_key, found.generator_digest, found.generator_size))
                        for model, found in models.latest(session, _MOST_MODELS)
                    ]
            except DBAPIError as error:
                _log.warning("database_away", error=str(error))
                time.sleep(_RETRY_SECONDS)

    def _play(self, name: str, source: Source) -> None:
        """The first window of a network costs more than those after it."""
        while True:
            try:
                generator = self._generators.get(source, Deadline(_SECONDS))
                break
            except StoreUnavailable as error:  # without it, too, the service is not ready
                _log.warning("store_away", error=str(error))
                time.sleep(_RETRY_SECONDS)
        task = Task(generator, name, generator.draw(0, 0)[None], generator.threshold)
        self._decoder.decode(task, Deadline(_SECONDS))
