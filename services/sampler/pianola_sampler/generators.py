"""Generators in memory: fetched once whoever asks, verified, and kept as long as there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pianola_sampler.admission import Deadline
from pianola_sampler.decoder import Decoder

if TYPE_CHECKING:
    from pianola.models.generator import Generator

_log = structlog.get_logger("generators")


@dataclass(frozen=True)
class Source:
    """Where a checkpoint's generating half lies: object key, sha256, bytes."""

    key: str
    digest: str
    size: int


class Generators:
    """Keeps the generators used last, as far as they take no more than `most_bytes` of memory together.

    `fetch` returns a generator's bytes; it runs in a thread of its own, so that a slow store holds up nobody whose
    generator is in memory, and nobody beyond their deadline. One that is dropped while it plays plays on to the end.
    """

    def __init__(self, fetch: Callable[[Source], bytes], decoder: Decoder, most_bytes: int) -> None:
        self._fetch = fetch
        self._decoder = decoder
        self._most_bytes = most_bytes
        self._held: OrderedDict[str, tuple[Generator, int]] = OrderedDict()
        self._coming: dict[str, Future[Generator]] = {}
        self._lock = threading.Lock()
        self.loads = 0

    def held(self) -> dict[str, int]:
        """Bytes of every generator in memory, by digest, least recently used first."""
        with self._lock:
            return {digest: size for digest, (_, size) in self._held.items()}

    def get(self, source: Source, deadline: Deadline) -> Generator:
        """The generator of `source`, loaded if it is not in memory.

        Raises DeadlinePassed, ObjectMissing, ObjectCorrupt, StoreUnavailable, NotAGenerator.
        """
        with self._lock:
            if source.digest in self._held:
                self._held.move_to_end(source.digest)
                return self._held[source.digest][0]
            coming = self._coming.get(source.digest)
            if coming is None:
                coming = self._coming[source.digest] = Future()
                threading.Thread(target=self._bring, args=(source, coming), name="fetch", daemon=True).start()
        return deadline.wait(coming)

    def _bring(self, source: Source, into: Future[Generator]) -> None:
        try:
            generator = self._decoder.load(self._fetch(source))
        except Exception as error:  # whatever it is, those who wait for the generator are told
            with self._lock:
                del self._coming[source.digest]
            into.set_exception(error)
        else:
            self._hold(source, generator)
            into.set_result(generator)

    def _hold(self, source: Source, generator: Generator) -> None:
        from pianola.models.footprint import held_bytes

        size = held_bytes(generator)
        with self._lock:
            del self._coming[source.digest]
            self._held[source.digest] = generator, size
            self.loads += 1
            # The newest stays, even where it is larger than all that may be held.
            while len(self._held) > 1 and sum(size for _, size in self._held.values()) > self._most_bytes:
                dropped, _ = self._held.popitem(last=False)
                _log.info("generator_dropped", digest=dropped)
        _log.info("generator_loaded", digest=source.digest, bytes=size)
