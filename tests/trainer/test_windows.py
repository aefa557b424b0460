import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from trainer import making
from trainer.making import PlannedFile, System

from pianola.codec.options import PRESETS
from pianola.codec.windows import pack, unpack
from pianola.dataset import shard_writer
from pianola.dataset.manifest import read_manifest
from pianola.objects.layout import dataset_key, manifest_key
from pianola.records import datasets
from pianola.records.tables import Dataset
from pianola_trainer.batches import split_of_dataset
from pianola_trainer.errors import DatasetUnreadable
from pianola_trainer.windows import PackedWindows, read_windows

ENOUGH = 2**30


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with making.system(tmp_path) as made:
        yield made


def row(system: System, dataset_id: str) -> Dataset:
    with system.records.read() as session:
        return datasets.get(session, dataset_id)


def read(system: System, dataset_id: str) -> PackedWindows:
    return read_windows(system.store, row(system, dataset_id), ENOUGH)


def test_a_dataset_is_read_whole_over_several_shards(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 10 * 96 * 12)
    windows = read(system, making.built_dataset(system, (9, 4, 7)))
    expected = np.concatenate([making.scales(index, count) for index, count in enumerate((9, 4, 7))])
    np.testing.assert_array_equal(windows.of(np.arange(20)), expected)
    assert windows.file.tolist() == [0] * 9 + [1] * 4 + [2] * 7
    assert (windows.labels.shape, windows.vocabulary, windows.held_out) == ((20, 0), {}, None)


def test_windows_that_are_left_out_are_not_read(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 5 * 96 * 12)
    kept = [True, False, True, False, False, False, False, True, True]
    files = [PlannedFile(making.scales(0, 3)), PlannedFile(making.scales(1, 4)), PlannedFile(making.scales(2, 2))]
    windows = read(system, making.built(system, files, kept=kept, duplicates="windows"))
    everything = np.concatenate([file.windows for file in files])
    np.testing.assert_array_equal(windows.of(np.arange(4)), everything[kept])
    assert windows.file.tolist() == [0, 0, 2, 2]


def test_labels_and_the_own_hold_out_come_with_each_window(system: System) -> None:
    files = [
        PlannedFile(making.scales(0, 2), held_out=True, labels=(1, -1)),
        PlannedFile(making.scales(1, 3), labels=(0, 0)),
    ]
    vocabulary = {"composer": ("Bach", "Haydn"), "genre": ("fugue",)}
    windows = read(system, making.built(system, files, vocabulary, held_out=0.4))
    assert windows.labels.tolist() == [[1, -1]] * 2 + [[0, 0]] * 3
    assert windows.labels.dtype == np.int16
    assert windows.vocabulary == vocabulary
    assert windows.held_out is not None
    sides = split_of_dataset(windows.held_out)
    assert (sides.training.tolist(), sides.held_out.tolist(), sides.by) == ([2, 3, 4], [0, 1], "dataset")


def test_a_dataset_built_before_there_were_labels_is_read(system: System) -> None:
    dataset = row(system, making.built_dataset(system, (3, 2)))
    packed = pack(making.scales(0, 5))
    file, start = np.array([0, 0, 0, 2, 2], np.int32), np.array([0, 96, 192, 0, 96], np.int32)
    shard = save({"windows": packed, "file": file, "start": start})
    sha256 = hashlib.sha256(shard).hexdigest()
    system.store.put(dataset_key(dataset.folder, f"shards/{sha256}.safetensors"), shard)
    former = ("rounding", "sounding", "lowest_pitch", "shortest", "restrike", "partial", "percussion")
    options = {field: value for field, value in PRESETS["thesis"].to_json().items() if field in former}
    entry = {"sha256": sha256, "windows": 5, "files_from": 0, "files_to": 2}
    manifest = {"format": 1, "options": options, "files": ["a" * 64, "b" * 64, "c" * 64], "file_windows": [3, 0, 2]}
    data = json.dumps(manifest | {"windows": 5, "notes": 40, "shards": [entry]}).encode()
    dataset.digest = hashlib.sha256(data).hexdigest()
    dataset.manifest_key = manifest_key(dataset.folder, dataset.digest)
    system.store.put(dataset.manifest_key, data)
    windows = read_windows(system.store, dataset, ENOUGH)
    np.testing.assert_array_equal(windows.of(np.arange(5)), unpack(packed))
    assert (windows.file.tolist(), windows.lowest_pitch, windows.held_out) == (file.tolist(), 1, None)


@pytest.mark.parametrize("what", ["manifest", "shard", "kept"])
def test_a_damaged_object_is_said_in_words(system: System, what: str) -> None:
    kept = [True, True, False]
    dataset = row(system, making.built(system, [PlannedFile(making.scales(0, 3))], kept=kept, duplicates="windows"))
    assert dataset.manifest_key is not None
    manifest = read_manifest(system.store.get(dataset.manifest_key))
    keys = {
        "manifest": dataset.manifest_key,
        "shard": dataset_key(dataset.folder, manifest.shards[0].key),
        "kept": dataset_key(dataset.folder, f"sidecars/{manifest.kept}"),
    }
    system.damage(keys[what])
    with pytest.raises(DatasetUnreadable, match="build it again"):
        read_windows(system.store, dataset, ENOUGH)


def test_reading_takes_the_windows_and_one_shard(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 2**20)
    noise = np.random.default_rng(0).integers(0, 2, (910, 96, 96), np.uint8)
    dataset = row(system, making.built(system, [PlannedFile(noise)] * 24, held_out=0.2))
    tracemalloc.start()
    windows = read_windows(system.store, dataset, ENOUGH)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(windows) == 24 * 910
    # A shard's bytes and its arrays are there at once, and the local store may hold them a second time.
    assert peak < windows.packed.nbytes + 6 * 2**20
