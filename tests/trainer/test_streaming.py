"""Sets that memory does not hold: the same windows in the same order, few at a time, from a store with faults."""

import json
import threading
import tracemalloc
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import servers
from numpy.typing import NDArray
from servers import wait_for
from trainer import making
from trainer.making import PlannedFile, System, assert_same_weights, tensors

from pianola.codec.window import Integers
from pianola.dataset import shard_writer
from pianola.dataset.manifest import read_manifest
from pianola.objects import LocalStore, StoreUnavailable
from pianola.objects.layout import dataset_key
from pianola.objects.s3 import S3Store
from pianola.records import datasets, leases
from pianola.records.tables import Dataset
from pianola_trainer import reading
from pianola_trainer.batches import MIXED, Batches, split
from pianola_trainer.errors import DatasetUnreadable
from pianola_trainer.orders import Asked
from pianola_trainer.patience import patiently
from pianola_trainer.streaming import StreamedWindows
from pianola_trainer.windows import PackedWindows, read_windows

WINDOW = 96 * 12
ENOUGH = 2**30
SHARDS = 40


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with making.system(tmp_path) as made:
        yield made


@pytest.fixture
def dataset(system: System, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """40 shards, each of a file with 12 windows of which a dozen in all are left out."""
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 12 * WINDOW)
    kept = [bool(window % 40) for window in range(12 * SHARDS)]
    files = [PlannedFile(noise(12, seed), labels=(seed % 3 - 1,)) for seed in range(SHARDS)]
    return row(system, making.built(system, files, {"composer": ("Bach", "Haydn")}, kept, duplicates="windows"))


def noise(windows: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 2, (windows, 96, 96), np.uint8)


def row(system: System, dataset_id: str) -> Dataset:
    with system.records.read() as session:
        return datasets.get(session, dataset_id)


def shard_keys(system: System, dataset: Dataset) -> list[str]:
    assert dataset.manifest_key is not None
    manifest = read_manifest(system.store.get(dataset.manifest_key))
    return [dataset_key(dataset.folder, entry.key) for entry in manifest.shards]


def batches_of(windows: PackedWindows, batch: int = 8) -> Batches:
    return Batches(split(windows.file, 0.2, 3).training, batch, 3, windows.ends)


def nobody() -> None:
    """No order comes."""


class CountingBatches(Batches):
    """Counts the groups that are asked for."""

    asked = 0

    def group(self, number: int) -> Integers:
        self.asked += 1
        return super().group(number)


class FaultyStore(LocalStore):
    """Counts what is read whole; fails as long as it is `away`, and holds readers back until it is `open`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: Counter[str] = Counter()
        self.away: Callable[[], bool] = lambda: False
        self.gate = threading.Event()
        self.gate.set()

    def get(self, key: str) -> bytes:
        self.gate.wait()
        self.reads[key] += 1
        if self.away():
            raise StoreUnavailable(f"read {key}", "out for lunch")
        return super().get(key)


@pytest.fixture
def store(system: System) -> FaultyStore:
    return FaultyStore(system.folder / "objects")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the store has had enough within a second."""
    monkeypatch.setattr(reading, "patiently", partial(patiently, seconds=0.3))


def test_all_is_known_of_windows_that_are_not_here(system: System, dataset: Dataset) -> None:
    held, streamed = (read_windows(system.store, dataset, most) for most in (ENOUGH, 0))
    assert isinstance(held.packed, np.ndarray)
    assert isinstance(streamed.packed, StreamedWindows)
    assert len(held) == len(streamed) == 12 * SHARDS - 12
    for name in ("file", "labels", "ends"):
        np.testing.assert_array_equal(getattr(held, name), getattr(streamed, name))
    assert (held.vocabulary, held.held_out) == (streamed.vocabulary, streamed.held_out)


