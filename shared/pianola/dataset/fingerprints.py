"""What is kept of windows and files to find them again: fingerprints of windows, sketches of files.

A window's fingerprint is 16 bytes of BLAKE2b over its lit steps: two windows with the same one are identical (two of
10^9 different ones collide with a chance below 10^-20). Velocities, tempo and metre do not count.

A file's sketch tells how alike two files are without either (MinHash: Broder, "On the resemblance and containment of
documents", 1997). The file is taken as the set S of its groups of 4 notes, one after another by onset, then row: their
rows and the distances in steps from each onset to the next. Where a bar is cut out or a note is missing only the groups
around it differ. For random orders h_1 ... h_64 of all groups the sketch is (min h_i(S)); the chance that two files
agree in a place is |S n T| / |S u T|, so the share of places where they do estimates how alike they are, with a
standard deviation of 0.04 at 0.9. Lengths, velocities, tempo and a shift of the whole file do not count.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pianola.codec.window import SIDE, Bytes, Integers
from pianola.codec.windows import PACKED, Windows
from pianola.dataset.runs import blocks, find_runs

FINGERPRINT_BYTES: Final = 16
SKETCH: Final = 64
"""Numbers of a sketch."""
_GROUP: Final = 4
_ROW_BITS, _DISTANCE_BITS = 7, 12  # four rows and three distances fill 64 bits
_NO_ROW: Final = 127
_GROUPS_AT_ONCE: Final = 2048

Words: TypeAlias = npt.NDArray[np.uint64]
Sketches: TypeAlias = npt.NDArray[np.uint32]

_drawn: Final = np.frombuffer(hashlib.shake_256(b"pianola sketch").digest(SKETCH * 8), "<u4").reshape(2, SKETCH, 1)
_FACTORS, _TERMS = _drawn[0] | np.uint32(1), _drawn[1]
"""An order of 32-bit numbers x is that of a x + b modulo 2^32, a odd: uint32 [64, 1] each."""


class BadFingerprints(ValueError):
    """Bytes that are not fingerprints."""


@dataclass(frozen=True)
class Fingerprints:
    """Of some files in the dataset's order, those without windows left out.

    windows: uint8 [n, 16], in the order of the shards' rows. files, counts: int32 [m], each file's position in the
    dataset and its number of windows. sketches: uint32 [m, 64], or [0, 64] where they were not asked for.
    """

    windows: Bytes
    files: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    sketches: Sketches


def fingerprint(position: int, windows: Windows, sketched: bool) -> Fingerprints:
    """The fingerprints of the windows of the file at `position`, and its sketch if wanted."""
    rows = np.ascontiguousarray(windows.lit).reshape(len(windows), SIDE * PACKED)
    found = b"".join(hashlib.blake2b(row.data, digest_size=FINGERPRINT_BYTES).digest() for row in rows)
    files = np.array([position] if len(windows) else [], np.int32)
    sketches = sketch(windows)[None] if sketched and len(windows) else np.zeros((0, SKETCH), np.uint32)
    each = np.frombuffer(found, np.uint8).reshape(-1, FINGERPRINT_BYTES)
    return Fingerprints(each, files, np.full(len(files), len(windows), np.int32), sketches)


def fingerprints_bytes(parts: Sequence[Fingerprints]) -> bytes:
    """The files' fingerprints one after another as bytes, the same for the same files."""
    tensors = {
        "windows": np.concatenate([np.zeros((0, FINGERPRINT_BYTES), np.uint8), *(part.windows for part in parts)]),
        "files": np.concatenate([np.zeros(0, np.int32), *(part.files for part in parts)]),
        "counts": np.concatenate([np.zeros(0, np.int32), *(part.counts for part in parts)]),
        "sketches": np.concatenate([np.zeros((0, SKETCH), np.uint32), *(part.sketches for part in parts)]),
    }
    return save(tensors)


def read_fingerprints(data: bytes) -> Fingerprints:
    """What `fingerprints_bytes` wrote. Raises BadFingerprints."""
    try:
        found = Fingerprints(**load(data))
    except (SafetensorError, TypeError) as error:
        raise BadFingerprints(f"not fingerprints: {error}") from error
    files = len(found.files)
    fits = found.windows.shape == (int(found.counts.sum()), FINGERPRINT_BYTES) and found.counts.shape == (files,)
    if not fits or found.sketches.shape not in ((files, SKETCH), (0, SKETCH)):
        raise BadFingerprints("fingerprints and the files they are of do not fit together")
    return found


def sketch(windows: Windows) -> Sketches:
    """The sketch uint32 [64] of a file with windows."""
    groups = (mixed(_groups(*_onsets(windows))) >> np.uint64(32)).astype(np.uint32)
    least: Sketches = np.full(SKETCH, np.iinfo(np.uint32).max, np.uint32)
    for block in blocks(len(groups), _GROUPS_AT_ONCE):
        places = _FACTORS * groups[block]
        places += _TERMS
        np.minimum(least, places.min(axis=1), out=least)
    return least


def _onsets(windows: Windows) -> tuple[Integers, Integers]:
    """Step and row of the file's notes by step, then row: the windows' runs, joined where windows meet or overlap."""
    rows, begins, ends = [], [], []
    for block in blocks(len(windows)):
        runs = find_runs(windows.lit[block])
        begin = windows.start[block].astype(np.int64)[runs.window] + runs.begin
        rows.append(runs.row)
        begins.append(begin)
        ends.append(begin + runs.length)
    # The rows laid end to end on one line, with a dark step between them.
    width = max(int(each.max(initial=0)) for each in ends) + 1
    before = np.concatenate(rows) * width
    first, reach = np.concatenate(begins) + before, np.concatenate(ends) + before
    order = np.argsort(first, kind="stable")
    first, reach = first[order], np.maximum.accumulate(reach[order])
    opens = first > np.append(-1, reach)[:-1]
    row, step = np.divmod(first[opens], width)
    by_step = np.lexsort((row, step))
    return step[by_step], row[by_step]


def _groups(step: Integers, row: Integers) -> Words:
    """Every 4 notes that follow one another as 64 bits; fewer than 4 are one group."""
    if len(step) < _GROUP:
        lacking = _GROUP - len(step)
        step, row = np.append(step, [step[-1:].sum()] * lacking), np.append(row, [_NO_ROW] * lacking)
    distance = np.minimum(np.diff(step), 2**_DISTANCE_BITS - 1)
    groups = len(step) - _GROUP + 1
    words = np.zeros(groups, np.int64)
    for note in range(_GROUP):
        words = words << _ROW_BITS | row[note : note + groups]
        if note:
            words = words << _DISTANCE_BITS | distance[note - 1 : note - 1 + groups]
    return words.view(np.uint64)


def mixed(words: Words) -> Words:
    """Words whose bits all depend on all bits: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
