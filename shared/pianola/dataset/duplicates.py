"""Identical windows and near-identical files of a whole dataset, found in bounded memory.

What is looked for is spooled to a folder by 128-bit keys and sorted half a million at a time: fingerprints of windows
(exact), bands of sketches of files (`pianola.dataset.near`). Of near-identical files the first one in the dataset's
order is kept; of identical windows the first one is kept whose file is.

Memory: 150 MB, a bit for each window and 25 bytes for each file. Disk: 24 bytes for each window, 400 for each file.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pianola.codec.window import Bytes, Integers, Mask
from pianola.dataset.fingerprints import Fingerprints
from pianola.dataset.near import SketchFile, find_near
from pianola.dataset.spool import RECORD, Records, Spool, sorted_by_key

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class NearFiles:
    """Files left out, in the dataset's order: int32 [m] their positions and those of the files kept instead.

    similarity: float32 [m], estimated.
    """

    files: Numbers
    kept: Numbers
    similarity: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.files)

    def to_bytes(self) -> bytes:
        """Canonical JSON: an object of three lists."""
        lists = {"files": self.files.tolist(), "kept": self.kept.tolist(), "similarity": self.similarity.tolist()}
        return json.dumps(lists, sort_keys=True, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True)
class Duplicates:
    """What of a dataset is there twice.

    kept: packed bits, one for each window in the shards' order, first window in the highest bit, 1 where it is kept;
    None where all are. windows: how many are left out, those of near-identical files too. near: None where they were
    not looked for.
    """

    kept: bytes | None
    windows: int
    near: NearFiles | None


def find_duplicates(chunks: Iterable[Fingerprints], windows: int, folder: Path, near: bool) -> Duplicates:
    """The duplicates among the files of all chunks, which come in the dataset's order with so many windows in all.

    `folder` is for files meanwhile; near: look for near-identical files too, for which the fingerprints have sketches.
    """
    spool = Spool(folder, "windows", windows)
    sketches = SketchFile(folder / "sketches") if near else None
    files, counts = _spooled(chunks, spool, sketches)
    ends = np.cumsum(counts, dtype=np.int64)
    if len(ends) and ends[-1] != windows:
        raise ValueError(f"the chunks have {ends[-1]:,} windows, and {windows:,} were promised")
    dropped, found = np.zeros(len(files), np.bool_), None
    if sketches is not None:
        instead, similarity = find_near(sketches, folder)
        dropped = instead >= 0
        found = NearFiles(files[dropped], files[instead[dropped]], similarity[dropped])
    kept = np.packbits(np.ones(windows, np.bool_))
    for part in spool.parts():
        _drop_repeated(part, ends, dropped, kept)
    left_out = windows - int(np.bitwise_count(kept).sum())
    return Duplicates(kept.tobytes() if left_out else None, left_out, found)


def _spooled(chunks: Iterable[Fingerprints], spool: Spool, sketches: SketchFile | None) -> tuple[Numbers, Numbers]:
    """Positions and numbers of windows of all files; their windows and sketches are on disk."""
    files, counts = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    number = 0
    for chunk in chunks:
        spool.add(chunk.windows, np.arange(number, number + len(chunk.windows)))
        number += len(chunk.windows)
        files.append(chunk.files)
        counts.append(chunk.counts)
        if sketches is not None:
            if len(chunk.sketches) != len(chunk.files):
                raise ValueError("near-identical files are found by their sketches, and these chunks have none")
            sketches.append(chunk.sketches)
    return np.concatenate(files), np.concatenate(counts)


def _drop_repeated(part: Iterator[Records], ends: Integers, dropped: Mask, kept: Bytes) -> None:
    """Clear the bits of windows whose fingerprint came before, and of all windows of dropped files."""
    known = np.empty(0, RECORD)
    for records in part:
        lost = dropped[np.searchsorted(ends, records["number"], side="right")]
        _clear(kept, records["number"][lost])
        # What is known comes first, so it stays first among its equals.
        ordered, first = sorted_by_key(np.concatenate([known, records[~lost]]))
        _clear(kept, ordered["number"][~first])
        known = ordered[first]


def _clear(bits: Bytes, places: Integers) -> None:
    np.bitwise_and.at(bits, places >> 3, ~(np.uint8(0x80) >> (places & 7).astype(np.uint8)))
