"""How much two distributions of a figure have in common."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_POINTS: Final = 512
_TAIL: Final = 3.0
"""Bandwidths that the grid goes beyond the values: there a Gaussian has all but 0.3 % of its mass behind it."""


def overlapped_area(one: Floats, other: Floats) -> float | None:
    """The area under both densities: 0 (nothing shared) to 1 (the same); None where a side has no value.

    integral of min(f, g), f and g Gaussian kernel estimates of the values [n] and [m] (NaN is left out), with one
    bandwidth, Scott's rule on the smaller side of the pooled values, and on one grid: mgeval (Yang and Lerch, 2020),
    which the measure comes from, evaluates the two on different grids, blind to a shift. Values that are all equal on
    both sides have an area of 1.
    """
    one, other = one[~np.isnan(one)], other[~np.isnan(other)]
    if not len(one) or not len(other):
        return None
    pooled = np.concatenate([one, other])
    spread = float(pooled.std())
    if spread == 0:
        return 1.0
    width = spread * min(len(one), len(other)) ** -0.2
    grid = np.linspace(pooled.min() - _TAIL * width, pooled.max() + _TAIL * width, _POINTS)
    shared = np.minimum(_density(one, grid, width), _density(other, grid, width))
    return min(1.0, float(np.trapezoid(shared, grid)))


def _density(values: Floats, grid: Floats, width: float) -> Floats:
    total = np.zeros(len(grid))
    # Many values are equal (a count, a share): each is spread out once.
    for value, times in zip(*np.unique(values, return_counts=True), strict=True):
        total += times * np.exp(-0.5 * ((grid - value) / width) ** 2)
    density: Floats = total / (len(values) * width * np.sqrt(2 * np.pi))
    return density


def shared_share(one: NDArray[np.int64], other: NDArray[np.int64]) -> float | None:
    """Sum over bins of min(p, q), p and q the two histograms as shares: 0 to 1; None where one is empty."""
    if not one.sum() or not other.sum():
        return None
    return float(np.minimum(one / one.sum(), other / other.sum()).sum())
