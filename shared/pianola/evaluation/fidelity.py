"""Whether generated windows lie where the data's do, and everywhere where they do: in the space of feature vectors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

NEIGHBOURS: Final = 5
_FARTHEST: Final = 5.0
"""Standard deviations; one odd figure must not decide how far apart two windows are."""


class TooFewVectors(ValueError):
    """Sets too small to have neighbours in."""

    def __init__(self, found: int) -> None:
        super().__init__(f"{found} windows: at least {NEIGHBOURS + 1} are needed on each side")


@dataclass(frozen=True)
class Fidelity:
    """With balls around each window that reach to its 5th nearest neighbour of its own set:

    precision: share of generated windows in a ball of the data. recall: share of the data's windows in a generated
    ball (Kynkäänniemi et al., 2019). density: balls of the data that a generated window lies in, mean / 5, may be above
    1. coverage: share of the data's windows with a generated one in their ball (Naeem et al., 2020).
    """

    precision: float
    recall: float
    density: float
    coverage: float

    def to_json(self) -> dict[str, float]:
        """Every figure by name."""
        return asdict(self)


def standardised(vectors: Vectors, data: Vectors) -> Vectors:
    """Vectors [n, d] with each figure in standard deviations from its mean over `data` [m, d], at most 5."""
    mean, spread = data.mean(0, dtype=np.float64), data.std(0, dtype=np.float64)
    scaled = (vectors - mean) / np.where(spread > 0, spread, 1)
    clipped: Vectors = np.clip(scaled, -_FARTHEST, _FARTHEST).astype(np.float32)
    return clipped


def fidelity(generated: Vectors, data: Vectors) -> Fidelity:
    """Fidelity of `generated` [n, d] to `data` [m, d], both standardised by the data's; the larger set is cut to the
    smaller's size, evenly, since coverage and recall grow with the sizes. Raises TooFewVectors.

    Holds three matrices of n x n distances: 12 MB at 1,000 windows.
    """
    size = min(len(generated), len(data))
    if size <= NEIGHBOURS:
        raise TooFewVectors(size)
    fake, real = (standardised(_evenly(side, size), data) for side in (generated, data))
    of_real, of_fake = _reach(_squares(real, real)), _reach(_squares(fake, fake))
    apart = _squares(fake, real)
    within_real, within_fake = apart <= of_real[None], apart <= of_fake[:, None]
    return Fidelity(
        precision=float(within_real.any(1).mean()),
        recall=float(within_fake.any(0).mean()),
        density=float(within_real.sum(1).mean() / NEIGHBOURS),
        coverage=float(within_real.any(0).mean()),
    )


def _evenly(vectors: Vectors, size: int) -> Vectors:
    return vectors[np.linspace(0, len(vectors) - 1, size).round().astype(np.int64)]


def _squares(one: Vectors, other: Vectors) -> NDArray[np.float64]:
    """Squared distances [n, m]."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    squares: NDArray[np.float64] = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return squares.clip(min=0)


def _reach(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """To the 5th nearest of the others: column 0 of the sorted row is the window itself."""
    reach: NDArray[np.float64] = np.partition(squares, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    return reach
