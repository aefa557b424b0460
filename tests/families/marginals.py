"""The family `marginals`, whole: each pitch sounds as often as in the data, each step for itself.

It imports torch in one place: what it is given are tensors already, and what it plays needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pianola.codec.window import SIDE
from pianola.models.family import Facts, Family, Preset, RunOptions
from pianola.models.generator import Generator
from pianola.models.learner import Learner
from pianola.models.windows import Floats, Windows

if TYPE_CHECKING:
    from torch import Tensor

    from pianola.models.conditions import Batch

LEAST = 1e-4  # a share of 0 would hold a window for impossible

FAMILY = Family(
    name="marginals",
    summary="Each pitch as often as in the data, each step for itself",
    decides="validation_loss",
    presets=(
        Preset(
            family="marginals",
            name="default",
            summary="Nothing to choose",
            network=MappingProxyType({}),
            options=RunOptions(seconds=10.0, keep="best"),
            exact=True,  # it is told no labels
        ),
    ),
    learner=f"{__name__}:MarginalsLearner",
    generator=f"{__name__}:build_generator",
)


class MarginalsLearner(Learner[RunOptions]):
    """Counts."""

    trainees = ()

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self._lit, self._steps = np.zeros(SIDE), 0

    def step(self, batch: Tensor, progress: float, labels: Tensor | None = None) -> dict[str, float]:
        """See Learner."""
        self._lit += batch.sum((0, 1, 3)).double().cpu().numpy()
        self._steps += len(batch) * SIDE
        self.steps_taken += 1
        return {"train_loss": self._nats(batch)}

    @property
    def _shares(self) -> np.ndarray:
        shares: np.ndarray = np.clip(self._lit / max(self._steps, 1), LEAST, 1 - LEAST)
        return shares

    def _nats(self, windows: Tensor) -> float:
        """-log p, the mean over windows [n, 1, 96, 96]."""
        lit = windows.sum((0, 1, 3)).double().cpu().numpy() / len(windows)
        return float(-(lit * np.log(self._shares) + (SIDE - lit) * np.log(1 - self._shares)).sum())

    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """See Learner."""
        found = [(self._nats(windows), len(windows)) for windows, _ in batches]
        total = sum(count for _, count in found)
        return {"validation_loss": sum(nats * count for nats, count in found) / total} if total else {}

    def bound(self, batches: Iterable[Batch], draws: int) -> float:
        """See Learner: without positions it is the likelihood itself."""
        return self.validate(batches)["validation_loss"]

    def encode(self, batch: Tensor, labels: Tensor | None = None) -> None:
        """See Learner."""
        return

    def calibrate(self, batches: Iterable[Batch]) -> None:
        """See Learner: at 0.5 it is as dense as the data."""

    def generator_tensors(self) -> dict[str, Tensor]:
        """See Learner."""
        return self.tensors()

    def tensors(self) -> dict[str, Tensor]:
        """See Learner."""
        import torch

        return {"lit": torch.tensor(self._lit), "steps": torch.tensor(self._steps)}

    def adopt(self, tensors: Mapping[str, Tensor]) -> None:
        """See Learner: it goes on counting."""
        self._lit, self._steps = tensors["lit"].numpy().copy(), int(tensors["steps"])

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """See Learner."""
        super().restore(tensors, facts)
        self.adopt(tensors)


class MarginalsGenerator(Generator):
    """A position is one number, which seeds the dice of its window."""

    latent_size = 1

    def __init__(self, shares: np.ndarray, **identity: Any) -> None:
        super().__init__(**identity)
        self._shares = shares

    def draw(self, seed: int, index: int, label: int | None = None) -> Floats:
        """See Generator."""
        return np.random.default_rng((seed, index)).random(1, np.float32)

    def _windows(self, z: Floats, threshold: float, labels: Tensor | None) -> Windows:
        odds = self._shares / (1 - self._shares) * (1 - threshold) / threshold
        share = (odds / (1 + odds))[:, None]
        dice = [np.random.default_rng(int(one)).random((SIDE, SIDE)) for one in z.view(np.uint32)[:, 0]]
        return (np.stack(dice) < share).astype(np.uint8)


def build_generator(preset: str, tensors: Mapping[str, Tensor], facts: Facts, lowest_pitch: int) -> Generator:
    """See `pianola.models.registry.BuildGenerator`."""
    shares = np.clip(tensors["lit"].numpy() / max(int(tensors["steps"]), 1), LEAST, 1 - LEAST)
    return MarginalsGenerator(shares, family="marginals", preset=preset, lowest_pitch=lowest_pitch, facts=facts)
