"""The manifest: the small list that makes shards one dataset, and the dataset's digest.

The digest depends on the files' content, their names and order, the options and the labels: not on the dataset's name
or id, nor on the time or place, nor on what was done twice or taken from an earlier version.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pianola.codec.options import BadOption
from pianola.codec.window import Mask
from pianola.dataset.options import DatasetOptions
from pianola.dataset.report import BadPage, PageEntry
from pianola.dataset.shards import BadShard, ShardEntry

FORMAT: Final = 2
_CODEC_OF_FORMAT_1: Final = 1


class BadManifest(ValueError):
    """Bytes that are not a dataset's manifest, or counts in one that do not add up."""


@dataclass(frozen=True)
class Manifest:
    """A built dataset: what went in and what came out, and nothing about its name, its id or the time.

    codec: CODEC_REVISION of the codec that read the files. files: all of them, accepted: those with windows. notes:
    onsets drawn in all windows made. windows: those that are kept; held_out: how many of these are held out. labels:
    the values of every field. report: pages, none in a manifest of format 1. kept: sha256 of an object of packed bits,
    one for each window of all shards in order, first window in the highest bit, 1 where it is kept; None keeps all.
    duplicates: sha256 of the list of near-identical files; None where they were not looked for. Raises BadManifest.
    """

    codec: int
    options: DatasetOptions
    files: int
    accepted: int
    notes: int
    windows: int
    held_out: int
    labels: Mapping[str, tuple[str, ...]]
    shards: tuple[ShardEntry, ...]
    report: tuple[PageEntry, ...] = ()
    kept: str | None = None
    duplicates: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.accepted <= self.files:
            raise BadManifest(f"{self.accepted} files are accepted of {self.files}")
        if not 0 <= self.held_out <= self.windows:
            raise BadManifest(f"{self.held_out} windows are held out of {self.windows}")
        if self.windows != self.stored if self.kept is None else self.windows > self.stored:
            raise BadManifest(f"{self.windows} windows are kept of {self.stored} in the shards")

    @property
    def stored(self) -> int:
        """Windows in the shards, kept or not."""
        return sum(shard.windows for shard in self.shards)


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as canonical JSON of format 2: sorted names, no spaces, ASCII."""
    values = {
        "format": FORMAT,
        "codec": manifest.codec,
        "options": manifest.options.to_json(),
        "files": manifest.files,
        "accepted": manifest.accepted,
        "notes": manifest.notes,
        "windows": manifest.windows,
        "held_out": manifest.held_out,
        "labels": dict(manifest.labels),
        "shards": [shard.to_json() for shard in manifest.shards],
        "report": [page.to_json() for page in manifest.report],
        "kept": manifest.kept,
        "duplicates": manifest.duplicates,
    }
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")


def manifest_digest(manifest: Manifest) -> str:
    """The dataset's digest: sha256 of the canonical manifest, hexadecimal."""
    return hashlib.sha256(manifest_bytes(manifest)).hexdigest()


def read_manifest(data: bytes) -> Manifest:
    """The manifest that `manifest_bytes` wrote, or one of format 1. Raises BadManifest."""
    try:
        match values := json.loads(data):
            case {"format": 2}:
                return _of_format_2(values)
            case {"format": 1}:
                return _of_format_1(values)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadManifest(f"not a manifest: {type(error).__name__} {error}") from error
    except (BadShard, BadPage, BadOption) as error:
        raise BadManifest(str(error)) from error
    except ValueError as error:
        raise error if isinstance(error, BadManifest) else BadManifest(f"not JSON: {error}") from error
    raise BadManifest(f"not a manifest of format 1 or {FORMAT}")


def kept_mask(kept: bytes, windows: int) -> Mask:
    """Which windows of all shards are kept, bool [windows], from the object that `kept` names. Raises BadManifest."""
    if len(kept) != -(-windows // 8):
        raise BadManifest(f"{len(kept)} bytes cannot say which of {windows} windows are kept")
    return np.unpackbits(np.frombuffer(kept, np.uint8), count=windows).astype(np.bool_)


def _of_format_2(values: dict[str, Any]) -> Manifest:
    return Manifest(
        codec=_int(values["codec"]),
        options=DatasetOptions.from_json(values["options"]),
        files=_int(values["files"]),
        accepted=_int(values["accepted"]),
        notes=_int(values["notes"]),
        windows=_int(values["windows"]),
        held_out=_int(values["held_out"]),
        labels={field: tuple(known) for field, known in values["labels"].items()},
        shards=tuple(ShardEntry.from_json(shard) for shard in values["shards"]),
        report=tuple(PageEntry.from_json(page) for page in values["report"]),
        kept=_digest(values["kept"]),
        duplicates=_digest(values["duplicates"]),
    )


def _of_format_1(values: dict[str, Any]) -> Manifest:
    """It had the windows of every file, and its options were the codec's."""
    counts = [_int(count) for count in values["file_windows"]]
    return Manifest(
        codec=_CODEC_OF_FORMAT_1,
        options=DatasetOptions.from_json(values["options"]),
        files=len(counts),
        accepted=sum(count > 0 for count in counts),
        notes=_int(values["notes"]),
        windows=sum(counts),
        held_out=0,
        labels={},
        shards=tuple(ShardEntry.from_json(shard) for shard in values["shards"]),
    )


def _int(value: object) -> int:
    if type(value) is not int:
        raise BadManifest(f"{value!r} is not a number in a manifest")
    return value


def _digest(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadManifest(f"{value!r} is not a digest in a manifest")
    return value
