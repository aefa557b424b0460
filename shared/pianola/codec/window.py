"""The shape of a window, its unit of time, and the kinds of arrays the codec works with."""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

STEPS_PER_QUARTER: Final = 12
"""Steps in a quarter note: the time unit of every roll."""
SIDE: Final = 96
"""Pitches of a window, and its steps: 8 quarter notes."""

Bytes: TypeAlias = npt.NDArray[np.uint8]
Integers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]


def rounded_steps(ticks: Integers, ticks_per_quarter: int) -> Integers:
    """Ticks as steps, half to even, in integers: no tie is decided by a float's last bit."""
    scaled = ticks * STEPS_PER_QUARTER
    whole = scaled // ticks_per_quarter
    rest = scaled - whole * ticks_per_quarter
    # Up from more than a half; from a half itself where that makes the steps even.
    return whole + (2 * rest + (whole & 1) > ticks_per_quarter)
