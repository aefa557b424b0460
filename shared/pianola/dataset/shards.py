"""Shards: windows at rest, 8 steps a byte, with what is known of each.

A shard is a safetensors file of these tensors: `windows` uint8 [n, 96, 12]; `file` int32 [n], the position of the
window's file in the dataset's files ordered by name; `start` int32 [n], the window's first step in that file; `tempo`
float32 [n] and `metre` uint8 [n, 2] there; `held_out` uint8 [n], 1 where the file is held out from training; `labels`
int16 [n, k] for k fields of labels, -1 where the file has none; and, where the dataset has velocities, `velocity` uint8
[m] and `velocity_ends` int64 [n] (`pianola.codec.windows.Velocities`). Format 1 had the first three only. All windows
of a file are in one shard. Shards are named by their content.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from pianola.codec.window import SIDE, Bytes, Integers, Mask
from pianola.codec.windows import PACKED, Velocities, Windows
from pianola.dataset.tensors import tensor_bytes, tensor_views, tensors_at_head

_MOST_LISTED: Final = 4096
"""The list of a shard's tensors, at its very beginning, takes less."""
_TEMPO: Final = 120.0
_METRE: Final = (4, 4)


class BadShard(ValueError):
    """Bytes that are not a shard, arrays that cannot be one, or JSON that is not a shard's entry."""


@dataclass(frozen=True)
class Shard:
    """Windows of files in the dataset's order; every array has a row for each window.

    windows: packed uint8 [n, 96, 12]. file, start: int32 [n], position in the dataset and first step in the file.
    tempo: float32 [n], quarter notes a minute. metre: uint8 [n, 2], numerator and denominator. held_out: bool [n].
    labels: int16 [n, k], -1 for none. velocity: None unless the dataset has velocities.
    """

    windows: Bytes
    file: npt.NDArray[np.int32]
    start: npt.NDArray[np.int32]
    tempo: npt.NDArray[np.float32]
    metre: Bytes
    held_out: Mask
    labels: npt.NDArray[np.int16]
    velocity: Velocities | None = None

    def __len__(self) -> int:
        return len(self.windows)

    def rows(self, index: slice | Integers | Mask) -> "Shard":
        """These rows as a shard of their own."""
        velocity = None if self.velocity is None else _velocities_at(self.velocity, np.arange(len(self))[index])
        return _shard({name: getattr(self, name)[index] for name in _ROWS}, velocity)

    def as_windows(self) -> Windows:
        """The rows as the codec gives them: what of a shard belongs to the file alone."""
        return Windows(self.windows, self.start, self.tempo, self.metre, self.velocity)


_ROWS: Final = tuple(field.name for field in dataclasses.fields(Shard) if field.name != "velocity")


