"""Near-identical files by their sketches: candidates by locality-sensitive hashing, then the sketches themselves.

16 bands of 4 numbers of the sketch are keys, one band after another: two files of similarity s have a band in common
with the chance 1 - (1 - s^4)^16, which is 0.9988 at 0.8 and 0.9999999 at 0.9 (Leskovec, Rajaraman and Ullman, "Mining
of Massive Datasets", chapter 3). Of the files that share a band every one is compared with those before it that are
like none before them, the first 8 of these: the cost grows with the files and never with their pairs.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from pianola.codec.window import Integers
from pianola.dataset.fingerprints import SKETCH, Sketches
from pianola.dataset.runs import blocks
from pianola.dataset.spool import RECORD, Records, Spool, sorted_by_key

SIMILAR: Final = 0.9
"""The estimated similarity from which a file is near-identical to another."""
BANDS: Final = 16
LEADERS: Final = 8
"""Files unlike one another with one band in common that others are compared with."""
_BAND: Final = SKETCH // BANDS
_SKETCH_BYTES: Final = 4 * SKETCH
_FILES_AT_ONCE: Final = 2**16
_PAIRS_AT_ONCE: Final = 2**13
"""Each may touch a page of 4 KiB: 32 MiB."""
_FILES_OF_PAIRS: Final = 2**17
"""A file on disk has the pairs of so many files: 2 million at most."""


class SketchFile:
    """Sketches on disk, of which a bounded number is in memory at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.touch()

    def __len__(self) -> int:
        return self._path.stat().st_size // _SKETCH_BYTES

    def append(self, sketches: Sketches) -> None:
        """Add sketches uint32 [n, 64]."""
        with self._path.open("ab") as file:
            sketches.tofile(file)

    def rows(self, block: slice) -> Sketches:
        """Those of a stretch of files."""
        wanted, offset = (block.stop - block.start) * SKETCH, block.start * _SKETCH_BYTES
        return np.fromfile(self._path, np.uint32, wanted, offset=offset).reshape(-1, SKETCH)

    def at(self, files: Integers) -> Sketches:
        """Those of any files: pages that are touched stay resident no longer than this takes."""
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            # Without it the kernel maps 15 pages beside each one that is touched.
            mapped.madvise(mmap.MADV_RANDOM)
            return np.frombuffer(mapped, np.uint32).reshape(-1, SKETCH)[files]


def find_near(sketches: SketchFile, folder: Path) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """For each of the m files with sketches the file kept instead, or -1, and how alike the two are: [m] each.

    File by file, one is left out where a file before it that is not left out is near-identical to it, and the first
    such file is kept instead. `folder` is for files meanwhile.
    """
    pairs = [folder / f"pairs-{part}" for part in range(-(-len(sketches) // _FILES_OF_PAIRS))]
    for band in range(BANDS):
        spool = Spool(folder, "band", len(sketches))
        for block in blocks(len(sketches), _FILES_AT_ONCE):
            keys = np.ascontiguousarray(sketches.rows(block)[:, band * _BAND : (band + 1) * _BAND]).view(np.uint8)
            spool.add(keys, np.arange(block.start, block.stop))
        for part in spool.parts():
            for later, leader in _pairs(part, sketches):
                _keep(pairs, later, leader)
    kept = _resolve(pairs, len(sketches))
    similarity = np.zeros(len(kept), np.float32)
    out = np.flatnonzero(kept >= 0)
    similarity[out] = _similarity(sketches, out, kept[out].astype(np.int64))
    return kept, similarity


def _pairs(part: Iterator[Records], sketches: SketchFile) -> Iterator[tuple[Integers, Integers]]:
    """Files with a band in common that are near-identical: the later ones, and for each one before it."""
    known = np.empty(0, RECORD)
    for records in part:
        # What is known comes first, so it stays first among its equals.
        rest, first = sorted_by_key(np.concatenate([known, records]))
        group = np.cumsum(first)
        leaders = []
        for _ in range(LEADERS):
            leaders.append(rest[first])
            leader = rest["number"][first][np.cumsum(first) - 1]
            others = np.flatnonzero(~first)
            alike = _similarity(sketches, rest["number"][others], leader[others]) >= SIMILAR
            yield rest["number"][others[alike]], leader[others[alike]]
            rest, group = rest[others[~alike]], group[others[~alike]]
            first = np.diff(group, prepend=0) > 0
        known = np.concatenate(leaders)


def _similarity(sketches: SketchFile, some: Integers, others: Integers) -> npt.NDArray[np.float32]:
    """The share of places where the sketches of each pair agree."""
    agree = np.zeros(len(some), np.float32)
    for block in blocks(len(some), _PAIRS_AT_ONCE):
        agree[block] = (sketches.at(some[block]) == sketches.at(others[block])).mean(axis=1, dtype=np.float32)
    return agree


def _keep(paths: list[Path], later: Integers, leader: Integers) -> None:
    """Append the pairs to the files they belong to, by the later of the two."""
    part = later // _FILES_OF_PAIRS
    for number in np.unique(part).tolist():
        with paths[number].open("ab") as file:
            (later << 32 | leader)[part == number].tofile(file)


def _resolve(paths: list[Path], files: int) -> npt.NDArray[np.int32]:
    """For each file the first file before it that is like it and not left out itself, or -1."""
    kept = np.full(files, -1, np.int32)
    for path in paths:
        if not path.exists():
            continue
        pairs = np.unique(np.fromfile(path, np.int64))
        path.unlink()
        for block in blocks(len(pairs), _FILES_AT_ONCE):
            later, leader = pairs[block] >> 32, pairs[block] & 0xFFFFFFFF
            for one, before in zip(later.tolist(), leader.tolist(), strict=True):
                if kept[one] < 0 and kept[before] < 0:
                    kept[one] = before
    return kept