def test_a_set_of_few_shards_is_held_whatever_it_takes(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 2 * WINDOW)
    few = row(system, making.built_dataset(system, (2,) * MIXED))
    assert isinstance(read_windows(system.store, few, 0).packed, np.ndarray)
    more = row(system, making.built_dataset(system, (2,) * (MIXED + 1)))
    assert isinstance(read_windows(system.store, more, 0).packed, StreamedWindows)


@pytest.mark.parametrize("most_shards", [0, 30])
@pytest.mark.parametrize("batch", [8, 100, 4096])
def test_batches_are_those_of_windows_in_memory(system: System, dataset: Dataset, batch: int, most_shards: int) -> None:
    held, streamed = (read_windows(system.store, dataset, most) for most in (ENOUGH, most_shards * 12 * WINDOW))
    batches = batches_of(held, batch)
    for step in range(batches.steps(3)):
        streamed.prepare(batches, step, nobody)
        rows = batches.at(step)
        np.testing.assert_array_equal(streamed.packed[rows], held.packed[rows])


def test_any_step_may_come_next(system: System, dataset: Dataset) -> None:
    held, streamed = (read_windows(system.store, dataset, most) for most in (ENOUGH, 0))
    batches = batches_of(held)
    for step in (0, 1, 0, 140, 60, 61):
        streamed.prepare(batches, step, nobody)
        np.testing.assert_array_equal(streamed.packed[batches.at(step)], held.packed[batches.at(step)])
    # Nobody said that these rows would be wanted.
    rows = np.array([300, 3, 400])
    np.testing.assert_array_equal(streamed.of(rows), held.of(rows))


def test_a_shard_is_read_once_an_epoch_and_before_it_is_wanted(
    system: System, dataset: Dataset, store: FaultyStore
) -> None:
    windows = read_windows(store, dataset, 0)
    keys = set(shard_keys(system, dataset))
    assert not keys & store.reads.keys()
    batches = batches_of(windows)
    windows.prepare(batches, 0, nobody)
    wanted = {key for number in (0, 1) for key in np.array(shard_keys(system, dataset))[batches.group(number)]}
    wait_for(lambda: wanted == keys & store.reads.keys(), 10, "the shards of two groups")
    for step in range(batches.steps(2)):
        windows.prepare(batches, step, nobody)
        windows.of(batches.at(step))
    trained = [key for key in keys if store.reads[key]]
    assert len(trained) == len(np.unique(windows.file[split(windows.file, 0.2, 3).training]))
    # Two epochs, and the beginning of a third; those at both sides of a seam are read once.
    assert all(1 <= store.reads[key] <= 3 for key in trained)


