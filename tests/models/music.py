"""Tiny windows written as music: notes of (pitch, start, length) in steps."""

import numpy as np
import torch
from torch import Tensor

LOWEST_PITCH = 17

Note = tuple[int, int, int]

SCALE: tuple[Note, ...] = tuple((60 + pitch, 12 * beat, 11) for beat, pitch in enumerate((0, 2, 4, 5, 7, 9, 11, 12)))
CHORDS: tuple[Note, ...] = tuple((pitch, start, 20) for start in (0, 24, 48, 72) for pitch in (48, 64, 67))


def window(*notes: Note) -> Tensor:
    """A window [96, 96] of 0 and 1."""
    roll = torch.zeros(96, 96)
    for pitch, start, length in notes:
        roll[LOWEST_PITCH + 95 - pitch, start : start + length] = 1
    return roll


def batch(n: int) -> Tensor:
    """Windows [n, 1, 96, 96]: the scale and the chords in turn, each moved up a little."""
    rolls = [
        window(*((pitch + number % 5, start, length) for pitch, start, length in (SCALE, CHORDS)[number % 2]))
        for number in range(n)
    ]
    return torch.stack(rolls)[:, None]


def positions(n: int, size: int) -> np.ndarray:
    """Positions [n, size] in a latent space."""
    return np.random.default_rng(0).standard_normal((n, size)).astype(np.float32)
