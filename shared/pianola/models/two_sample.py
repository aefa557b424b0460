"""Can a classifier tell generated windows from the data's? Classifier two-sample tests (Lopez-Paz and Oquab, 2017).

Two networks look: one at the windows, one at their feature vectors. Each learns on one half of both sides and is asked
about the other half; 0.5 says that it cannot tell. Windows of one file should not be on both sides of such a test, so
the data's side is given in an order that keeps files together, and is cut in the middle: in one file at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pianola.evaluation.fidelity import Vectors, standardised
from pianola.models.device import on_cpu
from pianola.models.notes.decoder import Notes

Windows = NDArray[np.uint8]

BATCH: Final = 32
CONVOLUTION_EPOCHS: Final = 12
FEATURE_EPOCHS: Final = 60
LEARNING_RATE: Final = 1e-3
WEIGHT_DECAY: Final = 0.05
CLASSIFIERS: Final = {
    "convolution": "four convolutions on the windows' onsets and held steps",
    "features": "two hidden layers of 64 on the windows' feature vectors",
}
"""What looks, in words."""


class TooFewToTell(ValueError):
    """Sides too small to be halved and learnt from."""

    def __init__(self, found: int) -> None:
        super().__init__(f"{found} windows on a side: a two-sample test needs {2 * BATCH} at least")


@dataclass(frozen=True)
class Told:
    """Accuracies on the unseen halves, 0..1. `accuracy` is the better classifier's; sizes are windows of a side."""

    convolution: float
    features: float
    learnt_from: int
    asked_about: int
    seed: int

    @property
    def accuracy(self) -> float:
        """The better classifier's."""
        return max(self.convolution, self.features)

    def to_json(self) -> dict[str, Any]:
        """Every figure by name, with what the classifiers are."""
        return asdict(self) | {
            "accuracy": self.accuracy,
            "epochs": {"convolution": CONVOLUTION_EPOCHS, "features": FEATURE_EPOCHS},
        }


class WindowClassifier(nn.Sequential):
    """Onsets and held steps [n, 2, 96, 96] -> one logit: four convolutions, the last one's mean and largest values."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(2, 24, (5, 7), stride=2, padding=(2, 3)), nn.ReLU(),
            nn.Conv2d(24, 48, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.ReLU(),
            _MeanAndLargest(), nn.Dropout(0.3), nn.Linear(128, 1),
        )  # fmt: skip


class VectorClassifier(nn.Sequential):
    """Feature vectors [n, d] -> one logit: two hidden layers of 64."""

    def __init__(self, size: int) -> None:
        super().__init__(
            nn.Linear(size, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(64, 1),
        )  # fmt: skip


class _MeanAndLargest(nn.Module):
    def forward(self, planes: Tensor) -> Tensor:
        return torch.cat([planes.mean((2, 3)), planes.amax((2, 3))], 1)


@on_cpu()
def two_sample(
    one: Windows,
    other: Windows,
    one_vectors: Vectors,
    other_vectors: Vectors,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> Told:
    """Ask both classifiers about windows [n, 96, 96] and [m, 96, 96], given their vectors too; the same every time.

    The larger side is cut to the smaller one's size, evenly. Calls `check`, which may raise to end it, before each
    epoch. The last digits depend on torch's number of threads. Raises TooFewToTell.
    """
    size = min(len(one), len(other))
    if size < 2 * BATCH:
        raise TooFewToTell(size)
    half = size // 2
    picks = [np.linspace(0, len(side) - 1, size).round().astype(np.int64) for side in (one, other)]
    seen, unseen = ([pick[part] for pick in picks] for part in (slice(0, half), slice(half, size)))

    def planes(rows: list[NDArray[np.int64]]) -> Tensor:
        return torch.from_numpy(np.concatenate([one[rows[0]], other[rows[1]]])).float()[:, None]

    def vectors(rows: list[NDArray[np.int64]]) -> Tensor:
        both = np.concatenate([one_vectors[rows[0]], other_vectors[rows[1]]])
        known = np.concatenate([one_vectors[seen[0]], other_vectors[seen[1]]])
        return torch.from_numpy(standardised(both, known))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        by_window = _accuracy(WindowClassifier(), planes(seen), planes(unseen), CONVOLUTION_EPOCHS, check)
        torch.manual_seed(seed)
        by_vector = _accuracy(
            VectorClassifier(one_vectors.shape[1]), vectors(seen), vectors(unseen), FEATURE_EPOCHS, check
        )
    return Told(by_window, by_vector, half, size - half, seed)


def _accuracy(network: nn.Module, seen: Tensor, unseen: Tensor, epochs: int, check: Callable[[], None]) -> float:
    """Train on `seen`, whose first half is one side and whose second half is the other; accuracy on `unseen`."""
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    truth = _sides(len(seen))
    network.train()
    for _ in range(epochs):
        check()
        for rows in torch.split(torch.randperm(len(seen)), BATCH):
            loss = functional.binary_cross_entropy_with_logits(network(_input(seen[rows]))[:, 0], truth[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
            optimizer.step()
    network.eval()
    with torch.inference_mode():
        logits = torch.cat([network(_input(part))[:, 0] for part in torch.split(unseen, BATCH)])
    return float(((logits > 0) == (_sides(len(unseen)) > 0)).float().mean())


def _sides(count: int) -> Tensor:
    return (torch.arange(count) >= count // 2).float()


def _input(batch: Tensor) -> Tensor:
    """Windows as planes of onsets and held steps; vectors as they are."""
    if batch.ndim == 2:
        return batch
    notes = Notes.of(batch[:, 0])
    return torch.stack([notes.struck, notes.held], 1)
