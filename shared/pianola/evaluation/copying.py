"""Whether a model copies: how near its windows are to those it learned from, beside windows that it never saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pianola.evaluation.metrics import Windows, batches_of

Floats = NDArray[np.float32]


def nearest_distances(windows: Windows, training: Windows) -> Floats:
    """Distance of each window [n] to the nearest of `training`: 1 - lit in both / lit in either.

    Jaccard's distance of the two sets of lit pixels: 0 (the same window) to 1 (no pixel in common); two empty windows
    are the same. Both sides are taken some hundred windows at a time. Raises BadWindows.
    """
    ours = [_flat(batch) for batch in batches_of(windows)]
    best = [np.ones(len(batch), np.float32) for batch in ours]
    for theirs in map(_flat, batches_of(training)):
        for nearest, batch in zip(best, ours, strict=True):
            np.minimum(nearest, _jaccard(batch, theirs).min(1), out=nearest)
    return np.concatenate(best)


def _flat(lit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return lit.reshape(len(lit), -1)


def _jaccard(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Floats:
    """Distances [n, m] of flat windows [n, 9216] and [m, 9216]."""
    both = one.astype(np.float32) @ other.astype(np.float32).T
    either = one.sum(1, dtype=np.float32)[:, None] + other.sum(1, dtype=np.float32)[None] - both
    distances: Floats = 1 - np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return distances
