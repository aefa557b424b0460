"""The largest files that are still within the limits."""

from collections.abc import Callable
from typing import Final

from pianola.codec.reader import LIMITS

from .music import midi, off, on, wait

ROWS: Final = range(17, 113)


def _everywhere() -> bytes:
    """As many notes as are read, each a step long, on all rows at once and from the first step to the last."""
    chords = LIMITS.notes // len(ROWS)
    apart = LIMITS.steps // chords
    silenced = [on(1, ROWS[0], velocity=0), *(on(0, pitch, velocity=0) for pitch in ROWS[1:])]
    chord = [on(0, pitch) for pitch in ROWS] + silenced
    # What is left of the steps after so many chords, in one note.
    last = [on(0, ROWS[0]), off(LIMITS.steps - chords * apart, ROWS[0])]
    return midi([*[*chord, wait(apart - 1)] * chords, *last])


def _held(tracks: int) -> list[bytes]:
    """A note on every row for as long as may be."""
    return [*(on(0, pitch) for pitch in ROWS), off(LIMITS.steps, 17), *(off(0, pitch) for pitch in ROWS[1:])] * tracks


WORST: Final[dict[str, Callable[[], bytes]]] = {
    "as many notes as can be, everywhere": _everywhere,
    "every row lit to the limit": lambda: midi(_held(1)),
    "256 tracks": lambda: midi(*[_held(1)] * LIMITS.tracks),
}
