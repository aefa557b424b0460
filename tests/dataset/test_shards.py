import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from dataset.making import noise, windows_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save

from pianola.codec.windows import Windows, pack, unpack
from pianola.dataset import shard_writer
from pianola.dataset.shard_writer import Placed, ShardWriter
from pianola.dataset.shards import (
    BadShard,
    Shard,
    ShardEntry,
    origins_bytes,
    read_origins,
    read_shard,
    view_shard,
    write_shard,
)
from pianola.dataset.statistics import Statistics, count

ARRAYS = ("windows", "file", "start", "tempo", "metre", "held_out", "labels")


def shard_of(rows: int, seed: int = 0, velocity: bool = False, labels: int = 2) -> Shard:
    """A shard of random files with so many windows in all."""
    windows = windows_of(noise(rows, seed, 0.1), seed, velocity=velocity)
    random = np.random.default_rng(seed)
    file = np.sort(random.integers(0, 5, rows)).astype(np.int32)
    held_out, numbers = random.random(rows) < 0.3, random.integers(-1, 9, (rows, labels)).astype(np.int16)
    return Shard(windows.lit, file, windows.start, windows.tempo, windows.metre, held_out, numbers, windows.velocity)


def assert_same(one: Shard, other: Shard) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    if one.velocity is None or other.velocity is None:
        assert one.velocity is other.velocity
    else:
        np.testing.assert_array_equal(one.velocity.values, other.velocity.values)
        np.testing.assert_array_equal(one.velocity.ends, other.velocity.ends)


@given(rows=st.integers(0, 5), seed=st.integers(0, 2**32), velocity=st.booleans(), labels=st.integers(0, 3))
def test_a_shard_and_back(rows: int, seed: int, velocity: bool, labels: int) -> None:
    shard = shard_of(rows, seed, velocity, labels)
    data = write_shard(shard)
    assert_same(read_shard(data), shard)
    assert write_shard(read_shard(data)) == data
    assert_same(view_shard(data), shard)


def test_a_shard_of_format_1_has_what_goes_without_saying() -> None:
    packed, file = pack(noise(3)), np.array([0, 0, 4], np.int32)
    shard = read_shard(save({"windows": packed, "file": file, "start": file * 96}))
    np.testing.assert_array_equal(shard.windows, packed)
    assert (shard.file.tolist(), shard.start.tolist()) == ([0, 0, 4], [0, 0, 384])
    assert (shard.tempo.tolist(), shard.metre.tolist()) == ([120] * 3, [[4, 4]] * 3)
    assert (shard.held_out.tolist(), shard.labels.shape, shard.velocity) == ([False] * 3, (3, 0), None)


@given(seed=st.integers(0, 1000), keep=st.lists(st.booleans(), min_size=6, max_size=6))
def test_rows_are_a_shard_of_their_own(seed: int, keep: list[bool]) -> None:
    shard = shard_of(6, seed, velocity=True)
    mask = np.array(keep)
    rows = shard.rows(mask)
    assert_same(rows, shard.rows(np.flatnonzero(mask)))
    assert_same(read_shard(write_shard(rows)), rows)
    assert rows.velocity is not None and shard.velocity is not None
    begins = [0, *shard.velocity.ends]
    values = [shard.velocity.values[begins[row] : begins[row + 1]].tolist() for row in np.flatnonzero(mask)]
    assert rows.velocity.values.tolist() == [value for each in values for value in each]


def test_a_slice_of_rows_gives_a_files_windows_back() -> None:
    one, other = windows_of(noise(3, 1), 1, velocity=True), windows_of(noise(2, 2), 2, velocity=True)
    stored, _ = written({0: one, 7: other})
    found = read_shard(next(iter(stored.values()))).rows(slice(3, 5)).as_windows()
    for name in ("lit", "start", "tempo", "metre"):
        np.testing.assert_array_equal(getattr(found, name), getattr(other, name))
    assert found.velocity is not None and other.velocity is not None
    np.testing.assert_array_equal(found.velocity.values, other.velocity.values)
    np.testing.assert_array_equal(found.velocity.ends, other.velocity.ends)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("windows", np.zeros((2, 96, 96), np.uint8)),
        ("windows", np.zeros((2, 96, 12), np.int8)),
        ("file", np.zeros(1, np.int32)),
        ("start", np.zeros(2, np.int64)),
        ("tempo", np.zeros(2, np.float64)),
        ("metre", np.zeros(2, np.uint8)),
        ("held_out", np.zeros(2, np.int8)),
        ("labels", np.zeros(2, np.int16)),
    ],
)
def test_arrays_that_do_not_fit_together_are_no_shard(name: str, array: NDArray[Any]) -> None:
    with pytest.raises(BadShard, match="of a shard of 2 windows"):
        write_shard(dataclasses.replace(shard_of(2), **{name: array}))  # type: ignore[arg-type]  # wrong kinds are tested


def test_velocities_of_other_windows_are_no_shard() -> None:
    with pytest.raises(BadShard, match="velocities of a shard of 2 windows"):
        write_shard(dataclasses.replace(shard_of(2), velocity=shard_of(3, velocity=True).velocity))


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"\x02\0\0\0\0\0\0\0{}", b"\xff" * 64, write_shard(shard_of(2))[:-1]]
)
def test_other_bytes_are_no_shard(data: bytes) -> None:
    with pytest.raises(BadShard):
        read_shard(data)


def test_a_cut_shard_is_no_shard() -> None:
    with pytest.raises(BadShard):
        read_shard(write_shard(shard_of(2))[:-1])


