import json
import math
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from pianola.evaluation.metrics import (
    BadLowestPitch,
    BadWindows,
    compare,
    count,
    largest_difference,
    note_frequency,
    total_difference,
)

from .rolls import window, windows

EMPTY = window()


def test_note_frequency_is_the_share_of_lit_steps_of_each_pitch() -> None:
    frequency = note_frequency(windows(window((60, 0, 12), (64, 12, 24)), window((60, 90, 4))), lowest_pitch=17)
    assert frequency.shape == (128,)
    assert frequency[60] == pytest.approx(16 / 40)
    assert frequency[64] == pytest.approx(24 / 40)
    assert np.flatnonzero(frequency).tolist() == [60, 64]
    assert frequency.sum() == pytest.approx(1)


def test_note_frequency_follows_the_lowest_pitch() -> None:
    lowest_row = windows(window((1, 0, 5), lowest_pitch=1))
    assert np.flatnonzero(note_frequency(lowest_row, lowest_pitch=1)).tolist() == [1]
    assert np.flatnonzero(note_frequency(lowest_row, lowest_pitch=17)).tolist() == [17]
    highest_row = windows(window((96, 0, 5), lowest_pitch=1))
    assert np.flatnonzero(note_frequency(highest_row, lowest_pitch=1)).tolist() == [96]


def test_note_frequency_of_silence_is_zero() -> None:
    assert not note_frequency(windows(EMPTY), lowest_pitch=17).any()


def test_differences_of_frequencies() -> None:
    one, other = np.zeros(128), np.zeros(128)
    one[[60, 62]] = 0.75, 0.25
    other[[60, 64]] = 0.5, 0.5
    assert largest_difference(one, other) == pytest.approx(0.5)
    assert total_difference(one, other) == pytest.approx(0.25 + 0.25 + 0.5)
    assert total_difference(one, one) == 0


def test_a_note_is_a_run_of_lit_steps_within_its_window() -> None:
    # Held to the last step, and lit again in the next window's first: two notes, since each window stands for itself.
    counts = count(windows(window((60, 90, 6), (60, 0, 2), (72, 10, 1)), window((60, 0, 1))))
    assert counts.notes == 4
    assert counts.notes_per_window == 2
    assert counts.pitches_used == 2
    assert counts.lit == 6 + 2 + 1 + 1


def test_neighbouring_pitches_are_notes_of_their_own() -> None:
    assert count(windows(window((60, 0, 96), (61, 0, 96)))).notes == 2


@pytest.mark.parametrize(("length", "share"), [(1, 0.0), (2, 0.0), (3, 1.0), (96, 1.0)])
def test_a_note_is_qualified_from_three_steps(length: int, share: float) -> None:
    assert count(windows(window((60, 0, length)))).qualified_share == share
    assert count(windows(window((60, 96 - length, length)))).qualified_share == share


def test_a_long_note_is_qualified_once_and_runs_are_not_joined() -> None:
    counts = count(windows(window((60, 0, 9), (60, 10, 2), (60, 13, 2), (62, 94, 2))))
    assert counts.qualified_share == 1 / 4


def test_empty_share_density_and_polyphony() -> None:
    chord = window((60, 0, 24), (64, 0, 24), (67, 0, 12), (72, 48, 12))
    counts = count(windows(EMPTY, chord, EMPTY, EMPTY))
    assert counts.empty_share == 0.75
    assert counts.density == (24 + 24 + 12 + 12) / (4 * 9216)
    # 36 steps sound; only in the first 12 of them are there more than two pitches.
    assert counts.polyphony == 72 / 36
    assert counts.polyphonic_share == 12 / (4 * 96)


def test_what_silence_leaves_undefined_is_none() -> None:
    counts = count(windows(EMPTY))
    assert counts.qualified_share is None
    assert counts.polyphony is None
    assert counts.constant_nats == 0
    assert counts.pitch_nats == 0


def test_nats_of_the_best_constant_and_the_best_prediction_by_pitch() -> None:
    # Half of one row lit: 48 of 9216 pixels, and by pitch one row of 96 coin tosses.
    counts = count(windows(window((60, 0, 48))))
    p = 48 / 9216
    assert counts.constant_nats == pytest.approx(-9216 * (p * math.log(p) + (1 - p) * math.log(1 - p)))
    assert counts.pitch_nats == pytest.approx(96 * math.log(2))
    full_row = count(windows(window((60, 0, 96))))
    assert full_row.pitch_nats == pytest.approx(0)


