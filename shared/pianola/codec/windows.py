"""The windows of one file as a build keeps them: 8 steps a byte, each with where it lies and what holds there."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pianola.codec.window import SIDE, Bytes

PACKED: Final = SIDE // 8
"""Bytes of a window's row."""


@dataclass(frozen=True)
class Velocities:
    """How loud the runs of lit steps are: for window i `values[ends[i - 1] : ends[i]]`, from 0 for the first window.

    values: uint8 [m], 1 to 127, for each run of a window in row-major order (row 0 first, then by step): the loudest
    strike at the step where the run begins on the file's roll, be that in this window or in one before.
    ends: int64 [n].
    """

    values: Bytes
    ends: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """The windows of one file, in the order of their first steps.

    lit: uint8 [n, 96, 12], 8 steps a byte, the first step is the highest bit. start: int32 [n], the first step, counted
    from the beginning of the file. tempo: float32 [n], quarter notes a minute at that step (120 unless the file says).
    metre: uint8 [n, 2], numerator and denominator of the time signature at that step (4, 4 unless the file says).
    velocity: None unless the options ask for it.
    """

    lit: Bytes
    start: npt.NDArray[np.int32]
    tempo: npt.NDArray[np.float32]
    metre: Bytes
    velocity: Velocities | None = None

    def __len__(self) -> int:
        return len(self.lit)


def no_windows(velocity: bool) -> Windows:
    """The windows of a file that has none; `velocity` says whether they would have velocities."""
    velocities = Velocities(np.zeros(0, np.uint8), np.zeros(0, np.int64)) if velocity else None
    lit, metre = np.zeros((0, SIDE, PACKED), np.uint8), np.zeros((0, 2), np.uint8)
    return Windows(lit, np.zeros(0, np.int32), np.zeros(0, np.float32), metre, velocities)


def pack(windows: Bytes) -> Bytes:
    """Windows [n, 96, 96], lit where not 0, as bits [n, 96, 12]; the first step is the highest bit."""
    return np.packbits(windows, axis=-1)


def unpack(packed: Bytes) -> Bytes:
    """Packed windows [n, 96, 12] as 0 and 1 [n, 96, 96]."""
    return np.unpackbits(packed, axis=-1)


def velocity_plane(windows: Bytes, velocities: Velocities) -> Bytes:
    """The second plane of windows [n, 96, 96] of 0 and 1: uint8 [n, 96, 96], a run's velocity where lit, 0 where dark.

    Raises ValueError when the windows have another number of runs than there are velocities.
    """
    begins = run_begins(windows).reshape(-1)
    runs = np.count_nonzero(begins)
    if runs != len(velocities.values):
        raise ValueError(
            f"the windows have {runs:,} runs of lit steps, and there are {len(velocities.values):,} values"
        )
    plane = np.zeros(windows.shape, np.uint8)
    lit = np.flatnonzero(windows)
    # Every lit cell belongs to the latest run that began.
    plane.reshape(-1)[lit] = velocities.values[np.cumsum(begins)[lit] - 1]
    return plane


def run_begins(windows: Bytes) -> npt.NDArray[np.bool_]:
    """Where on windows [n, 96, 96] a run of lit steps begins; one that is lit at a window's first step begins there."""
    begins: npt.NDArray[np.bool_] = windows != 0
    begins[..., 1:] &= windows[..., :-1] == 0
    return begins
