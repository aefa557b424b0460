"""Where the data lies in a latent space: the mixture of the posteriors of training windows, which is what a VAE's
positions are really distributed as (the aggregated posterior: Makhzani et al., 2016; Tomczak and Welling, 2018).

A decoder has only ever seen positions near these. The standard normal distribution, and a Gaussian fitted to the
positions, also give such as lie between the places where music is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pianola.models.windows import Floats, noise_of

_PREFIX = "places."


@dataclass(frozen=True)
class Places:
    """Posteriors of m training windows.

    mean, deviation: float32 [m, latent]. label: int64 [m], of each window; None without conditions.
    """

    mean: Tensor
    deviation: Tensor
    label: Tensor | None

    def tensors(self) -> dict[str, Tensor]:
        """By name, for a checkpoint."""
        found = {"mean": self.mean, "deviation": self.deviation, "label": self.label}
        return {_PREFIX + name: value for name, value in found.items() if value is not None}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor]) -> Places | None:
        """What `tensors` gave; None where there are no places among these."""
        if _PREFIX + "mean" not in tensors:
            return None
        return cls(tensors[_PREFIX + "mean"], tensors[_PREFIX + "deviation"], tensors.get(_PREFIX + "label"))

    def draw(self, seed: int, index: int, label: int | None) -> Floats:
        """Position [latent] of window `index` of `seed`: near a window of the label, or near any where it has none."""
        rows = self._rows(label)
        noise = noise_of(seed, index)
        return self.near(int(rows[noise.integers(len(rows))]), noise)

    def around(self, home: Floats, reach: float, n: int, noise: np.random.Generator, label: int | None) -> Floats:
        """Positions [n, latent] near windows of the label, drawn from those whose means are nearest to `home`.

        reach: 0, none but the nearest, to 1, any; of m windows it is the m ** reach nearest.
        """
        rows = self._rows(label)
        distances = (self.mean[rows] - torch.from_numpy(home)).square().sum(1)
        nearest = rows[distances.argsort(stable=True)[: round(len(rows) ** reach)]]
        return np.stack([self.near(int(nearest[place]), noise) for place in noise.integers(len(nearest), size=n)])

    def _rows(self, label: int | None) -> Tensor:
        """The windows of the label; all where there are none."""
        rows = torch.arange(len(self.mean))
        if label is not None and self.label is not None and bool((self.label == label).any()):
            rows = rows[self.label == label]
        return rows

    def near(self, row: int, noise: np.random.Generator) -> Floats:
        """A position [latent] from the posterior of window `row`."""
        normal = noise.standard_normal(self.mean.shape[1]).astype(np.float32)
        position: Floats = self.mean[row].numpy() + self.deviation[row].numpy() * normal
        return position