def test_everything_lit() -> None:
    counts = count(np.ones((2, 96, 96), np.uint8))
    assert (counts.notes, counts.density, counts.polyphony, counts.pitches_used) == (192, 1.0, 96.0, 96)


def random_windows(number: int, seed: int) -> NDArray[np.uint8]:
    """Runs of random length, so that notes of one, two and more steps occur."""
    generator = np.random.default_rng(seed)
    return np.repeat(generator.random((number, 96, 48)) < 0.1, 2, axis=2).astype(np.uint8) & (
        generator.random((number, 96, 96)) < 0.8
    )


def test_counts_agree_with_a_plain_loop() -> None:
    batch = random_windows(3, seed=1)
    notes = qualified = 0
    for row in batch.reshape(-1, 96):
        for run in "".join(map(str, row)).split("0"):
            notes += len(run) > 0
            qualified += len(run) >= 3
    counts = count(batch)
    assert qualified > 20
    assert (counts.notes, counts.qualified_notes) == (notes, qualified)
    assert counts.notes_by_row.sum() == notes


def test_batches_and_types_make_no_difference() -> None:
    batch = random_windows(700, seed=2)
    whole = count(batch).to_json()
    assert count(batch[i : i + 33] for i in range(0, 700, 33)).to_json() == whole
    assert count([batch[:1], batch[1:]]).to_json() == whole
    assert count(batch.astype(bool)).to_json() == whole
    assert count(batch.astype(np.float32)).to_json() == whole
    assert (count(batch[:300]) + count(batch[300:])).to_json() == whole


def test_memory_is_bounded_by_a_batch_not_by_the_number_of_windows() -> None:
    # 4,096 windows are 38 MB as uint8; a pass over the whole at once would hold several copies of that.
    many = np.broadcast_to(random_windows(1, seed=3), (4096, 96, 96))
    tracemalloc.start()
    count(many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 25_000_000


def test_compare_reports_both_sides_in_json() -> None:
    data = windows(window((60, 0, 12), (64, 0, 12)), window((67, 0, 24)))
    generated = windows(window((60, 0, 36), (62, 0, 12)), EMPTY)
    report = compare(generated, data, lowest_pitch=17)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["generated"]["empty_share"] == 0.5
    assert report["data"]["notes_per_window"] == 1.5
    assert report["note_frequency"]["generated"][60] == 0.75
    assert report["note_frequency"]["data"][67] == 0.5
    assert report["largest_difference"] == 0.5
    assert report["total_difference"] == pytest.approx(0.5 + 0.25 + 0.25 + 0.5)
    assert report["pitches_missing"] == [64, 67]
    assert report["pitches_foreign"] == [62]
    # 60 and 67 both differ by 0.5; the lowest of them is named.
    assert report["largest_difference_pitch"] == 60


def test_compare_of_a_silent_model() -> None:
    report = compare(windows(EMPTY), windows(window((60, 0, 12))), lowest_pitch=17)
    json.dumps(report, allow_nan=False)
    assert report["total_difference"] == 1
    assert report["generated"]["qualified_share"] is None


def test_compare_of_data_with_itself_is_zero() -> None:
    data = random_windows(10, seed=4)
    report = compare(data, data, lowest_pitch=1)
    assert (report["largest_difference"], report["total_difference"]) == (0, 0)
    assert report["generated"] == report["data"]


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (np.zeros((96, 96), np.uint8), r"shape \[96, 96\]"),
        (np.zeros((2, 1, 96, 96), np.uint8), r"shape \[2, 1, 96, 96\]"),
        (np.zeros((0, 96, 96), np.uint8), "no window"),
        ([], "no window"),
        (np.full((1, 96, 96), 255, np.uint8), "the value 255"),
        (np.full((1, 96, 96), 0.5), "the value 0.5"),
        (np.full((1, 96, 96), np.nan), "the value nan"),
    ],
)
def test_windows_that_cannot_be_counted(bad: NDArray[np.uint8], found: str) -> None:
    with pytest.raises(BadWindows, match=found):
        count(bad)


@pytest.mark.parametrize("lowest", [-1, 33])
def test_rows_outside_midi_are_refused(lowest: int) -> None:
    with pytest.raises(BadLowestPitch, match=str(lowest)):
        note_frequency(windows(EMPTY), lowest)
