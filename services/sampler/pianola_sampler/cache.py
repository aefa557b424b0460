"""Samples drawn last: who asks for another form of one, or for it again, does not wait for the model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from pianola_sampler.drawn import Drawn

# Bytes that the objects around the arrays of one sample take: id, place and the rest of what was drawn.
_AROUND: Final = 1_000


class Cache:
    """What was drawn of samples, as far as it fits into `most_bytes`: an eighth of the rolls' size, and positions."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[tuple[str, Sequence[int]], Drawn] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def get(self, sample: str, indices: Sequence[int]) -> Drawn | None:
        """The windows `indices` of a sample, if they are still there."""
        with self._lock:
            found = self._held.get((sample, indices))
            if found is None:
                return None
            self._held.move_to_end((sample, indices))
        return replace(found, windows=np.unpackbits(found.windows, axis=2))

    def put(self, sample: str, drawn: Drawn) -> None:
        """Keep what was drawn of a sample; what was asked for longest ago makes room for it."""
        packed = replace(drawn, windows=np.packbits(drawn.windows, axis=2))
        with self._lock:
            self._drop((sample, drawn.indices))
            self._held[sample, drawn.indices] = packed
            self.bytes += _size(packed)
            while self.bytes > self._most_bytes:
                self._drop(next(iter(self._held)))

    def _drop(self, place: tuple[str, Sequence[int]]) -> None:
        if place in self._held:
            self.bytes -= _size(self._held.pop(place))


def _size(packed: Drawn) -> int:
    return packed.windows.nbytes + packed.z.nbytes + _AROUND
