"""Other ways from MIDI files to windows [n, 96, 96], each as its documentation suggests, with the same rows and steps.

What they do with odd files differs (pairing of notes, percussion, notes without an end); here only their speed counts.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import peer

Bytes = npt.NDArray[np.uint8]

Reader = Callable[[Path], Bytes]

INSTALL = ".venv/bin/pip install -c constraints.txt -r bench/requirements.txt"
STEPS_PER_QUARTER = 12
SIDE = 96
LOWEST = 17


def _mido_loop() -> Reader:
    loop = peer("mido_loop")
    return lambda file: loop.windows(loop.song_roll(file))


def _pypianoroll() -> Reader:
    import pypianoroll

    def windows(file: Path) -> Bytes:
        music = pypianoroll.read(file, resolution=STEPS_PER_QUARTER)
        return _cut(music.blend("any").T)

    return windows


def _symusic() -> Reader:
    import symusic

    def windows(file: Path) -> Bytes:
        score: Any = symusic.Score(file)  # its stub does not know what it has
        tracks = [track.notes.numpy() for track in score.tracks if not track.is_drum and len(track.notes)]
        if not tracks:
            return np.zeros((0, SIDE, SIDE), np.uint8)
        time, duration, pitch = (
            np.concatenate([track[name] for track in tracks]).astype(np.int64) for name in ("time", "duration", "pitch")
        )
        begins, ends = (
            np.rint(ticks * STEPS_PER_QUARTER / score.ticks_per_quarter).astype(np.int64)
            for ticks in (time, time + duration)
        )
        ends = np.maximum(ends, begins + 1)
        roll = np.zeros((128, int(ends.max())), np.uint8)
        # A slice a note: faster than counting up and down over the whole area, for as long as nobody sends long notes.
        for row, begin, end in zip(pitch.tolist(), begins.tolist(), ends.tolist(), strict=True):
            roll[row, begin:end] = 1
        return _cut(roll)

    return windows


def _cut(roll: npt.NDArray[np.generic]) -> Bytes:
    """Whole windows of a roll [128 pitches, steps]."""
    count = roll.shape[1] // SIDE
    rows = roll[LOWEST : LOWEST + SIDE, : count * SIDE][::-1].astype(np.uint8)
    return rows.reshape(SIDE, count, SIDE).transpose(1, 0, 2)


RIVALS: dict[str, Callable[[], Reader]] = {
    "mido_loop": _mido_loop,
    "pypianoroll": _pypianoroll,
    "symusic": _symusic,
}
"""Name -> a function that loads the rival and returns what takes a file and gives its windows."""


def installed() -> list[str]:
    """The rivals that are here; says how to get those that are not."""
    missing = [name for name in ("pypianoroll", "symusic") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"left out, as not installed: {', '.join(missing)}. To install: {INSTALL}")
    return [name for name in RIVALS if name not in missing]
