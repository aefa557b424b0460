import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pianola.codec import shards
from pianola.codec.options import PRESETS
from pianola.codec.shards import (
    BadManifest,
    BadShard,
    Manifest,
    ShardEntry,
    ShardWriter,
    manifest_bytes,
    manifest_digest,
    read_manifest,
    read_shard,
    write_shard,
)
from pianola.codec.window import Bytes
from pianola.codec.windows import pack, unpack


def noise(count: int, seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 2, (count, 96, 96), np.uint8)


@given(count=st.integers(0, 5), seed=st.integers(0, 2**32))
def test_packing_keeps_every_step(count: int, seed: int) -> None:
    windows = noise(count, seed)
    packed = pack(windows)
    assert packed.shape == (count, 96, 12)
    np.testing.assert_array_equal(unpack(packed), windows)


def test_the_first_step_is_the_highest_bit_and_any_value_but_0_is_lit() -> None:
    windows = np.zeros((1, 96, 96), np.uint8)
    windows[0, 3, [0, 9]] = 7
    assert pack(windows)[0, 3, :3].tolist() == [0x80, 0x40, 0]


@given(count=st.integers(0, 5), seed=st.integers(0, 2**32))
def test_a_shard_and_back(count: int, seed: int) -> None:
    packed, file, start = (
        pack(noise(count, seed)),
        np.arange(count, dtype=np.int32),
        np.arange(count, dtype=np.int32) * 96,
    )
    data = write_shard(packed, file, start)
    shard = read_shard(data)
    for written, read in ((packed, shard.windows), (file, shard.file), (start, shard.start)):
        np.testing.assert_array_equal(read, written)
        assert read.dtype == written.dtype
    assert write_shard(shard.windows, shard.file, shard.start) == data


@pytest.mark.parametrize(
    ("packed", "file", "start"),
    [
        (np.zeros((2, 96, 96), np.uint8), np.zeros(2, np.int32), np.zeros(2, np.int32)),
        (np.zeros((2, 96, 12), np.int8), np.zeros(2, np.int32), np.zeros(2, np.int32)),
        (np.zeros((2, 96, 12), np.uint8), np.zeros(1, np.int32), np.zeros(2, np.int32)),
        (np.zeros((2, 96, 12), np.uint8), np.zeros(2, np.int32), np.zeros(2, np.int64)),
    ],
)
def test_arrays_that_do_not_fit_together_are_no_shard(packed: Bytes, file: Bytes, start: Bytes) -> None:
    with pytest.raises(BadShard):
        write_shard(packed, file, start)  # type: ignore[arg-type]  # wrong kinds are what is tested


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 64])
def test_other_bytes_are_no_shard(data: bytes) -> None:
    with pytest.raises(BadShard):
        read_shard(data)


def test_a_cut_shard_is_no_shard() -> None:
    data = write_shard(pack(noise(2)), np.zeros(2, np.int32), np.zeros(2, np.int32))
    with pytest.raises(BadShard):
        read_shard(data[:-1])


def written(files: dict[int, Bytes]) -> tuple[list[ShardEntry], dict[str, bytes]]:
    stored: dict[str, bytes] = {}
    writer = ShardWriter(stored.__setitem__)
    for file, windows in files.items():
        writer.add(file, windows)
    return writer.close(), stored


def test_the_writer_rolls_over_at_the_limit_and_keeps_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 5 * 96 * 12)
    files = {0: noise(3, 0), 2: noise(2, 1), 3: noise(0), 4: noise(7, 2), 9: noise(1, 3)}
    entries, stored = written(files)
    assert [(entry.windows, entry.files_from, entry.files_to) for entry in entries] == [(5, 0, 2), (7, 4, 4), (1, 9, 9)]
    assert [entry.key for entry in entries] == list(stored)
    assert all(hashlib.sha256(stored[entry.key]).hexdigest() == entry.sha256 for entry in entries)
    read = [read_shard(data) for data in stored.values()]
    np.testing.assert_array_equal(
        unpack(np.concatenate([shard.windows for shard in read])), np.concatenate(list(files.values()))
    )
    assert np.concatenate([shard.file for shard in read]).tolist() == [0] * 3 + [2] * 2 + [4] * 7 + [9]
    assert np.concatenate([shard.start for shard in read]).tolist() == [0, 96, 192, 0, 96, *range(0, 672, 96), 0]


def test_the_same_files_give_the_same_shards() -> None:
    assert written({0: noise(3), 1: noise(2)}) == written({0: noise(3), 1: noise(2)})


def test_no_windows_make_no_shard() -> None:
    assert written({0: noise(0)}) == ([], {})


def test_files_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="file 1 comes after file 1"):
        written_twice = ShardWriter(lambda key, data: None)
        written_twice.add(1, noise(1))
        written_twice.add(1, noise(1))


def manifest() -> Manifest:
    entries, _ = written({0: noise(3), 2: noise(2)})
    return Manifest(PRESETS["piano"].to_json(), ("a" * 64, "b" * 64, "c" * 64), (3, 0, 2), 17, tuple(entries))


def test_a_manifest_and_back() -> None:
    assert read_manifest(manifest_bytes(manifest())) == manifest()
    assert manifest().windows == 5


def test_a_manifest_is_canonical_json_and_its_digest_that_of_its_bytes() -> None:
    data = manifest_bytes(manifest())
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()
    assert manifest_digest(manifest()) == hashlib.sha256(data).hexdigest()
    assert json.loads(data)["windows"] == 5


def test_the_digest_changes_with_options_files_and_shards() -> None:
    one = manifest()
    others = [
        dataclasses.replace(one, options=PRESETS["thesis"].to_json()),
        dataclasses.replace(one, files=("a" * 64, "d" * 64, "c" * 64)),
        dataclasses.replace(one, notes=18),
        dataclasses.replace(one, shards=(dataclasses.replace(one.shards[0], sha256="0" * 64),)),
    ]
    assert len({manifest_digest(each) for each in (one, *others)}) == 5


def test_counts_that_do_not_add_up_are_no_manifest() -> None:
    with pytest.raises(BadManifest, match="the files have 6 windows, the shards 5"):
        dataclasses.replace(manifest(), file_windows=(3, 1, 2))
    with pytest.raises(BadManifest, match="3 files, but counts of windows for 2"):
        dataclasses.replace(manifest(), file_windows=(3, 2))


@pytest.mark.parametrize("change", [{"format": 2}, {"shards": [{"sha256": 1}]}, {"files": None}])
def test_other_json_is_no_manifest(change: dict[str, object]) -> None:
    values = json.loads(manifest_bytes(manifest())) | change
    with pytest.raises(BadManifest):
        read_manifest(json.dumps(values).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff"])
def test_other_bytes_are_no_manifest(data: bytes) -> None:
    with pytest.raises(BadManifest):
        read_manifest(data)
