import numpy as np
import pytest
import torch

from pianola.codec.window import Bytes
from pianola.evaluation.features import features
from pianola.models.two_sample import Told, TooFewToTell, two_sample


def melodies(count: int, length: int, seed: int) -> Bytes:
    """Windows of 12 notes of `length` steps each, at random."""
    rng = np.random.default_rng(seed)
    windows = np.zeros((count, 96, 96), np.uint8)
    for window in windows:
        for row, start in zip(rng.integers(30, 60, 12), rng.integers(0, 24, 12) * 4, strict=True):
            window[row, start : start + length] = 1
    return windows


def told(one: Bytes, other: Bytes) -> Told:
    return two_sample(one, other, features(one, 17).vectors, features(other, 17).vectors, seed=1)


@pytest.mark.slow
def test_two_draws_of_one_kind_of_music_cannot_be_told_apart() -> None:
    found = told(melodies(240, 4, seed=1), melodies(240, 4, seed=2))
    # 240 answers of a coin stay within 0.1 of 0.5 in 99.8 of 100 cases.
    assert found.convolution == pytest.approx(0.5, abs=0.1)
    assert found.features == pytest.approx(0.5, abs=0.1)
    assert (found.learnt_from, found.asked_about) == (120, 120)


@pytest.mark.slow
def test_shorter_notes_give_themselves_away_to_both() -> None:
    found = told(melodies(240, 4, seed=1), melodies(240, 3, seed=2))
    assert found.convolution > 0.9
    assert found.features > 0.9
    assert found.accuracy == max(found.convolution, found.features)


@pytest.mark.slow
def test_the_answer_is_the_same_every_time_and_leaves_torchs_generator_alone() -> None:
    one, other = melodies(80, 4, seed=1), melodies(100, 4, seed=2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert told(one, other) == told(one, other)
    assert (torch.get_rng_state() == before).all()


def test_too_few_windows_are_refused() -> None:
    with pytest.raises(TooFewToTell, match="63 windows"):
        told(melodies(63, 4, seed=1), melodies(100, 4, seed=2))
