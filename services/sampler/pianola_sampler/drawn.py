"""What was drawn of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pianola_sampler.tasks import Positions, Rolls


@dataclass(frozen=True)
class Drawn:
    """Windows of a sample: their indices in it, positions z float32 [n, d], and rolls uint8 [n, 96, 96]."""

    family: str
    lowest_pitch: int
    threshold: float
    temperature: float | None
    indices: Sequence[int]
    z: Positions
    windows: Rolls
    joined: bool = False
    """Whether they are one music, put one after another."""

    def part(self, indices: Sequence[int]) -> Drawn:
        """Only the windows `indices`, of all; of a piece each as it is by itself."""
        places = list(indices)
        return replace(self, indices=indices, z=self.z[places], windows=self.windows[places], joined=False)
