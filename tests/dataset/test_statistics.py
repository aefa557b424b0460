"""Counts against the plainest way to count: cell by cell, in Python."""

import contextlib
import itertools
import json
from collections import Counter
from typing import Any

import corpus
import numpy as np
import pytest
from dataset.making import noise, windows_of
from fuzz.properties import python_alone
from hypothesis import given, settings
from hypothesis import strategies as st

from pianola.codec.verdict import judge
from pianola.codec.window import Bytes
from pianola.codec.windows import unpack
from pianola.dataset.description import describe
from pianola.dataset.manifest import Manifest
from pianola.dataset.options import DatasetOptions, dataset_options
from pianola.dataset.runs import find_runs
from pianola.dataset.shards import Shard, ShardEntry
from pianola.dataset.statistics import Statistics, count, without

ARRAYS = {
    "files": 16,
    "lit": 96,
    "notes": 96,
    "density": 385,
    "polyphony": 97,
    "onsets": 12,
    "phases": 12,
    "notes_in_window": 65,
    "lengths": 97,
    "ranges": 96,
    "tempo": 401,
    "velocity": 128,
}


def runs_of(window: list[list[int]]) -> list[tuple[int, int, int]]:
    """Row, first step and length of every run, cell by cell."""
    found = []
    for row, steps in enumerate(window):
        step = 0
        for lit, cells in itertools.groupby(steps):
            length = len(list(cells))
            if lit:
                found.append((row, step, length))
            step += length
    return found


