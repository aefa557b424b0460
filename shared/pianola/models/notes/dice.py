"""Dice: the numbers by which notes are written, one for every decision that writing can take.

They belong to a position, so that the same position writes the same window; and since a window can be told by the dice
that write it, two windows have others between them.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from pianola.codec.window import SIDE
from pianola.models.windows import Floats, Windows

# Notes that may be struck in one column.
MOST_STRUCK = 16

Dice = np.ndarray[Any, np.dtype[np.float64]]
"""[n, 96 steps, MOST_STRUCK notes, 2] in 0..1: the row that a step's next note is struck at, and how long it lasts."""


def dice_of(z: Floats) -> Dice:
    """Dice that belong to positions z [n, latent]: the same z writes the same window."""
    keys = (hashlib.blake2b(row.astype("<f4").tobytes(), digest_size=16).digest() for row in z)
    casts = [np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype="<u8"))) for key in keys]
    return np.stack([cast.random((SIDE, MOST_STRUCK, 2)) for cast in casts])


def dice_between(first: Dice, last: Dice, share: Dice) -> Dice:
    """Dice a share [n] of the way from `first` to `last`, [96, MOST_STRUCK, 2] each.

    As normal numbers they go along a circle (Shoemake's slerp, 1985, of what is at right angles), so that everywhere on
    the way they are as even as dice are.
    """
    import torch  # numpy has no inverse of the normal distribution

    ends = torch.special.ndtri(torch.from_numpy(np.stack([first, last]))).numpy()
    share = share[:, None, None, None]
    normal = np.cos(share * math.pi / 2) * ends[0] + np.sin(share * math.pi / 2) * ends[1]
    # The ends are taken as they are: there and back again, the last digits would differ.
    between = torch.special.ndtr(torch.from_numpy(normal)).numpy()
    return np.where(share == 0, first, np.where(share == 1, last, between))


def writable(windows: Windows) -> Windows:
    """The windows [n, 96, k] without notes that no dice write: of each column the highest MOST_STRUCK are left."""
    before = np.pad(windows, ((0, 0), (0, 0), (1, 0)))[:, :, :-1]
    struck = (windows == 1) & (before == 0)
    if struck.sum(1).max(initial=0) <= MOST_STRUCK:
        return windows
    # A note is as it was struck: one too many takes all its steps along.
    number = struck.cumsum(2)
    too_many = struck & (struck.cumsum(1) > MOST_STRUCK)
    latest = np.maximum.accumulate(np.where(struck, number, 0), 2)
    latest_out = np.maximum.accumulate(np.where(too_many, number, 0), 2)
    return np.where((latest == latest_out) & (latest > 0), 0, windows).astype(np.uint8)
