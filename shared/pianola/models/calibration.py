"""Settings of what plays that are chosen when weights are: so that windows have as many notes as the data, as varied.

Both look at a few windows and go the same way every time, so that the same weights get the same settings.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pianola.models.conditions import Labels
from pianola.models.generator import Generator
from pianola.models.windows import PIXELS, Floats

# When matching a density: tries, the relative error that ends them, and the bounds of the threshold (0.05..0.95).
MOST_TRIES = 4
CLOSE_ENOUGH = 0.02
FARTHEST_LOGIT = 3.0
# Between these a temperature is chosen, after hearing two of them.
COOLEST, WARMEST = 0.75, 1.1
HEARD = (1.0, 0.8)
CLASSES = 12


def match_density(generator: Generator, z: Floats, labels: Labels | None, goal: float) -> float:
    """The threshold at which windows at z, of these labels, are about as dense as `goal`, their share of lit pixels.

    By the secant rule on the threshold's logit, always from 0.5, so that the same weights get the same threshold; a few
    tries, the best is taken.
    """
    logit, slope = 0.0, -0.5
    tried: list[tuple[float, float]] = []
    for _ in range(MOST_TRIES):
        density = float(generator.windows(z, _sigmoid(logit), labels).mean())
        excess = math.log(max(density, 1 / PIXELS) / max(goal, 1 / PIXELS))
        if tried and logit != tried[-1][0]:
            slope = min(-0.1, (excess - tried[-1][1]) / (logit - tried[-1][0]))
        tried.append((logit, excess))
        if abs(excess) < CLOSE_ENOUGH:
            break
        logit = min(max(logit - excess / slope, -FARTHEST_LOGIT), FARTHEST_LOGIT)
    return _sigmoid(min(tried, key=lambda one: abs(one[1]))[0])


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def match_temperature(generator: Generator, z: Floats, labels: Labels | None, goal: float) -> float:
    """The temperature at which windows at z, of these labels, are about as varied as `goal`: see `variety`.

    A model that has not learnt everything chooses pitches too evenly, and its windows stray from their key.
    """
    warm, cool = (variety(generator.tempered(heat).windows(z, 0.5, labels).sum(2)) for heat in HEARD)
    slope = (warm - cool) / (HEARD[0] - HEARD[1])
    if slope <= 0:
        return HEARD[0]
    return min(max(HEARD[0] + (goal - warm) / slope, COOLEST), WARMEST)


def variety(lit: np.ndarray[Any, np.dtype[Any]]) -> float:
    """Mean entropy, in nats, of the pitch classes of windows with lit [n, 96] pixels in each row; 0 for silent ones."""
    classes = lit.reshape(len(lit), -1, CLASSES).sum(1) + 1e-9
    shares = classes / classes.sum(1, keepdims=True)
    sounding = lit.any(1)
    return float((-(shares * np.log(shares)).sum(1) * sounding).mean())
