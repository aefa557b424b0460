"""The compiled half of the codec: see shared/native/codec and native.py."""

import numpy as np
import numpy.typing as npt

_Column = npt.NDArray[np.generic]
_Counts = tuple[int, int, int, int, int, int, int, int, int]

def read(
    data: bytes, tracks: bytes, most_notes: int, /
) -> tuple[tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes], int, int] | None:
    """The columns of walk.Events, tracks without end_of_track and tracks with bytes after it; None where faulty.

    tracks: int64 [n, 2], the bytes where each track's events begin and stop.
    """

def draw(
    messages: tuple[_Column, _Column, _Column, _Column, _Column, _Column],
    ticks_per_quarter: int,
    most_steps: int,
    delta: bool,
    by_track: bool,
    lowest_pitch: int,
    shortest: int,
    gap: bool,
    drop: bool,
    percussion: bool,
    hop: int,
    runs: bool,
    velocity: bool,
    /,
) -> tuple[tuple[bytes, bytes, bytes], bytes, _Counts] | None:
    """Windows, onsets' steps, runs of each window; velocities of the runs; the counts of drawing.Drawn. None: too long.

    messages: the columns tick, track, channel, pitch, strikes and velocity of a Score.
    """

def runs(lit: npt.NDArray[np.uint8], /) -> tuple[bytes, bytes, bytes, bytes]:
    """The columns of pianola.dataset.runs.Runs for packed windows [n, 96, 12], contiguous."""

def tally(lit: npt.NDArray[np.uint8], start: npt.NDArray[np.int32], /) -> bytes:
    """Counts of packed windows [n, 96, 12] and their first steps [n], both contiguous: Tally of native.h, as int64."""
