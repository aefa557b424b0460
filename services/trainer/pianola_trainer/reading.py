"""A built dataset's shards, read one at a time: checked, and without the windows that the dataset leaves out."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np

from pianola.codec.window import SIDE, Mask
from pianola.codec.windows import PACKED
from pianola.dataset.manifest import BadManifest, Manifest, kept_mask, read_manifest
from pianola.dataset.shards import BadShard, Origins, Shard, origins_bytes, read_origins, read_shard
from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore, verified
from pianola.objects.layout import dataset_key, sidecar_key
from pianola.records.tables import Dataset
from pianola_trainer.errors import DatasetUnreadable
from pianola_trainer.patience import patiently


class Shards:
    """The shards of a built dataset, numbered from 0; threads may read at once. Every method raises DatasetUnreadable.

    manifest: the dataset's. ends: int64 [s], where each shard's windows end among all that are kept.
    """

    def __init__(self, store: ObjectStore, dataset: Dataset) -> None:
        assert dataset.digest is not None and dataset.manifest_key is not None  # a run's dataset is built
        self._store, self._folder, self._name = store, dataset.folder, dataset.name
        with self._told():
            self.manifest: Manifest = read_manifest(self._fetch(dataset.manifest_key, dataset.digest))
            self._kept = self._read_kept()
        stored = [shard.windows for shard in self.manifest.shards]
        self._first = np.cumsum([0, *stored])
        self.ends = np.cumsum(
            [windows if self._kept is None else self._mask(n).sum() for n, windows in enumerate(stored)]
        )
        if (self.ends[-1] if len(self) else 0) != self.manifest.windows:
            with self._told():
                raise BadManifest(f"its shards do not have the {self.manifest.windows} windows of its manifest")

    def __len__(self) -> int:
        return len(self.manifest.shards)

    @property
    def windows_bytes(self) -> int:
        """What all windows take, packed."""
        return self.manifest.windows * SIDE * PACKED

    def bytes_of(self, number: int) -> int:
        """What the windows of one shard take."""
        return (int(self.ends[number]) - self.start_of(number)) * SIDE * PACKED

    def start_of(self, number: int) -> int:
        """The first row of a shard among all windows that are kept."""
        return int(self.ends[number - 1]) if number else 0

    def read(self, number: int) -> Shard:
        """A shard, checked against its digest. Waits for a store that is away; StoreUnavailable if it stays away."""
        entry = self.manifest.shards[number]
        with self._told():
            shard = read_shard(self._fetch(dataset_key(self._folder, entry.key), entry.sha256))
            self._check(number, len(shard), shard.labels.shape[1])
            return shard if self._kept is None else shard.rows(self._mask(number))

    def origins(self, number: int) -> Origins:
        """Where the windows of a shard come from: a hundredth of its bytes, which no digest vouches for. As `read`."""
        entry = self.manifest.shards[number]
        size = origins_bytes(entry.windows, len(self.manifest.labels))
        with self._told():
            found = read_origins(patiently(partial(self._store.head, dataset_key(self._folder, entry.key), size)))
            self._check(number, len(found), found.labels.shape[1])
            return found if self._kept is None else found.rows(self._mask(number))

    def refuse(self, reason: str) -> DatasetUnreadable:
        """The error that says why the dataset cannot be read."""
        return DatasetUnreadable(self._name, BadManifest(reason))

    def _check(self, number: int, windows: int, labels: int) -> None:
        entry, fields = self.manifest.shards[number], len(self.manifest.labels)
        if (windows, labels) != (entry.windows, fields):
            raise BadShard(
                f"shard {entry.sha256} has {windows} windows with {labels} labels, its manifest says {entry.windows} "
                f"with {fields}"
            )

    def _mask(self, number: int) -> Mask:
        assert self._kept is not None
        return self._kept[self._first[number] : self._first[number + 1]]

    def _read_kept(self) -> Mask | None:
        kept = self.manifest.kept
        return (
            None
            if kept is None
            else kept_mask(self._fetch(sidecar_key(self._folder, kept), kept), self.manifest.stored)
        )

    def _fetch(self, key: str, sha256: str) -> bytes:
        return patiently(partial(verified, self._store, key, sha256))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (ObjectMissing, ObjectCorrupt, BadManifest, BadShard) as error:
            raise DatasetUnreadable(self._name, error) from error
