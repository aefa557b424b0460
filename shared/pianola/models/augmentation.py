"""Moving training windows in pitch. What leaves the window is cut, never wrapped to the other side."""

from __future__ import annotations

import torch
from torch import Tensor


def transpose(batch: Tensor, down: int, up: int, share: float = 1.0) -> tuple[Tensor, Tensor]:
    """Move windows by a number of semitones each, at random from -down..up; `share` of them, the others stay.

    batch: [n, 1, 96, 96], row 0 the highest pitch. Returns the moved windows and their semitones, int64 [n]. Draws from
    torch's generator; differentiable in `batch`.
    """
    if down == up == 0:
        return batch, torch.zeros(len(batch), dtype=torch.int64)
    semitones = torch.randint(-down, up + 1, (len(batch),))
    if share < 1:
        semitones = semitones * (torch.rand(len(batch)) < share)
    rows = batch.shape[2]
    source = torch.arange(rows) + semitones[:, None]
    inside = ((source >= 0) & (source < rows))[:, None, :, None]
    index = source.clamp(0, rows - 1)[:, None, :, None].expand_as(batch)
    return batch.gather(2, index) * inside, semitones
