"""Runs of lit steps in packed windows, found without unpacking them.

A run is a longest stretch of lit steps in one row of one window: what a window shows of a note. Most bytes of packed
windows are dark, so bits are looked at only in the few bytes in which a run begins or ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from pianola.codec import native
from pianola.codec.window import SIDE, Bytes, Integers
from pianola.codec.windows import PACKED

BLOCK: Final = 256
"""Windows at once: at worst they have 1.2 million runs, 9 MB an array."""


@dataclass(frozen=True)
class Runs:
    """Runs in row-major order, window after window: int64 arrays of one length.

    window: its place among the windows looked at. row: 0 is the highest pitch. begin: first step in the window, 0 to
    95. length: 1 to 96 steps.
    """

    window: Integers
    row: Integers
    begin: Integers
    length: Integers


def find_runs(packed: Bytes) -> Runs:
    """The runs of packed windows uint8 [n, 96, 12]."""
    lit = np.ascontiguousarray(packed).reshape(-1)
    if native.module is not None:
        return Runs(*(np.frombuffer(column, np.int64) for column in native.module.runs(lit)))
    at = np.flatnonzero(lit != 0)
    # numpy divides by a number several times as fast as it takes remainders.
    byte, place = lit[at], at - at // PACKED * PACKED
    # The steps beside a byte: there are none over the rows' edges.
    before = np.where(place > 0, lit[at - 1] << np.uint8(7), 0)
    after = np.where(place < PACKED - 1, lit.take(at + 1, mode="clip") >> np.uint8(7), 0)
    first = _places(at, byte & ~(byte >> np.uint8(1) | before))
    # Both come in the order of the cells, so the n-th last step belongs to the n-th first one.
    length = _places(at, byte & ~(byte << np.uint8(1) | after)) - first + 1
    line = first // SIDE
    window = line // SIDE
    return Runs(window, line - window * SIDE, first - line * SIDE, length)


def blocks(windows: int, size: int = BLOCK) -> Iterator[slice]:
    """Slices of at most `size` that cover so many windows."""
    return (slice(start, min(start + size, windows)) for start in range(0, windows, size))


def _places(at: Integers, bits: Bytes) -> Integers:
    """Where bits are set, counted from the highest of the first byte of all; at: the place of every byte of `bits`."""
    within = np.flatnonzero(np.unpackbits(bits).view(np.bool_))
    places: Integers = at[within >> 3] << 3 | within & 7
    return places