def written(files: Mapping[int, Windows]) -> tuple[dict[str, bytes], ShardWriter]:
    stored: dict[str, bytes] = {}
    writer = ShardWriter(stored.__setitem__)
    for file, windows in files.items():
        writer.add(file, windows)
    assert [entry.key for entry in writer.close()] == list(stored)
    return stored, writer


@given(st.integers(0, 40), st.integers(0, 5), st.booleans(), st.integers(0, 4))
def test_origins_are_read_from_a_shards_head(rows: int, seed: int, velocity: bool, labels: int) -> None:
    shard = shard_of(rows, seed, velocity, labels)
    data = write_shard(shard)
    origins = read_origins(data[: origins_bytes(rows, labels)])
    assert len(origins) == rows
    for name in ("file", "held_out", "labels"):
        np.testing.assert_array_equal(getattr(origins, name), getattr(shard, name))
        assert getattr(origins, name).dtype == getattr(shard, name).dtype


def test_the_head_of_a_real_shard_is_a_small_part_of_it() -> None:
    shard = shard_of(2000, velocity=True)
    assert origins_bytes(2000, 2) < len(write_shard(shard)) / 20


def test_origins_of_format_1_are_not_held_out() -> None:
    shard = shard_of(6, labels=0)
    data = save({"windows": shard.windows, "file": shard.file, "start": shard.start})
    origins = read_origins(data[: origins_bytes(6, 0)])
    assert (origins.file.tolist(), origins.held_out.any(), origins.labels.shape) == (shard.file.tolist(), False, (6, 0))


@pytest.mark.parametrize("spoilt", [b"", b"\x10", bytes(100), b"\x02" + bytes(7) + b"[]", b"\x04" + bytes(7) + b"null"])
def test_a_head_that_is_cut_or_something_else_is_refused(spoilt: bytes) -> None:
    data = write_shard(shard_of(30))
    for head in (spoilt, data[:60], data[:900]):
        with pytest.raises(BadShard, match="head of a shard"):
            read_origins(head)


def test_the_writer_rolls_over_at_the_limit_and_keeps_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 5 * 96 * 12)
    lit = {0: noise(3, 0), 2: noise(2, 1), 3: noise(0), 4: noise(7, 2), 9: noise(1, 3)}
    stored, writer = written({file: windows_of(windows) for file, windows in lit.items()})
    entries = writer.close()
    assert [(entry.windows, entry.files_from, entry.files_to) for entry in entries] == [(5, 0, 2), (7, 4, 4), (1, 9, 9)]
    assert all(hashlib.sha256(stored[entry.key]).hexdigest() == entry.sha256 for entry in entries)
    one, two, three = (entry.sha256 for entry in entries)
    assert writer.placed == [Placed(0, one, 0), Placed(2, one, 3), Placed(4, two, 0), Placed(9, three, 0)]
    read = [read_shard(data) for data in stored.values()]
    np.testing.assert_array_equal(
        unpack(np.concatenate([shard.windows for shard in read])), np.concatenate(list(lit.values()))
    )
    assert np.concatenate([shard.file for shard in read]).tolist() == [0] * 3 + [2] * 2 + [4] * 7 + [9]
    assert np.concatenate([shard.start for shard in read]).tolist() == [0, 96, 192, 0, 96, *range(0, 672, 96), 0]
    assert writer.statistics == sum((count(shard) for shard in read), Statistics())


def test_what_is_known_of_a_file_is_kept_with_each_of_its_windows() -> None:
    stored: dict[str, bytes] = {}
    writer = ShardWriter(stored.__setitem__, labels=2)
    writer.add(1, windows_of(noise(2)), held_out=True, labels=(3, -1))
    writer.add(2, windows_of(noise(1)), labels=(0, 5))
    shard = read_shard(stored[writer.close()[0].key])
    assert shard.held_out.tolist() == [True, True, False]
    assert shard.labels.tolist() == [[3, -1], [3, -1], [0, 5]]


def test_the_same_files_give_the_same_shards() -> None:
    files = {0: windows_of(noise(3), velocity=True), 1: windows_of(noise(2), velocity=True)}
    assert written(files)[0] == written(files)[0]


def test_no_windows_make_no_shard() -> None:
    stored, writer = written({0: windows_of(noise(0))})
    assert (stored, writer.close(), writer.placed, writer.statistics) == ({}, [], [], Statistics())


def test_files_out_of_order_or_without_their_labels_are_refused() -> None:
    writer = ShardWriter(lambda key, data: None, labels=1)
    writer.add(1, windows_of(noise(1)), labels=(0,))
    with pytest.raises(ValueError, match="file 1 comes after file 1"):
        writer.add(1, windows_of(noise(1)), labels=(0,))
    with pytest.raises(ValueError, match="file 2 has 0 labels, the dataset 1 fields"):
        writer.add(2, windows_of(noise(1)))


def test_files_with_and_without_velocities_do_not_go_together() -> None:
    writer = ShardWriter(lambda key, data: None)
    writer.add(0, windows_of(noise(1), velocity=True))
    writer.add(1, windows_of(noise(1)))
    with pytest.raises(BadShard, match="1 of 2 files have velocities"):
        writer.close()


def test_an_entry_and_back() -> None:
    entry = ShardEntry("a" * 64, 5, 0, 2)
    assert ShardEntry.from_json(entry.to_json()) == entry
    with pytest.raises(BadShard, match="is not a shard's entry"):
        ShardEntry.from_json({"sha256": 1})
