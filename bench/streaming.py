"""Batches of a dataset that is streamed from the store, against the same batches of one that is held in memory.

    python bench/streaming.py [--data FOLDER] [--quick] [--shards N]

The dataset is of random windows, in full shards of 8 MB in a local store; --data is not looked at. Streamed it has no
memory but what it must have: two groups of shards. Both make the same batches of 64 float32 windows, in turn, one epoch
a round. Processor seconds of the whole process, so the thread that reads, checks and unpacks shards counts, and a busy
machine changes them least; medians of the rounds. The ratio is how many times as fast streaming is; it holds where
streaming costs at most as much again as the batches themselves. Printed besides: how long each takes to begin, and the
most windows that were in memory.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common import arguments, report

from pianola.codec.revision import CODEC_REVISION
from pianola.codec.windows import Windows
from pianola.dataset.manifest import Manifest, manifest_bytes, manifest_digest
from pianola.dataset.options import dataset_options
from pianola.dataset.shard_writer import ShardWriter
from pianola.objects import LocalStore
from pianola.objects.layout import dataset_key, manifest_key
from pianola.records.tables import Dataset
from pianola_trainer.batches import Batches, split
from pianola_trainer.points import as_batch
from pianola_trainer.streaming import StreamedWindows
from pianola_trainer.windows import read_windows

GOAL = 0.5
ROUNDS = 5
WINDOWS_OF_FILE = 728
FILES_OF_SHARD = 10
BATCH = 64


def dataset_of(store: LocalStore, files: int) -> Dataset:
    """A built dataset of so many files of noise."""
    random, folder = np.random.default_rng(0), "noise"
    writer = ShardWriter(lambda key, data: store.put(dataset_key(folder, key), data))
    metre, tempo = np.full((WINDOWS_OF_FILE, 2), 4, np.uint8), np.full(WINDOWS_OF_FILE, 120, np.float32)
    start = np.arange(WINDOWS_OF_FILE, dtype=np.int32) * 96
    for position in range(files):
        lit = np.frombuffer(random.bytes(WINDOWS_OF_FILE * 96 * 12), np.uint8).reshape(WINDOWS_OF_FILE, 96, 12)
        writer.add(position, Windows(lit, start, tempo, metre))
    shards = tuple(writer.close())
    counts = {"files": files, "accepted": files, "notes": 0, "windows": files * WINDOWS_OF_FILE, "held_out": 0}
    manifest = Manifest(codec=CODEC_REVISION, options=dataset_options("piano", {}), labels={}, shards=shards, **counts)
    digest = manifest_digest(manifest)
    key = manifest_key(folder, digest)
    store.put(key, manifest_bytes(manifest))
    return Dataset(name=folder, folder=folder, digest=digest, manifest_key=key)


class Contender:
    """One way of having the windows, and where its stream of batches stands."""

    def __init__(self, store: LocalStore, dataset: Dataset, most_bytes: int) -> None:
        began = time.perf_counter()
        self._windows = read_windows(store, dataset, most_bytes)
        sides = split(self._windows.file, 0.2, 0)
        self._batches = Batches(sides.training, BATCH, 0, self._windows.ends)
        self._step, self.most_here = 0, 0
        self._one_batch()
        self.seconds_to_begin = time.perf_counter() - began
        self.steps = self._batches.steps(1)

    def epoch(self) -> float:
        """Processor seconds that an epoch's batches take."""
        began = time.process_time()
        for _ in range(self.steps):
            self._one_batch()
        return time.process_time() - began

    def _one_batch(self) -> None:
        windows = self._windows
        windows.prepare(self._batches, self._step, lambda: None)
        as_batch(windows, self._batches.at(self._step))
        self._step += 1
        packed = windows.packed
        here = packed.bytes_here if isinstance(packed, StreamedWindows) else packed.nbytes
        self.most_here = max(self.most_here, here)


def main() -> None:
    given = arguments(__doc__ or "", shards={"type": int, "default": 80, "help": "shards of 8 MB in the dataset"})
    torch.set_num_threads(1)
    shards = min(given.shards, 40) if given.quick else given.shards
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        dataset = dataset_of(store, shards * FILES_OF_SHARD)
        ways = {"in memory": Contender(store, dataset, 2**62), "streamed": Contender(store, dataset, 0)}
        rounds = [{name: way.epoch() for name, way in ways.items()} for _ in range(3 if given.quick else ROUNDS)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in ways}
    for name, way in ways.items():
        print(
            f"{name:10} {way.steps * BATCH / medians[name]:9,.0f} windows a processor second, first batch after "
            f"{way.seconds_to_begin:6.2f} s, at most {way.most_here / 1e6:6.0f} MB of windows in memory"
        )
    report("streaming", "the same windows in memory", medians["in memory"] / medians["streamed"], GOAL)


if __name__ == "__main__":
    main()
