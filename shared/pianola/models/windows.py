"""Windows and positions as models have them."""

from typing import Any

import numpy as np

from pianola.codec.window import SIDE

PIXELS = SIDE * SIDE

Floats = np.ndarray[Any, np.dtype[np.float32]]
Windows = np.ndarray[Any, np.dtype[np.uint8]]


def noise_of(seed: int, index: int) -> np.random.Generator:
    """Random numbers that belong to window `index` of `seed`, whatever was drawn before (Philox is counter-based)."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))