@pytest.mark.parametrize("most_megabytes", [0, 44])
def test_memory_holds_two_groups_or_what_it_may(
    system: System, monkeypatch: pytest.MonkeyPatch, most_megabytes: int
) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 2**20)
    megabytes = 64
    dataset = row(system, making.built(system, [PlannedFile(noise(910, 0))] * megabytes))
    batches = batches_of(read_windows(system.store, dataset, 0), 512)
    tracemalloc.start()
    windows = read_windows(system.store, dataset, most_megabytes * 2**20)
    packed = windows.packed
    assert isinstance(packed, StreamedWindows)
    for step in range(batches.steps(1) // 2):
        windows.prepare(batches, step, nobody)
        windows.of(batches.at(step))
    allowed = max(most_megabytes, 2 * len(batches.group(0))) * 2**20
    # None of it is idle.
    wait_for(lambda: packed.bytes_here > allowed - 2**20, 10, "shards ahead")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A shard's bytes and its arrays, and a batch unpacked.
    assert peak < allowed + 11 * 2**20 < megabytes * 2**20


def test_an_excerpt_is_the_same_wherever_the_windows_are(
    system: System, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pianola_trainer.batches.MOST_TRAINING", 50)
    held, streamed = (read_windows(system.store, dataset, most).conditioned("composer") for most in (ENOUGH, 0))
    sides = split(held.file, 0.2, 3)
    (one, of_one), (other, of_other) = held.excerpt(sides), streamed.excerpt(sides)
    assert isinstance(other.packed, np.ndarray)
    for name in ("packed", "file", "labels", "told", "rows"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.rows is not None
    np.testing.assert_array_equal(one.of(np.arange(len(one))), held.of(one.rows))
    assert (len(of_one.training), of_one.by) == (50, "file")
    for side, whole in ((of_one.training, sides.training), (of_one.held_out, sides.held_out)):
        assert set(one.rows[side]) <= set(whole)
    assert len(of_one.held_out) == len(sides.held_out)
    np.testing.assert_array_equal(of_one.training, of_other.training)
    assert one.density(of_one.training) == other.density(of_other.training)


def test_a_store_that_comes_back_is_waited_for(dataset: Dataset, store: FaultyStore) -> None:
    windows, failures = read_windows(store, dataset, 0), iter([True, False] * 5)
    store.away = lambda: next(failures, False)
    batches = batches_of(windows)
    windows.prepare(batches, 0, nobody)
    assert next(failures, None) is None
    assert len(windows.of(batches.at(0))) == 8


def test_a_store_that_stays_away_ends_the_attempt_not_the_run(
    dataset: Dataset, store: FaultyStore, hasty: None
) -> None:
    windows = read_windows(store, dataset, 0)
    store.away = lambda: True
    with pytest.raises(StoreUnavailable, match="out for lunch"):
        windows.prepare(batches_of(windows), 0, nobody)


def test_an_outage_that_nobody_waits_for_is_outlasted(dataset: Dataset, store: FaultyStore, hasty: None) -> None:
    windows = read_windows(store, dataset, 0)
    batches = batches_of(windows)
    store.gate.clear()
    reads = threading.Thread(target=windows.prepare, args=(batches, 0, nobody))
    reads.start()
    first = len(batches.group(0))
    before = sum(store.reads.values())
    store.away = lambda: sum(store.reads.values()) - before > first
    store.gate.set()
    reads.join()
    windows.of(batches.at(0))
    # Longer than anybody has patience.
    wait_for(lambda: sum(store.reads.values()) - before > first + 6, 30, "tries to read the next group")
    store.away = lambda: False
    last = batches.steps(1) - 1
    for step in range(last):
        windows.prepare(batches, step, nobody)


def test_a_shard_that_was_damaged_is_refused_when_it_is_due(system: System, dataset: Dataset) -> None:
    windows = read_windows(system.store, dataset, 0)
    batches = batches_of(windows)
    system.damage(shard_keys(system, dataset)[int(batches.group(1)[-1])])
    due = next(step for step in range(batches.steps(1)) if 1 in batches.groups_of(step))
    for step in range(due):
        windows.prepare(batches, step, nobody)
    with pytest.raises(DatasetUnreadable, match=f"{dataset.name}.*sha256.*build it again"):
        windows.prepare(batches, due, nobody)


def test_what_a_head_said_has_to_be_what_the_shard_says(system: System, dataset: Dataset) -> None:
    key = shard_keys(system, dataset)[5]
    data = system.store.get(key)
    windows = read_windows(system.store, dataset, 0)
    place = data.index(np.full(12, 5, np.int32).tobytes())
    system.store.put(key, data[:place] + b"\x07" + data[place + 1 :])
    deceived = read_windows(system.store, dataset, 0)
    assert (windows.file != deceived.file).sum() == 1
    system.store.put(key, data)
    at = np.array([int(windows.ends[4]) + 3]) if windows.ends is not None else np.array([0])
    assert len(windows.of(at)) == 1
    with pytest.raises(DatasetUnreadable, match="changed meanwhile"):
        deceived.of(at)


def test_a_cut_head_is_refused_at_once(system: System, dataset: Dataset) -> None:
    key = shard_keys(system, dataset)[5]
    system.store.put(key, system.store.get(key)[:500])
    with pytest.raises(DatasetUnreadable, match="head of a shard"):
        read_windows(system.store, dataset, 0)


def test_a_set_that_is_here_by_now_is_looked_no_further_ahead_than_an_epoch(
    system: System, dataset: Dataset, store: FaultyStore
) -> None:
    windows = read_windows(store, dataset, (12 * SHARDS - 13) * WINDOW)
    rows, before = split(windows.file, 0.2, 3).training, sum(store.reads.values())
    batches, trained = CountingBatches(rows, 8, 3, windows.ends), len(np.unique(windows.file[rows]))

    def read() -> int:
        return sum(store.reads.values()) - before

    windows.prepare(batches, 0, nobody)
    wait_for(lambda: read() >= trained, 10, "all shards that are trained on")
    for step in range(batches.steps(4)):
        windows.prepare(batches, step, nobody)
        windows.of(batches.at(step))
        assert batches.asked <= (step // (batches.steps(1) - 1) + 2) * batches.groups + 2
    assert read() == trained


def test_shards_come_from_an_s3_server_too(system: System, dataset: Dataset, s3: servers.S3) -> None:
    remote = S3Store(s3.endpoint, s3.access_key, s3.secret_key, f"test-{uuid.uuid4().hex}", "us-east-1")
    remote.create_bucket()
    for key in system.store.keys("datasets/"):
        remote.put(key, system.store.get(key))
    held, streamed = read_windows(system.store, dataset, ENOUGH), read_windows(remote, dataset, 0)
    batches = batches_of(held, 64)
    np.testing.assert_array_equal(streamed.file, held.file)
    for step in range(batches.steps(1)):
        streamed.prepare(batches, step, nobody)
        np.testing.assert_array_equal(streamed.of(batches.at(step)), held.of(batches.at(step)))


def test_an_order_ends_a_wait(dataset: Dataset, store: FaultyStore) -> None:
    windows = read_windows(store, dataset, 0)
    store.gate.clear()

    def cancelled() -> None:
        raise Asked("cancel")

    with pytest.raises(Asked):
        windows.prepare(batches_of(windows), 0, cancelled)
    store.gate.set()


def test_a_streamed_run_that_was_killed_ends_like_one_in_memory(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 6 * WINDOW)
    many = making.built_dataset(system, (6,) * 24)
    options = {"epochs": 2, "evaluate_every_steps": 12}

    system.settings["PIANOLA_WINDOWS_BYTES"] = str(ENOUGH)
    in_memory = making.submit(system, many, "vae", "thesis", **options)
    with making.attempt(system, in_memory, making.claim(system, in_memory)) as process:
        assert process.wait(240) == 0, process.last_words()
        assert "streaming" not in process.last_words()

    system.settings["PIANOLA_WINDOWS_BYTES"] = "0"
    streamed = making.submit(system, many, "vae", "thesis", **options)
    with making.attempt(system, streamed, making.claim(system, streamed, lease_seconds=0.1)) as process:
        # 12 of the 15 steps of an epoch: in its second group.
        wait_for(lambda: len(system.checkpoints(streamed)) == 1, 240, "a checkpoint")
        process.kill()
    with system.records.write() as session:
        assert leases.reap(session) == [(streamed, "train")]
    with making.attempt(system, streamed, making.claim(system, streamed)) as process:
        assert process.wait(240) == 0, process.last_words()
        said = [json.loads(line) for line in process.last_words().splitlines() if line.startswith("{")]
    assert [(line["step"], line["group"]) for line in said if line["event"] == "streaming"] == [(12, 1)]
    one, other = system.checkpoints(in_memory)[-1], system.checkpoints(streamed)[-1]
    assert (one.step, other.step, other.final) == (30, 30, True)
    assert_same_weights(tensors(system, one), tensors(system, other))
