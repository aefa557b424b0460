"""Playing by pixels, as the thesis's networks do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pianola.models.generator import Generator
from pianola.models.windows import Floats, Windows, noise_of


class PixelGenerator(Generator):
    """Plays by painting: a network gives every pixel its logit, and a threshold decides."""

    def __init__(self, network: nn.Module, latent_size: int, reach: float | None, **identity: Any) -> None:
        """reach: positions are drawn evenly from -reach..reach; None: from the standard normal distribution."""
        super().__init__(**identity)
        self.latent_size = latent_size
        self._network = network.eval()
        self._reach = reach

    def draw(self, seed: int, index: int, label: int | None = None) -> Floats:
        """See Generator."""
        noise = noise_of(seed, index)
        if self._reach is None:
            return noise.standard_normal(self.latent_size).astype(np.float32)
        return noise.uniform(-self._reach, self._reach, self.latent_size).astype(np.float32)

    def _windows(self, z: Floats, threshold: float, labels: Tensor | None) -> Windows:
        limit = math.log(threshold / (1 - threshold))
        # One by one: in a batch, a pixel's last bits would depend on the size of the batch.
        lit = [self._network(torch.from_numpy(row)[None])[0, 0] > limit for row in z]
        return torch.stack(lit).numpy().astype(np.uint8)