def counted(shard: Shard) -> dict[str, Any]:
    """What `Statistics` says of the shard, counted one window after another."""
    arrays: dict[str, Counter[int]] = {name: Counter() for name in ARRAYS}
    numbers = Counter({"windows": len(shard), "held_out": sum(shard.held_out.tolist()), "silent": 0})
    metres: Counter[str] = Counter()
    for at, window in enumerate(unpack(shard.windows).tolist()):
        runs, start = runs_of(window), int(shard.start[at])
        lit = sum(length for _, _, length in runs)
        rows = [row for row, _, _ in runs]
        numbers["silent"] += not runs
        arrays["density"][lit // 24] += 1
        arrays["notes_in_window"][min(64, len(runs) // 4)] += 1
        arrays["phases"][start % 12] += 1
        arrays["tempo"][min(400, round(float(shard.tempo[at])))] += 1
        metres["{}/{}".format(*shard.metre[at].tolist())] += 1
        if runs:
            arrays["ranges"][max(rows) - min(rows)] += 1
        for row, first, length in runs:
            arrays["lit"][row] += length
            arrays["notes"][row] += 1
            arrays["lengths"][length] += 1
            if first:
                arrays["onsets"][(start + first) % 12] += 1
        for step in range(96):
            arrays["polyphony"][sum(window[row][step] for row in range(96))] += 1
    for windows in Counter(shard.file.tolist()).values():
        arrays["files"][windows.bit_length() - 1] += 1
    if shard.velocity is not None:
        arrays["velocity"].update(shard.velocity.values.tolist())
    labels = [Counter(column.tolist()) for column in shard.labels.T]
    lists = {name: [found[bar] for bar in range(ARRAYS[name])] for name, found in arrays.items()}
    return {**numbers, **lists, "metres": dict(metres), "labels": [dict(found) for found in labels]}


def assert_counts(statistics: Statistics, expected: dict[str, Any]) -> None:
    for name in ARRAYS:
        assert getattr(statistics, name).tolist() == expected[name], name
        assert getattr(statistics, name).dtype == np.int64
    for name in ("windows", "held_out", "silent"):
        assert getattr(statistics, name) == expected[name], name
    assert dict(statistics.metres) == expected["metres"]
    assert [dict(field) for field in statistics.labels] == expected["labels"]


def shard_of(lit: Bytes, seed: int = 0, hop: int = 96, velocity: bool = False) -> Shard:
    windows = windows_of(lit, seed, hop, velocity)
    random = np.random.default_rng(seed)
    file = np.sort(random.integers(0, 1 + len(lit) // 3, len(lit))).astype(np.int32)
    labels = random.integers(-1, 3, (len(lit), 2)).astype(np.int16)
    held_out = file % 3 == 0
    return Shard(windows.lit, file, windows.start, windows.tempo, windows.metre, held_out, labels, windows.velocity)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 4),
    seed=st.integers(0, 2**32),
    share=st.sampled_from([0.0, 0.001, 0.1, 0.5, 0.97, 1.0]),
    hop=st.sampled_from([96, 48, 13]),
    velocity=st.booleans(),
)
def test_counts_are_those_of_looking_at_every_cell(
    rows: int, seed: int, share: float, hop: int, velocity: bool
) -> None:
    shard = shard_of(noise(rows, seed, share), seed, hop, velocity)
    assert_counts(count(shard), counted(shard))
    with python_alone():
        assert_counts(count(shard), counted(shard))


@pytest.mark.parametrize("name", ["small", "large"])
def test_both_halves_count_real_music_alike(name: str) -> None:
    for path in corpus.midi_files(name)[:20]:
        windows = judge(path.read_bytes(), dataset_options("piano", {"hop": 24}).codec)[1]
        file, labels = np.zeros(len(windows), np.int32), np.zeros((len(windows), 0), np.int16)
        # A file's windows may begin anywhere, as far as a shard's kinds say.
        start = windows.start - np.int32(1000)
        shard = Shard(windows.lit, file, start, windows.tempo, windows.metre, file > 0, labels)
        compiled = count(shard)
        with python_alone():
            assert count(shard) == compiled


def test_counts_of_music_over_more_than_one_block() -> None:
    options = dataset_options("piano", {"velocity": True, "hop": 24}).codec
    path = max(corpus.midi_files("medium"), key=lambda path: path.stat().st_size)
    windows = judge(path.read_bytes(), options)[1]
    rows = min(len(windows), 300)
    file, labels = np.zeros(len(windows), np.int32), np.zeros((len(windows), 0), np.int16)
    shard = Shard(
        windows.lit, file, windows.start, windows.tempo, windows.metre, file > 0, labels, windows.velocity
    ).rows(slice(0, rows))
    assert_counts(count(shard), counted(shard))
    with python_alone():
        assert_counts(count(shard), counted(shard))


@given(rows=st.integers(0, 3), seed=st.integers(0, 2**32), share=st.sampled_from([0.05, 0.5, 1.0]))
def test_runs_are_found_without_unpacking(rows: int, seed: int, share: float) -> None:
    lit = noise(rows, seed, share)
    expected = [(at, *run) for at, window in enumerate(lit.tolist()) for run in runs_of(window)]
    for half in (contextlib.nullcontext(), python_alone()):
        with half:
            runs = find_runs(windows_of(lit).lit)
        found = zip(*(part.tolist() for part in (runs.window, runs.row, runs.begin, runs.length)), strict=True)
        assert list(found) == expected


def test_counts_add_up_and_come_off_again() -> None:
    one, other = (shard_of(noise(7, seed, 0.2), seed, velocity=True) for seed in (1, 2))
    assert count(one) + count(other) == count(other) + count(one)
    assert count(one) + count(other) - count(other) == count(one)
    assert Statistics() + count(one) == count(one)
    assert count(one) - count(one) == Statistics(labels=({}, {}))
    assert count(one) != count(other)


def test_what_is_left_out_comes_off_with_its_part_of_its_file() -> None:
    shard, rest = shard_of(noise(9, 3, 0.2), 3, velocity=True), count(shard_of(noise(4, 4, 0.2), 4, velocity=True))
    kept = np.array([True, False, True, True, False, False, True, True, True])
    assert without(rest + count(shard), shard, kept) == rest + count(shard.rows(kept))
    everything = np.ones(9, np.bool_)
    assert without(rest + count(shard), shard, everything) == rest + count(shard)


def test_counts_as_json_and_back() -> None:
    statistics = count(shard_of(noise(7, 1, 0.2), velocity=True))
    assert Statistics.from_json(json.loads(json.dumps(statistics.to_json()))) == statistics
    assert Statistics.from_json(json.loads(json.dumps(Statistics().to_json()))) == Statistics()


def described(shard: Shard, options: DatasetOptions, labels: dict[str, tuple[str, ...]] | None = None) -> Any:
    entries = (ShardEntry("a" * 64, len(shard), 0, 0),) if len(shard) else ()
    statistics = count(shard)
    manifest = Manifest(2, options, 5, 4, 0, len(shard), statistics.held_out, labels or {}, entries)
    return json.loads(json.dumps(describe(statistics, manifest), allow_nan=False))


def test_a_description_says_what_the_windows_hold() -> None:
    lit = np.zeros((2, 96, 96), np.uint8)
    lit[0, 10, 12:24] = lit[0, 22, 12:18] = 1
    lit[0, 10, 30:33] = 1
    windows = windows_of(lit, tempo=97.6, velocity=True)
    shard = Shard(
        windows.lit,
        np.array([0, 2], np.int32),
        windows.start,
        windows.tempo,
        np.array([[3, 4], [3, 4]], np.uint8),
        np.array([False, True]),
        np.array([[1, 0], [-1, 0]], np.int16),
        windows.velocity,
    )
    options = dataset_options("piano", {"velocity": True, "held_out": 0.5})
    found = described(shard, options, {"composer": ("Bach", "Haydn"), "genre": ("waltz",)})
    highest = 17 + 95 - 10
    assert (found["windows"], found["held_out"], found["silent"], found["notes"]) == (2, 1, 1, 3)
    assert found["files"] == {
        "total": 5,
        "accepted": 4,
        "refused": 1,
        "windows_in_file": {"from": [1], "files": [2]},
    }
    assert len(found["note_frequency"]) == 128
    assert found["note_frequency"][highest] == pytest.approx(15 / 21)
    assert found["note_frequency"][highest - 12] == pytest.approx(6 / 21)
    assert (found["pitch_range"]["lowest"], found["pitch_range"]["highest"]) == (highest - 12, highest)
    assert found["pitch_range"]["semitones"] == {"mean": 12, "windows": [0] * 12 + [1]}
    assert found["density"] == {"mean": 21 / (2 * 9216), "bar": 24 / 9216, "windows": [2]}
    assert found["polyphony"] == {"mean": 21 / 15, "steps": [192 - 15, 9, 6]}
    # Two of the three notes begin on a beat, where a window has 7 steps to begin at: elsewhere it has 8.
    assert found["onset_positions"][0] == pytest.approx((2 / 7) / (2 / 7 + 1 / 8))
    assert found["onset_positions"][6] == pytest.approx((1 / 8) / (2 / 7 + 1 / 8))
    assert found["notes_in_window"] == {"mean": 1.5, "bar": 4, "windows": [2]}
    assert found["note_lengths"] == {"mean": 7, "notes": [0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]}
    assert found["tempo"] == {"median": 98, "bar": 10, "windows": [0] * 9 + [2]}
    assert found["metres"] == {"3/4": 2}
    assert sum(found["velocity"]["notes"]) == 3
    assert found["labels"] == {
        "composer": {"values": {"Bach": 0, "Haydn": 1}, "unlabelled": 1},
        "genre": {"values": {"waltz": 2}, "unlabelled": 0},
    }


def test_a_beat_is_found_wherever_the_windows_begin() -> None:
    roll = np.zeros((96, 96 + 13 * 9), np.uint8)
    roll[40, ::12] = 1
    lit = np.stack([roll[:, first : first + 96] for first in range(0, 13 * 10, 13)])
    windows = windows_of(lit, hop=13)
    flat = np.zeros(10, np.int32)
    shard = Shard(windows.lit, flat, windows.start, windows.tempo, windows.metre, flat > 0, np.zeros((10, 0), np.int16))
    assert described(shard, dataset_options("piano", {"hop": 13}))["onset_positions"] == [1.0] + [0.0] * 11


def test_nothing_is_described_without_dividing_by_it() -> None:
    none = describe(Statistics(), Manifest(2, dataset_options("piano", {}), 3, 0, 0, 0, 0, {"composer": ("Bach",)}, ()))
    assert (none["windows"], none["density"]["mean"], none["tempo"]["median"], none["velocity"]) == (
        0,
        None,
        None,
        None,
    )
    assert none["labels"] == {"composer": {"values": {"Bach": 0}, "unlabelled": 0}}
    silent = described(shard_of(noise(2, share=0)), dataset_options("piano", {}), {"composer": (), "genre": ()})
    assert (silent["silent"], silent["pitch_range"]["lowest"], sum(silent["note_frequency"])) == (2, None, 0)


def test_rare_metres_are_counted_together() -> None:
    shard = shard_of(noise(25, share=0.01))
    metre = np.stack([np.arange(1, 26), np.full(25, 4)], axis=1).astype(np.uint8)
    rare = Shard(shard.windows, shard.file, shard.start, shard.tempo, metre, shard.held_out, shard.labels[:, :0])
    found = described(rare, dataset_options("piano", {}))["metres"]
    assert (len(found), found["other"], sum(found.values())) == (21, 5, 25)
