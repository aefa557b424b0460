"""Where a checkpoint puts the windows of its dataset: positions that its run kept, whose windows are whose, and a plane
to see them on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load

from pianola.codec.window import Integers
from pianola.dataset.manifest import kept_mask, read_manifest
from pianola.evaluation.plane import Plane
from pianola.objects import ObjectStore, verified
from pianola.objects.layout import sidecar_key
from pianola.records import Records, datasets, runs
from pianola.records.tables import Checkpoint, Dataset, DatasetFile, Run

_MOST_HELD: Final = 16
"""Maps in memory: some hundred kilobytes each."""


class NoMap(LookupError):
    """A checkpoint without positions of data."""

    def __init__(self, family: str, step: int, encodes: bool) -> None:
        if encodes:
            why = (
                f"the checkpoint at step {step} was committed while its run was stopped, without positions of the "
                "data: ask for the checkpoint of an evaluation point, by its digest"
            )
        else:
            why = (
                f"a {family} does not say where windows of the data lie, so there is no map: draw samples by seed or "
                "position z, or go from one to another by interpolations; a vae has a map"
            )
        super().__init__(why)


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Windows of a dataset, evenly spread over all of them or all there are, each row one.

    positions: float32 [n, d]. file: int32 [n], the position of the window's file. window: int64 [n], its number among
    those made of the file; -1 where an old build did not say. files: by position.
    """

    run: Run
    step: int
    dataset: Dataset
    positions: npt.NDArray[np.float32]
    file: npt.NDArray[np.int32]
    window: Integers
    files: Mapping[int, DatasetFile]
    plane: Plane

    def at(self, points: list[list[float]]) -> list[list[float]]:
        """Positions that points of the map mean: `Plane.positions`, as float32 has them."""
        found = self.plane.positions(np.array(points), self.positions).astype(np.float32)
        return [[float(number) for number in position] for position in found]

    def labels(self, field: str) -> list[str | None]:
        """The value of a label field that each window's file has."""
        return [self.files[file].labels.get(field) for file in self.file.tolist()]


class LatentMaps:
    """Maps asked for last, by the checkpoint's digest."""

    def __init__(self, records: Records, store: Callable[[], ObjectStore]) -> None:
        self._records, self._store = records, store
        self._held: OrderedDict[str, LatentMap] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, checkpoint: Checkpoint) -> LatentMap:
        """The checkpoint's map. Raises NoMap, ObjectMissing, ObjectCorrupt, StoreUnavailable."""
        digest = checkpoint.digest
        with self._lock:
            if digest in self._held:
                self._held.move_to_end(digest)
                return self._held[digest]
        found = self._read(checkpoint)
        with self._lock:
            self._held[digest] = found
            while len(self._held) > _MOST_HELD:
                self._held.popitem(last=False)
        return found

    def _read(self, checkpoint: Checkpoint) -> LatentMap:
        with self._records.read() as session:
            run = session.get_one(Run, checkpoint.run_id)
            dataset = session.get_one(Dataset, run.dataset_id)
            kept = [row for row in runs.artefacts(session, run.id) if row.kind == "latent"]
        of_step = [row for row in kept if row.step == checkpoint.step]
        if not of_step:
            raise NoMap(run.family, checkpoint.step, encodes=bool(kept))
        table = load(self._store().get(of_step[0].key))
        positions, file = table["positions"], table["file"]
        with self._records.read() as session:
            files = datasets.files_at(session, dataset.id, np.unique(file).tolist())
        window = self._numbers(dataset, table["index"], file, files)
        return LatentMap(run, checkpoint.step, dataset, positions, file, window, files, Plane.of(positions))

    def _numbers(
        self, dataset: Dataset, index: Integers, file: npt.NDArray[np.int32], files: Mapping[int, DatasetFile]
    ) -> Integers:
        """The numbers, in their files, of windows by their places among all that the dataset keeps."""
        assert dataset.manifest_key is not None and dataset.digest is not None  # a run's dataset is built
        manifest = read_manifest(verified(self._store(), dataset.manifest_key, dataset.digest))
        stored = index.astype(np.int64)
        if manifest.kept is not None:
            bits = verified(self._store(), sidecar_key(dataset.folder, manifest.kept), manifest.kept)
            stored = np.flatnonzero(kept_mask(bits, manifest.stored))[stored]
        ends = np.cumsum([shard.windows for shard in manifest.shards])
        starts = np.append(0, ends)[np.searchsorted(ends, stored, side="right")]
        rows = {position: -1 if row.row is None else row.row for position, row in files.items()}
        first = np.array([rows[position] for position in file.tolist()], np.int64)
        return np.where(first < 0, -1, stored - starts - first)


def shown(number: Any) -> int | None:
    """A window's number as it is told: null where it is not known."""
    return None if number < 0 else int(number)
