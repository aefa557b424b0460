import math

import numpy as np
import pytest

from pianola.evaluation.features import features
from pianola.evaluation.metrics import BadWindows

from .rolls import LOWEST, window, windows

EMPTY = window()


def figure(name: str, *notes: tuple[int, int, int]) -> float:
    return float(features(windows(window(*notes)), LOWEST).figures[name][0])


def test_figures_of_a_window_with_known_answers() -> None:
    chord_then_note = ((60, 0, 12), (64, 0, 12), (67, 12, 2))
    assert figure("notes", *chord_then_note) == 3
    assert figure("polyphony", *chord_then_note) == pytest.approx(26 / 14)
    assert figure("qualified", *chord_then_note) == pytest.approx(2 / 3)
    assert figure("length", *chord_then_note) == pytest.approx(26 / 3)


def test_pitch_class_entropy_folds_octaves_and_knows_twelve_classes() -> None:
    assert figure("pitch_class_entropy", (48, 0, 4), (60, 8, 4), (72, 30, 9)) == 0
    assert figure("pitch_class_entropy", *((60 + i, 8 * i, 4) for i in range(12))) == pytest.approx(math.log(12))
    assert figure("pitch_class_entropy", (60, 0, 30), (61, 0, 10)) == pytest.approx(
        -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    )


def test_self_similarity_is_1_for_one_beat_eight_times_and_0_for_beats_that_share_nothing() -> None:
    assert figure("self_similarity", *((60, 12 * beat, 6) for beat in range(8))) == pytest.approx(1)
    assert figure("self_similarity", *((60 + beat, 12 * beat, 6) for beat in range(8))) == 0
    # Two equal beats of eight, the others silent: one pair of 28.
    assert figure("self_similarity", (60, 0, 6), (60, 48, 6)) == pytest.approx(1 / 28)


def test_silence_has_no_notes_and_leaves_the_rest_undefined() -> None:
    found = features(windows(EMPTY, window((60, 0, 12))), LOWEST).figures
    assert found["notes"].tolist() == [0, 1]
    for name in ("polyphony", "qualified", "length", "pitch_class_entropy"):
        assert np.isnan(found[name]).tolist() == [True, False]
    assert found["self_similarity"][0] == 0


def test_lengths_and_onset_positions_are_counted_over_all_windows() -> None:
    found = features(windows(window((60, 0, 3), (62, 13, 96 - 13)), window((60, 24, 3))), LOWEST)
    assert np.flatnonzero(found.lengths).tolist() == [2, 82]
    assert found.lengths[2] == 2
    assert found.onset_positions.tolist() == [2, 1, *[0] * 10]


def test_a_vector_is_a_windows_own_and_tells_what_differs() -> None:
    one, other = window((60, 0, 12), (64, 12, 12), (60, 24, 12)), window((60, 0, 12), (60, 13, 12))
    found = features(windows(one, other, one, EMPTY), LOWEST).vectors
    assert found.shape == (4, 115)
    assert np.isfinite(found).all()
    assert (found[0] == found[2]).all()
    assert (found[0] != found[1]).sum() > 4
    leaps = found[0, 24 + 12 + 24 + 8 + 7 + 12 : 24 + 12 + 24 + 8 + 7 + 12 + 25]
    assert np.flatnonzero(leaps).tolist() == [12 - 4, 12 + 4]


def test_batches_make_no_difference() -> None:
    lit = (np.random.default_rng(0).random((600, 96, 96)) < 0.02).astype(np.uint8)
    whole, parts = features(lit, LOWEST), features(iter([lit[:250], lit[250:]]), LOWEST)
    assert len(whole) == 600
    assert (whole.vectors == parts.vectors).all()
    assert (whole.lengths == parts.lengths).all()


def test_no_windows_are_refused() -> None:
    with pytest.raises(BadWindows, match="no window"):
        features(np.zeros((0, 96, 96), np.uint8), LOWEST)
