"""Keys that notes are snapped to: every note moves to the nearest pitch of the key's scale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pianola.codec.roll import Note, decode_notes
from pianola.codec.window import SIDE
from pianola_sampler.tasks import Rolls

PATTERN: Final = "([A-G])([#b]?) (major|minor)"
"""How a key is written."""
_CLASSES: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS: Final = {"": 0, "#": 1, "b": -1}
# Of the major and of the natural minor scale.
_DEGREES: Final = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


class NotAKey(ValueError):
    """Words that name no key."""

    def __init__(self, words: str) -> None:
        super().__init__(f"{words!r} is no key: write one such as 'C major', 'F# minor' or 'Bb major'")


@dataclass(frozen=True)
class Key:
    """A key by its tonic, such as F#, and its mode, major or minor."""

    tonic: str
    mode: str

    @classmethod
    def of(cls, words: str) -> Key:
        """The key that `words` name. Raises NotAKey."""
        found = re.fullmatch(PATTERN, words)
        if found is None:
            raise NotAKey(words)
        return cls(found[1] + found[2], found[3])

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Its seven of 0..11; 0 is C."""
        tonic = _CLASSES[self.tonic[0]] + _ACCIDENTALS[self.tonic[1:]]
        return frozenset((tonic + degree) % 12 for degree in _DEGREES[self.mode])

    def nearest(self, pitch: int, lowest: int, highest: int) -> int:
        """The nearest pitch of the scale between two others; of two as near, the lower."""
        ours = (other for other in range(lowest, highest + 1) if other % 12 in self.pitch_classes)
        return min(ours, key=lambda other: (abs(other - pitch), other))


def snap(windows: Rolls, lowest_pitch: int, key: Key, joined: bool = False) -> Rolls:
    """Windows [n, 96, 96] with every note in the key; when a note is struck and how long it is stays, if it can.

    joined: they are one music, put one after another, and notes sound from one into the next.
    Where two notes come to lie on one pitch, the later ends the earlier with a dark step before it, as the codec draws
    notes that are struck again; two that begin together, or a step apart, are one.
    """
    highest = lowest_pitch + SIDE - 1
    moved = {pitch: key.nearest(pitch, lowest_pitch, highest) for pitch in range(lowest_pitch, highest + 1)}
    musics = [windows] if joined else [window[None] for window in windows]
    snapped = []
    for music in musics:
        target = np.zeros((SIDE, len(music) * SIDE), np.uint8)
        notes = [Note(moved[note.pitch], note.start, note.length) for note in decode_notes(music, lowest_pitch)]
        for note in _one_at_a_time(sorted(notes)):
            target[highest - note.pitch, note.start : note.start + note.length] = 1
        snapped.append(target.reshape(SIDE, len(music), SIDE).transpose(1, 0, 2))
    return np.concatenate(snapped) if snapped else windows


def _one_at_a_time(notes: Sequence[Note]) -> Iterator[Note]:
    """Notes by pitch, then start, none of which touches the next on its pitch."""
    last: Note | None = None
    for note in notes:
        if last is None or note.pitch != last.pitch:
            if last is not None:
                yield last
            last = note
        elif note.start - last.start < 2:
            end = max(last.start + last.length, note.start + note.length)
            last = Note(last.pitch, last.start, end - last.start)
        else:
            yield Note(last.pitch, last.start, min(last.length, note.start - 1 - last.start))
            last = note
    if last is not None:
        yield last
