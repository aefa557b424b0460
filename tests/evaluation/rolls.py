"""Hand-made windows: `window((60, 0, 12), (64, 12, 24))` reads (pitch, start, length), in steps."""

import numpy as np
from numpy.typing import NDArray

LOWEST = 17


def window(*notes: tuple[int, int, int], lowest_pitch: int = LOWEST) -> NDArray[np.uint8]:
    roll = np.zeros((96, 96), np.uint8)
    for pitch, start, length in notes:
        roll[lowest_pitch + 95 - pitch, start : start + length] = 1
    return roll


def windows(*parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack(parts)
