"""A built dataset in memory: its windows, 8 steps a byte, 1,152 bytes a window."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pianola.codec.window import SIDE, Bytes, Integers, Mask
from pianola.codec.windows import PACKED, unpack
from pianola.dataset.manifest import BadManifest, Manifest, kept_mask, read_manifest
from pianola.dataset.shards import BadShard, Shard, ShardEntry, read_shard
from pianola.models.conditions import Condition, Labels
from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore, verified
from pianola.objects.layout import dataset_key, sidecar_key
from pianola.records.tables import Dataset
from pianola_trainer.errors import DatasetUnreadable, NoCondition
from pianola_trainer.patience import patiently

_BLOCK = 256


@dataclass(frozen=True)
class PackedWindows:
    """The windows that a dataset keeps, in its order; every array has a row for each.

    packed: uint8 [n, 96, 12]. file: int32 [n], the position of the window's file. labels: int16 [n, k], for each of the
    k fields of `vocabulary` in order the place of the value among the field's values, -1 for none. held_out: bool [n],
    the dataset's own hold-out; None where each run has its own. condition, told: the label field that a model is told,
    and what it is told of each window, int64 [n]; None for a model without conditions.
    """

    packed: Bytes
    file: NDArray[np.int32]
    lowest_pitch: int
    labels: NDArray[np.int16]
    vocabulary: Mapping[str, tuple[str, ...]]
    held_out: Mask | None
    condition: Condition | None = None
    told: Labels | None = None

    def conditioned(self, field: str | None) -> "PackedWindows":
        """The same windows for a model that is told this field. Raises NoCondition."""
        if field is None:
            return self
        values = self.vocabulary.get(field, ())
        if len(values) < 2:
            raise NoCondition(field, list(self.vocabulary))
        told = self.labels[:, list(self.vocabulary).index(field)].astype(np.int64)
        return replace(self, condition=Condition(field, tuple(values)), told=np.where(told < 0, len(values), told))

    @property
    def conditions(self) -> int:
        """How many values the told field has; 0 for a model without conditions."""
        return 0 if self.condition is None else len(self.condition.values)

    def __len__(self) -> int:
        return len(self.packed)

    def of(self, rows: Integers) -> Bytes:
        """Windows [len(rows), 96, 96] of 0 and 1."""
        return unpack(self.packed[rows])

    def blocks(self) -> Iterator[Bytes]:
        """All windows, some hundred at a time."""
        return (unpack(self.packed[start : start + _BLOCK]) for start in range(0, len(self), _BLOCK))

    def density(self, rows: Integers) -> float:
        """The share of lit pixels in these windows."""
        lit = 0
        for start in range(0, len(rows), _BLOCK):
            lit += int(np.bitwise_count(self.packed[rows[start : start + _BLOCK]]).sum())
        return lit / (len(rows) * SIDE * SIDE)


def read_windows(store: ObjectStore, dataset: Dataset) -> PackedWindows:
    """The windows of a built dataset, every object checked against its digest. Raises DatasetUnreadable.

    Beside the windows one shard is in memory.
    """
    assert dataset.digest is not None and dataset.manifest_key is not None  # a run's dataset is built
    try:
        manifest = read_manifest(_fetch(store, dataset.manifest_key, dataset.digest))
        return _read(store, dataset.folder, manifest)
    except (ObjectMissing, ObjectCorrupt, BadManifest, BadShard) as error:
        raise DatasetUnreadable(dataset.name, error) from error


def _read(store: ObjectStore, folder: str, manifest: Manifest) -> PackedWindows:
    windows, fields = manifest.windows, len(manifest.labels)
    packed = np.empty((windows, SIDE, PACKED), np.uint8)
    file, labels = np.empty(windows, np.int32), np.empty((windows, fields), np.int16)
    held_out = np.empty(windows, np.bool_)
    filled = 0
    for shard in _kept_shards(store, folder, manifest):
        end = filled + len(shard)
        if end > windows or shard.labels.shape[1] != fields:
            raise BadManifest(f"its shards have more than the {windows} windows or {fields} labels of its manifest")
        packed[filled:end], file[filled:end] = shard.windows, shard.file
        labels[filled:end], held_out[filled:end] = shard.labels, shard.held_out
        filled = end
    if filled != windows or np.count_nonzero(held_out) != manifest.held_out:
        raise BadManifest(f"its shards do not have the {windows} windows, {manifest.held_out} of them held out")
    own = held_out if manifest.options.held_out else None
    return PackedWindows(packed, file, manifest.options.codec.lowest_pitch, labels, manifest.labels, own)


def _kept_shards(store: ObjectStore, folder: str, manifest: Manifest) -> Iterator[Shard]:
    """The shards without the windows that the dataset leaves out."""
    kept = None
    if manifest.kept is not None:
        kept = kept_mask(_fetch(store, sidecar_key(folder, manifest.kept), manifest.kept), manifest.stored)
    start = 0
    for entry in manifest.shards:
        shard = _shard(store, folder, entry)
        yield shard if kept is None else shard.rows(kept[start : start + len(shard)])
        start += len(shard)


def _shard(store: ObjectStore, folder: str, entry: ShardEntry) -> Shard:
    shard = read_shard(_fetch(store, dataset_key(folder, entry.key), entry.sha256))
    if len(shard) != entry.windows:
        raise BadShard(f"shard {entry.sha256} has {len(shard)} windows, its manifest says {entry.windows}")
    return shard


def _fetch(store: ObjectStore, key: str, sha256: str) -> bytes:
    return patiently(partial(verified, store, key, sha256))
