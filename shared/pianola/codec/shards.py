"""Shards and the manifest: windows at rest, 8 steps a byte, and the list that makes them one dataset.

A shard is a safetensors file with three tensors: `windows` uint8 [n, 96, 12]; `file` int32 [n], the position of the
window's file in the dataset's files ordered by name; `start` int32 [n], the window's first step in that file. Shards
are named by their content, so a manifest, and the dataset's digest made from it, depends on the files, their order, how
they were shared out to shard writers, and the codec options: not on the dataset's name or id, nor on the time or place.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pianola.codec.window import SIDE, Bytes
from pianola.codec.windows import pack

SHARD_BYTES: Final = 8 * 2**20
"""A shard's windows take no more than this, packed."""
_PACKED: Final = SIDE // 8
_FORMAT: Final = 1


class BadShard(ValueError):
    """Bytes that are not a shard."""


class BadManifest(ValueError):
    """Bytes that are not a dataset's manifest, or counts in one that do not add up."""


@dataclass(frozen=True)
class Shard:
    """Packed windows uint8 [n, 96, 12], each one's file (position in the dataset) and first step, int32 [n]."""

    windows: Bytes
    file: npt.NDArray[np.int32]
    start: npt.NDArray[np.int32]


@dataclass(frozen=True)
class ShardEntry:
    """A shard in the manifest: its digest, its number of windows, and the first and last file it has windows of."""

    sha256: str
    windows: int
    files_from: int
    files_to: int

    @property
    def key(self) -> str:
        """Where the shard lies in the object store: the same for the same content."""
        return f"shards/{self.sha256}.safetensors"

    def to_json(self) -> dict[str, object]:
        """Every field by name, as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "ShardEntry":
        """The entry that `to_json` wrote. Raises BadManifest."""
        match values:
            case {"sha256": str(sha256), "windows": int(windows), "files_from": int(first), "files_to": int(last)}:
                return cls(sha256, windows, first, last)
        raise BadManifest(f"{values!r} is not a shard's entry")


def write_shard(packed: Bytes, file: npt.NDArray[np.int32], start: npt.NDArray[np.int32]) -> bytes:
    """A shard's bytes, the same for the same arrays. Raises BadShard when the arrays do not fit together."""
    _check(packed, file, start)
    return save({"windows": packed, "file": file, "start": start})


def read_shard(data: bytes) -> Shard:
    """The shard that `write_shard` wrote. Raises BadShard."""
    try:
        tensors = load(data)
        shard = Shard(tensors["windows"], tensors["file"], tensors["start"])
    except (SafetensorError, KeyError) as error:
        raise BadShard(f"not a shard: {error}") from error
    _check(shard.windows, shard.file, shard.start)
    return shard


def _check(packed: Bytes, file: npt.NDArray[np.int32], start: npt.NDArray[np.int32]) -> None:
    count = len(packed)
    shapes_hold = packed.shape == (count, SIDE, _PACKED) and file.shape == start.shape == (count,)
    if not shapes_hold or packed.dtype != np.uint8 or file.dtype != np.int32 or start.dtype != np.int32:
        found = ", ".join(f"{tensor.dtype}{list(tensor.shape)}" for tensor in (packed, file, start))
        raise BadShard(f"a shard holds uint8[n, {SIDE}, {_PACKED}], int32[n], int32[n]; these are {found}")


class ShardWriter:
    """Collects files' windows and stores a shard whenever the next file would make it larger than SHARD_BYTES.

    Holds one shard in memory, whatever the number of files. `put(key, data)` stores an object. The same files in the
    same order give the same shards.
    """

    def __init__(self, put: Callable[[str, bytes], None]) -> None:
        self._put = put
        self._pending: list[tuple[int, Bytes]] = []
        self._bytes = 0
        self._entries: list[ShardEntry] = []

    def add(self, file: int, windows: Bytes) -> None:
        """Add the windows [n, 96, 96] of the file at position `file`; positions must grow."""
        if not len(windows):
            return
        if self._pending and file <= self._pending[-1][0]:
            raise ValueError(f"file {file} comes after file {self._pending[-1][0]}: add files in the dataset's order")
        packed = pack(windows)
        if self._bytes + packed.nbytes > SHARD_BYTES:
            self._flush()
        self._pending.append((file, packed))
        self._bytes += packed.nbytes

    def close(self) -> list[ShardEntry]:
        """Store what is left and return the entries of all shards, in order."""
        self._flush()
        return self._entries

    def _flush(self) -> None:
        if not self._pending:
            return
        counts = [len(packed) for _, packed in self._pending]
        files = [file for file, _ in self._pending]
        data = write_shard(
            np.concatenate([packed for _, packed in self._pending]),
            np.repeat(np.array(files, np.int32), counts),
            np.concatenate([np.arange(count, dtype=np.int32) * SIDE for count in counts]),
        )
        entry = ShardEntry(hashlib.sha256(data).hexdigest(), sum(counts), files[0], files[-1])
        self._put(entry.key, data)
        self._entries.append(entry)
        self._pending, self._bytes = [], 0


@dataclass(frozen=True)
class Manifest:
    """A built dataset: what went in and what came out, and nothing about its name, its id or the time.

    options: CodecOptions.to_json(). files: sha256 of every file, refused ones too, in the order of their names.
    file_windows: the windows of each, 0 for a refused one. notes: onsets drawn. Raises BadManifest.
    """

    options: dict[str, object]
    files: tuple[str, ...]
    file_windows: tuple[int, ...]
    notes: int
    shards: tuple[ShardEntry, ...]

    def __post_init__(self) -> None:
        if len(self.files) != len(self.file_windows):
            raise BadManifest(f"{len(self.files)} files, but counts of windows for {len(self.file_windows)}")
        held = sum(shard.windows for shard in self.shards)
        if held != self.windows:
            raise BadManifest(f"the files have {self.windows} windows, the shards {held}")

    @property
    def windows(self) -> int:
        """All windows of the dataset."""
        return sum(self.file_windows)


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as canonical JSON: sorted names, no spaces, ASCII."""
    values = {
        "format": _FORMAT,
        "options": manifest.options,
        "files": manifest.files,
        "file_windows": manifest.file_windows,
        "windows": manifest.windows,
        "notes": manifest.notes,
        "shards": [shard.to_json() for shard in manifest.shards],
    }
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")


def manifest_digest(manifest: Manifest) -> str:
    """The dataset's digest: sha256 of the canonical manifest, hexadecimal."""
    return hashlib.sha256(manifest_bytes(manifest)).hexdigest()


def read_manifest(data: bytes) -> Manifest:
    """The manifest that `manifest_bytes` wrote. Raises BadManifest."""
    try:
        values = json.loads(data)
    except ValueError as error:
        raise BadManifest(f"not JSON: {error}") from error
    match values:
        case {
            "format": int(form),
            "options": dict(options),
            "files": list(files),
            "file_windows": list(file_windows),
            "notes": int(notes),
            "shards": list(shards),
        } if form == _FORMAT:
            entries = tuple(ShardEntry.from_json(shard) for shard in shards)
            return Manifest(options, tuple(files), tuple(file_windows), notes, entries)
    raise BadManifest(f"not a manifest of format {_FORMAT}")
