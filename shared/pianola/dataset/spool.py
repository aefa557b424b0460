"""Records with 128-bit keys in files, shared out so that equal keys meet and no file has many different ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from pianola.codec.window import Bytes, Integers, Mask
from pianola.dataset.fingerprints import mixed

AT_ONCE: Final = 2**19
"""Records in memory at once, and about as many different keys in a file."""
RECORD: Final = np.dtype([("high", "<u8"), ("low", "<u8"), ("number", "<i8")])

Records = npt.NDArray[np.void]
"""Of RECORD, 24 bytes each: the halves of a key, and what has it."""


class Spool:
    """Records on disk: `records`, at most, are to come."""

    def __init__(self, folder: Path, name: str, records: int) -> None:
        self._bits = max(0, -(-records // AT_ONCE) - 1).bit_length()
        self._paths = [folder / f"{name}-{part}" for part in range(2**self._bits)]

    def add(self, keys: Bytes, numbers: Integers) -> None:
        """Add records of keys uint8 [n, 16] and numbers int64 [n]; numbers grow from each call to the next."""
        records = np.empty(len(keys), RECORD)
        halves = np.ascontiguousarray(keys).view("<u8")
        records["high"], records["low"], records["number"] = halves[:, 0], halves[:, 1], numbers
        # A key's own bits may be alike: those of a sketch are small numbers.
        part = (mixed(halves[:, 0]) >> np.uint64(32)).astype(np.int64) >> (32 - self._bits)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(len(self._paths)), side="right")
        for path, begin, end in zip(self._paths, [0, *ends], ends, strict=False):
            if end > begin:
                with path.open("ab") as file:
                    records[order[begin:end]].tofile(file)

    def parts(self) -> Iterator[Iterator[Records]]:
        """For each file its records in the order they were added, a bounded number at a time; then it is removed."""
        for path in self._paths:
            if path.exists():
                yield _read(path)
                path.unlink()


def sorted_by_key(records: Records) -> tuple[Records, Mask]:
    """The records by key, in their order where keys are equal, and which are the first with their key."""
    ordered = records[np.lexsort((records["low"], records["high"]))]
    first = np.ones(len(ordered), np.bool_)
    high, low = ordered["high"], ordered["low"]
    first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return ordered, first


def _read(path: Path) -> Iterator[Records]:
    with path.open("rb") as file:
        while len(records := np.fromfile(file, RECORD, AT_ONCE)):
            yield records
