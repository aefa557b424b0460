"""What tempo and what time signature hold at a step of a file.

Their ticks become steps by rounding to the nearest, half to even, whatever the options say of notes: where notes drift,
bars do not.
"""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from pianola.codec.reader import Score
from pianola.codec.window import SIDE, Bytes, Integers, Mask, rounded_steps

_TEMPO = np.float32(120)
_METRE = np.array([4, 4], np.uint8)

Steps = npt.NDArray[np.int32]


def tempo_at(score: Score, start: Steps) -> npt.NDArray[np.float32]:
    """Quarter notes a minute at the steps `start` [n]: 120 unless the file says."""
    steps = rounded_steps(score.tempo_tick, score.ticks_per_quarter)
    return np.append(_TEMPO, score.tempo)[np.searchsorted(steps, start, side="right")]


def metre_at(score: Score, start: Steps) -> Bytes:
    """Numerator and denominator [n, 2] at the steps `start` [n]: 4, 4 unless the file says."""
    steps = rounded_steps(score.metre_tick, score.ticks_per_quarter)
    return np.vstack((_METRE, score.metre))[np.searchsorted(steps, start, side="right")]


def wholly_in(score: Score, start: Steps, total: int, metres: Collection[str]) -> Mask:
    """Which windows, beginning at the steps `start` [n], have one time signature throughout, and one of `metres`.

    A window's padding has no metre: what is said at the end of the music, step `total`, or later does not count.
    """
    steps = np.append(-1, rounded_steps(score.metre_tick, score.ticks_per_quarter))
    metre = np.vstack((_METRE, score.metre))
    # What is taken back at once never held; what says again what holds already changes nothing.
    holds = np.append(np.diff(steps) > 0, True)
    steps, metre = steps[holds], metre[holds]
    changes = np.append(True, (np.diff(metre.astype(np.int16), axis=0) != 0).any(axis=1))
    steps, metre = steps[changes], metre[changes]

    wanted = np.array([f"{numerator}/{denominator}" in metres for numerator, denominator in metre.tolist()])
    last: Integers = np.minimum(start + SIDE, total) - 1
    first_piece, last_piece = (np.searchsorted(steps, at, side="right") - 1 for at in (start, last))
    whole: Mask = (first_piece == last_piece) & wanted[first_piece]
    return whole
