"""Overlap of figures, fidelity in feature space, and distance to what was learned from."""

import numpy as np
import pytest

from pianola.evaluation.copying import nearest_distances
from pianola.evaluation.fidelity import TooFewVectors, fidelity, standardised
from pianola.evaluation.overlap import overlapped_area, shared_share

from .rolls import window, windows

RNG = np.random.default_rng(0)


def test_the_overlapped_area_of_two_normals_is_the_textbooks() -> None:
    one, other = RNG.normal(0, 1, 20_000), RNG.normal(1, 1, 20_000)
    assert overlapped_area(one, one) == pytest.approx(1, abs=0.01)
    # 2 Phi(-1/2); smoothing with the bandwidth widens both a little.
    assert overlapped_area(one, other) == pytest.approx(0.617, abs=0.02)


def test_the_overlapped_area_sees_a_shift() -> None:
    values = RNG.normal(0, 1, 500)
    assert overlapped_area(values, values + 100) == pytest.approx(0, abs=0.01)


def test_the_overlapped_area_of_odd_input() -> None:
    assert overlapped_area(np.array([3.0, 3.0]), np.array([3.0])) == 1
    assert overlapped_area(np.array([np.nan]), np.array([3.0])) is None
    assert overlapped_area(np.array([1.0, np.nan, 2.0]), np.array([1.0, 2.0])) == pytest.approx(1, abs=0.01)


def test_the_shared_share_of_histograms() -> None:
    assert shared_share(np.array([1, 1, 2]), np.array([2, 2, 0])) == pytest.approx(0.25 + 0.25)
    assert shared_share(np.array([0, 0]), np.array([1, 0])) is None


def test_fidelity_of_the_data_to_itself_and_to_another_draw() -> None:
    data, again = (RNG.normal(0, 1, (400, 8)).astype(np.float32) for _ in range(2))
    same = fidelity(data, data)
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    other = fidelity(again, data)
    assert other.coverage > 0.9
    # The expected value between draws of one distribution (Naeem et al., 2020).
    assert other.density == pytest.approx(1, abs=0.15)


def test_fidelity_tells_what_collapsed_and_what_is_elsewhere() -> None:
    data = RNG.normal(0, 1, (400, 8)).astype(np.float32)
    collapsed = fidelity(np.repeat(data[:1], 400, 0) + RNG.normal(0, 1e-3, (400, 8)).astype(np.float32), data)
    assert collapsed.precision == 1
    assert collapsed.coverage < 0.1
    assert collapsed.recall < 0.1
    elsewhere = fidelity(data + 50, data)
    assert (elsewhere.precision, elsewhere.density, elsewhere.coverage) == (0, 0, 0)


def test_fidelity_by_hand_on_a_line() -> None:
    data = np.arange(12, dtype=np.float32)[:, None]
    # Every point of the data at its place but the last two, which lie far out: beyond every ball, even cut at 5 sigma.
    generated = np.concatenate([data[:10], np.array([[1e6], [1e6]], np.float32)])
    found = fidelity(generated, data)
    assert found.precision == pytest.approx(10 / 12)
    assert found.coverage == 1


def test_a_figure_that_never_varies_counts_for_nothing() -> None:
    data = np.array([[1.0, 0.0], [1.0, 2.0]], np.float32)
    assert standardised(np.array([[1.0, 5.0]], np.float32), data).tolist() == [[0.0, 4.0]]


def test_too_few_windows_have_no_neighbours() -> None:
    with pytest.raises(TooFewVectors, match="5 windows"):
        fidelity(np.zeros((5, 3), np.float32), np.zeros((50, 3), np.float32))


def test_distance_to_the_nearest_training_window() -> None:
    training = windows(window((60, 0, 12)), window((72, 0, 12)))
    half = window((60, 0, 6))
    strange = window((20, 50, 6))
    found = nearest_distances(windows(training[1], half, strange), training)
    assert found.tolist() == pytest.approx([0, 0.5, 1])


def test_silence_is_a_copy_of_silence_only() -> None:
    empty, note = window(), window((60, 0, 12))
    assert nearest_distances(windows(empty, note), windows(empty)).tolist() == [0, 1]
    assert nearest_distances(windows(empty), windows(note)).tolist() == [1]
