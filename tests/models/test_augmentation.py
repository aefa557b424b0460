import pytest
import torch

from pianola.models.augmentation import transpose

from .music import SCALE, batch, window


def test_windows_move_by_the_semitones_that_are_told() -> None:
    torch.manual_seed(0)
    scale = window(*SCALE)[None, None].expand(64, 1, 96, 96)
    moved, semitones = transpose(scale, 6, 5)
    assert set(semitones.tolist()) == set(range(-6, 6))
    for roll, shift in zip(moved, semitones.tolist(), strict=True):
        expected = window(*((pitch + shift, start, length) for pitch, start, length in SCALE))
        assert torch.equal(roll[0], expected)


def test_what_leaves_the_window_is_cut() -> None:
    torch.manual_seed(0)
    top = torch.zeros(32, 1, 96, 96)
    top[:, :, 0] = 1
    moved, semitones = transpose(top, 1, 1)
    for roll, shift in zip(moved, semitones.tolist(), strict=True):
        assert roll.sum() == (0 if shift == 1 else 96)


def test_no_room_to_move_is_no_movement() -> None:
    windows = batch(3)
    moved, semitones = transpose(windows, 0, 0)
    assert torch.equal(moved, windows)
    assert semitones.tolist() == [0, 0, 0]


def test_a_share_of_windows_stays() -> None:
    torch.manual_seed(0)
    _, semitones = transpose(torch.zeros(1000, 1, 96, 96), 12, 12, share=0.25)
    assert 0.2 < (semitones != 0).float().mean() < 0.3


def test_the_semitones_come_from_torchs_generator() -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(transpose(batch(16), 6, 5)[1].tolist())
    assert drawn[0] == drawn[1]


def test_gradients_go_back_to_where_a_pixel_came_from() -> None:
    torch.manual_seed(1)
    windows = batch(2).requires_grad_()
    moved, semitones = transpose(windows, 3, 0)
    torch.autograd.backward(moved.sum())
    assert windows.grad is not None
    for gradient, shift in zip(windows.grad, semitones.tolist(), strict=True):
        assert gradient.sum() == pytest.approx((96 + shift) * 96)
