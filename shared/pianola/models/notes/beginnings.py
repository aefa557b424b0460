"""Which positions music could have been played at that has begun already: the first half of going on from it.

A window's position says what it is like as a whole. Whoever goes on from half a window needs one at which that half is
likely: candidates are drawn where the data lies, and one of them is chosen with the probability that its likelihood of
the beginning has among all (sampling-importance-resampling: Rubin, 1987), so that the music that follows fits it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pianola.models.notes.decoder import NoteDecoder, Notes
from pianola.models.notes.native import Sizes
from pianola.models.windows import Floats, Windows

# Positions to choose from.
CANDIDATES = 32


class Beginnings:
    """How likely a NoteDecoder makes them, from its float32 tensors by name; it is made when it is first asked."""

    def __init__(self, sizes: Sizes, tensors: Mapping[str, Floats]) -> None:
        self._sizes, self._tensors = sizes, tensors

    @cached_property
    def _decoder(self) -> NoteDecoder:
        with torch.random.fork_rng(devices=[]):
            decoder = NoteDecoder(**self._sizes._asdict(), dropout=0.0)
        decoder.load_state_dict({name: torch.from_numpy(value) for name, value in self._tensors.items()})
        return decoder.eval()

    def choose(self, opening: Windows, z: Tensor, die: float) -> int:
        """Which of positions z [n, latent] a window that begins with `opening` [96, k] is to have, by a die in 0..1."""
        begun = Notes.of(torch.from_numpy(opening.astype(np.float32))[None])
        likelihood: np.ndarray[Any, np.dtype[np.float64]] = -self._decoder.nats_at(begun, z).double().numpy()
        sums = np.exp(likelihood - likelihood.max()).cumsum()
        return min(int((sums <= die * sums[-1]).sum()), len(sums) - 1)