@dataclass(frozen=True)
class ShardEntry:
    """A shard in the manifest: its digest, its number of windows, and the first and last file it has windows of."""

    sha256: str
    windows: int
    files_from: int
    files_to: int

    @property
    def key(self) -> str:
        """Where the shard lies in the dataset's folder: the same for the same content."""
        return f"shards/{self.sha256}.safetensors"

    def to_json(self) -> dict[str, object]:
        """Every field by name, as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "ShardEntry":
        """The entry that `to_json` wrote. Raises BadShard."""
        match values:
            case {"sha256": str(sha256), "windows": int(windows), "files_from": int(first), "files_to": int(last)}:
                return cls(sha256, windows, first, last)
        raise BadShard(f"{values!r} is not a shard's entry")


def write_shard(*parts: Shard) -> bytes:
    """The bytes of a shard of the parts' rows, one after another; the same for the same arrays.

    Raises BadShard when the arrays do not fit together.
    """
    for part in parts:
        _check(part)
    return _joined(parts)


def view_shard(data: bytes) -> Shard:
    """The shard that `write_shard` wrote, looked at in place: for bytes just made, or with the digest of what was."""
    return _of_tensors(tensor_views(data))


def read_shard(data: bytes) -> Shard:
    """The shard that `write_shard` wrote, or one of format 1: 120 quarter notes a minute in 4/4, nothing held out.

    Raises BadShard.
    """
    try:
        tensors = load(data)
        if tensors.keys() == {"windows", "file", "start"}:
            tensors |= _of_format_1(len(tensors["file"]))
        shard = _of_tensors(tensors)
    except (SafetensorError, KeyError) as error:
        raise BadShard(f"not a shard: {error}") from error
    _check(shard)
    return shard


@dataclass(frozen=True)
class Origins:
    """What a shard says of where its windows come from, without the windows; see Shard."""

    file: npt.NDArray[np.int32]
    held_out: Mask
    labels: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.file)

    def rows(self, index: slice | Integers | Mask) -> "Origins":
        """These rows alone."""
        return Origins(self.file[index], self.held_out[index], self.labels[index])


def origins_bytes(windows: int, labels: int) -> int:
    """So many bytes at the head of a shard hold its origins, for so many windows and label fields."""
    # The library sorts tensors by the size of their numbers: int64 velocity_ends; float32 tempo and int32 file and
    # start; int16 labels; and of the bytes held_out comes first, long before windows.
    return _MOST_LISTED + windows * (8 + 3 * 4 + 2 * labels + 1)


def read_origins(head: bytes) -> Origins:
    """The origins from a shard's first `origins_bytes`, of either format. Raises BadShard.

    The shard's digest is not checked by this: it is that of all its bytes.
    """
    try:
        tensors = tensors_at_head(head, ("file", "held_out", "labels"))
        file = tensors["file"]
        if tensors.keys() == {"file"}:
            tensors |= _of_format_1(len(file))
        held_out, labels = tensors["held_out"], tensors["labels"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadShard(f"not the head of a shard: {error}") from error
    if file.ndim != 1 or held_out.shape != file.shape or labels.ndim != 2 or len(labels) != len(file):
        raise BadShard("the head of a shard lists windows of different numbers")
    return Origins(file.astype(np.int32), held_out.astype(np.bool_), labels.astype(np.int16))


def _shard(arrays: Mapping[str, npt.NDArray[Any]], velocity: Velocities | None) -> Shard:
    return Shard(**arrays, velocity=velocity)


def _joined(parts: Sequence[Shard]) -> bytes:
    """A shard's bytes: the parts' rows one after another. Either all parts have velocities or none has."""
    tensors = {name: [getattr(part, name) for part in parts] for name in _ROWS}
    tensors["held_out"] = [held_out.view(np.uint8) for held_out in tensors["held_out"]]
    found = [part.velocity for part in parts if part.velocity is not None]
    if len(found) not in (0, len(parts)):
        raise BadShard(f"{len(found)} of {len(parts)} files have velocities: in a dataset all have or none")
    if found:
        before = np.cumsum([0, *(len(each.values) for each in found)])
        tensors["velocity"] = [each.values for each in found]
        tensors["velocity_ends"] = [each.ends + offset for each, offset in zip(found, before, strict=False)]
    return tensor_bytes(tensors)


def _of_tensors(tensors: Mapping[str, npt.NDArray[Any]]) -> Shard:
    """Raises KeyError where one is missing."""
    arrays = {name: tensors[name] for name in _ROWS}
    arrays["held_out"] = arrays["held_out"].astype(np.bool_)
    velocity = Velocities(tensors["velocity"], tensors["velocity_ends"]) if "velocity" in tensors else None
    return _shard(arrays, velocity)


def _velocities_at(velocities: Velocities, rows: Integers) -> Velocities:
    """The velocities of these windows."""
    begins = np.append(0, velocities.ends)[:-1]
    counts = (velocities.ends - begins)[rows]
    ends = np.cumsum(counts)
    # Each value's place: its window's first one, and as many further as it has before it.
    places = np.repeat(begins[rows] - (ends - counts), counts) + np.arange(counts.sum())
    return Velocities(velocities.values[places], ends)


def _of_format_1(rows: int) -> dict[str, npt.NDArray[np.generic]]:
    """What shards of format 1 did not say."""
    return {
        "tempo": np.full(rows, _TEMPO, np.float32),
        "metre": np.tile(np.array(_METRE, np.uint8), (rows, 1)),
        "held_out": np.zeros(rows, np.uint8),
        "labels": np.zeros((rows, 0), np.int16),
    }


def _check(shard: Shard) -> None:
    """Raise BadShard unless the arrays have their kinds and shapes."""
    rows = len(shard.windows)
    fields = shard.labels.shape[1] if shard.labels.ndim == 2 else 0
    wanted = {
        "windows": (np.uint8, (rows, SIDE, PACKED)),
        "file": (np.int32, (rows,)),
        "start": (np.int32, (rows,)),
        "tempo": (np.float32, (rows,)),
        "metre": (np.uint8, (rows, 2)),
        "held_out": (np.bool_, (rows,)),
        "labels": (np.int16, (rows, fields)),
    }
    for name, (dtype, shape) in wanted.items():
        array = getattr(shard, name)
        if array.dtype != dtype or array.shape != shape:
            kind = f"{np.dtype(dtype)}{list(shape)}"
            raise BadShard(f"{name} of a shard of {rows} windows is {kind}; this is {array.dtype}{list(array.shape)}")
    if shard.velocity is not None:
        values, ends = shard.velocity.values, shard.velocity.ends
        fits = values.ndim == 1 and ends.shape == (rows,) and values.dtype == np.uint8 and ends.dtype == np.int64
        if not fits or np.any(np.diff(ends, prepend=0) < 0) or (ends[-1] if rows else 0) != len(values):
            raise BadShard(f"the velocities of a shard of {rows} windows do not fit them")
