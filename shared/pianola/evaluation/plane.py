"""A flat map of latent positions, there and back: where windows lie on it, and which position a point of it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEIGHBOURS: Final = 4
"""Windows that say what a point of the map leaves open."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the space of positions [d].

    middle: float64 [d], the position that point (0, 0) means. axes: float64 [d, 2], one unit of x and one of y, at
    right angles. names: of both axes. shares: of the positions' variance along each; what is missing of 1 is not seen.
    """

    middle: Floats
    axes: Floats
    names: tuple[str, str]
    shares: tuple[float, float]

    @classmethod
    def of(cls, positions: NDArray[Any]) -> Plane:
        """The plane on which positions [n, d] lie widest apart: their first two principal components (Pearson, 1901).

        Of d = 2 it is the latent space itself, of d = 1 its only axis.
        """
        exact = positions.astype(np.float64)
        dimensions = exact.shape[1]
        centred = exact - exact.mean(axis=0)
        if dimensions <= 2:
            shares = _shares((centred**2).sum(axis=0))
            names = ("latent axis 1", "latent axis 2" if dimensions == 2 else "")
            return cls(np.zeros(dimensions), np.eye(dimensions, 2), names, (shares[0], sum(shares[1:])))
        variances, directions = np.linalg.eigh(centred.T @ centred)
        first_two = directions[:, [-1, -2]]
        # An eigenvector's sign is arbitrary: make its largest entry positive, so that the picture does not flip.
        largest = np.abs(first_two).argmax(axis=0)
        first_two = first_two * np.sign(first_two[largest, [0, 1]])
        shares = _shares(variances)[:-3:-1]
        first, second = (f"principal component {i + 1} ({share:.0%} of variance)" for i, share in enumerate(shares))
        return cls(exact.mean(axis=0), first_two, (first, second), (shares[0], shares[1]))

    def points(self, positions: NDArray[Any]) -> Floats:
        """Where positions [n, d] lie on the map, [n, 2]."""
        found: Floats = (positions.astype(np.float64) - self.middle) @ self.axes
        return found

    def positions(self, points: NDArray[Any], known: NDArray[Any]) -> Floats:
        """Positions [m, d] that points [m, 2] mean; known ones [n, d], n at least 1, say what the map leaves open.

        A point lies on the plane; off it, it is where the NEIGHBOURS nearest on the map are, each weighted by one over
        its squared distance there (Shepard, 1968), and as far off as they are on average: their mean alone would lie
        nearer to the plane than any of them. The point of a known position means that position.
        """
        points, known = points.astype(np.float64), known.astype(np.float64)
        flat = self.points(known)
        on_plane, off_plane = self._on_plane(points), known - self._on_plane(flat)
        distances = ((points[:, None] - flat[None]) ** 2).sum(2)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]
        weights = 1 / np.maximum(np.take_along_axis(distances, nearest, 1), np.finfo(np.float64).tiny)
        # Divided by the largest first: the sum of several that are nearly infinite would be infinite.
        weights /= weights.max(axis=1, keepdims=True)
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (weights[..., None] * off_plane[nearest]).sum(1)
        distance = (weights * np.linalg.norm(off_plane[nearest], axis=2)).sum(1)
        short = np.linalg.norm(mean, axis=1)
        stretched = np.divide(distance, short, out=np.ones_like(short), where=short > 0)
        found: Floats = on_plane + mean * stretched[:, None]
        return found

    def _on_plane(self, points: Floats) -> Floats:
        found: Floats = self.middle + points @ self.axes.T
        return found


def _shares(variances: Floats) -> list[float]:
    shares: list[float] = (variances / max(float(variances.sum()), np.finfo(np.float64).tiny)).tolist()
    return shares
