"""Generators in memory, and the one thread that owns torch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import structlog

if TYPE_CHECKING:
    from pianola.models.base import Generator

_log = structlog.get_logger("generators")


@dataclass(frozen=True)
class Source:
    """Where a checkpoint's generating half lies: object key, sha256, bytes."""

    key: str
    digest: str
    size: int


@dataclass(frozen=True)
class Drawn:
    """Windows of a sample: their indices in it, positions z float32 [n, d], and rolls uint8 [n, 96, 96]."""

    family: str
    lowest_pitch: int
    threshold: float
    indices: Sequence[int]
    z: npt.NDArray[np.float32]
    windows: npt.NDArray[np.uint8]


class Generators:
    """Draws windows; keeps the generators used last, as far as their files' sizes sum up to no more than `most_bytes`.

    All of torch happens in one thread: request threads that called it would each start `torch_threads` more, and fight
    over the cores. `fetch` returns a generator's bytes and runs in the caller's thread, so that a slow store holds up
    nobody whose generator is in memory.
    """

    def __init__(self, fetch: Callable[[Source], bytes], torch_threads: int, most_bytes: int) -> None:
        self._fetch = fetch
        self._most_bytes = most_bytes
        self._held: OrderedDict[str, tuple[Generator, int]] = OrderedDict()
        self._holding = threading.Lock()
        self._loading = threading.Lock()
        self._torch = ThreadPoolExecutor(1, "torch", _import_torch, (torch_threads,))
        self.loads = 0

    def warm_up(self) -> None:
        """Start the thread, which imports torch first of all; returns at once."""
        self._torch.submit(_nothing)

    def held(self) -> dict[str, int]:
        """Bytes of every generator in memory, by digest, least recently used first."""
        with self._holding:
            return {digest: size for digest, (_, size) in self._held.items()}

    def draw(self, source: Source, seed: int, indices: Sequence[int], threshold: float | None) -> Drawn:
        """The windows `indices` of `seed`, lit above `threshold` or, with None, above the calibrated one.

        Raises ObjectMissing, ObjectCorrupt, StoreUnavailable, NotAGenerator.
        """
        generator = self._generator(source)
        return self._torch.submit(_draw, generator, seed, indices, threshold).result()

    def _generator(self, source: Source) -> Generator:
        found = self._find(source.digest)
        if found is not None:
            return found
        # One at a time: of many requests for a new generator the first loads it.
        with self._loading:
            found = self._find(source.digest)
            if found is None:
                found = self._torch.submit(_load, self._fetch(source)).result()
                self._hold(source, found)
        return found

    def _find(self, digest: str) -> Generator | None:
        with self._holding:
            if digest not in self._held:
                return None
            self._held.move_to_end(digest)
            return self._held[digest][0]

    def _hold(self, source: Source, generator: Generator) -> None:
        with self._holding:
            self._held[source.digest] = generator, source.size
            self.loads += 1
            # The newest stays, even where it is larger than all that may be held.
            while len(self._held) > 1 and sum(size for _, size in self._held.values()) > self._most_bytes:
                dropped, _ = self._held.popitem(last=False)
                _log.info("generator_dropped", digest=dropped)
        _log.info("generator_loaded", digest=source.digest, bytes=source.size)


def _import_torch(threads: int) -> None:
    import torch

    import pianola.models.registry  # noqa: F401  # the networks too, before the first request

    torch.set_num_threads(threads)


def _nothing() -> None:
    pass


def _load(data: bytes) -> Generator:
    from pianola.models.registry import load_generator

    return load_generator(data)


def _draw(generator: Generator, seed: int, indices: Sequence[int], threshold: float | None) -> Drawn:
    z = np.stack([generator.draw(seed, index) for index in indices])
    lit_above = generator.threshold if threshold is None else threshold
    windows = generator.windows(z, lit_above)
    return Drawn(generator.family, generator.lowest_pitch, lit_above, indices, z, windows)
