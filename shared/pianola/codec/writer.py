"""From notes to a MIDI file, written by mido: one track, 40 ticks a step, the same bytes for the same notes."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import mido

from pianola.codec.roll import Note
from pianola.codec.window import STEPS_PER_QUARTER

TICKS_PER_QUARTER: Final = 480
_TICKS_PER_STEP: Final = TICKS_PER_QUARTER // STEPS_PER_QUARTER
_LONGEST_NAME: Final = 200
# A tempo is written as microseconds in a quarter note, in 3 bytes: slower than 3.6 does not fit.
_SLOWEST, _FASTEST = 4.0, 1000.0


class BadMidiOptions(ValueError):
    """An option that a MIDI file cannot hold."""

    def __init__(self, field: str, value: object, message: str) -> None:
        super().__init__(f"{field}: {value!r} is not {message}")
        self.field = field
        self.value = value
        self.message = message


class BadNote(ValueError):
    """A note that a MIDI file cannot hold."""

    def __init__(self, note: Note) -> None:
        super().__init__(f"{note}: pitch must be 0 to 127, start at least 0, length at least 1")
        self.note = note


@dataclass(frozen=True)
class MidiOptions:
    """What a MIDI file says besides its notes. tempo: quarter notes a minute. program: 0 is a grand piano.

    Raises BadMidiOptions(field, value, message).
    """

    tempo: float = 120
    numerator: int = 4
    denominator: int = 4
    program: int = 0
    track_name: str = "Pianola"
    velocity: int = 80

    def __post_init__(self) -> None:
        self._require("tempo", _SLOWEST <= self.tempo <= _FASTEST, f"{_SLOWEST:g} to {_FASTEST:g} beats a minute")
        self._require("numerator", 1 <= self.numerator <= 255, "1 to 255")
        self._require("denominator", self.denominator in (1, 2, 4, 8, 16, 32, 64), "1, 2, 4, 8, 16, 32 or 64")
        self._require("program", 0 <= self.program <= 127, "0 to 127")
        self._require("track_name", len(self.track_name) <= _LONGEST_NAME, f"{_LONGEST_NAME} characters or less")
        self._require("velocity", 1 <= self.velocity <= 127, "1 to 127")

    def _require(self, field: str, holds: bool, message: str) -> None:
        if not holds:
            raise BadMidiOptions(field, getattr(self, field), message)


def write_midi(notes: Sequence[Note], options: MidiOptions = MidiOptions()) -> bytes:
    """A type 0 MIDI file of the notes in any order, with track name, tempo, time signature and program.

    A note is cut where the next one of its pitch begins. Raises BadNote.
    """
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=options.track_name, time=0))
    track.append(mido.MetaMessage("set_tempo", tempo=round(60_000_000 / options.tempo), time=0))
    track.append(
        mido.MetaMessage("time_signature", numerator=options.numerator, denominator=options.denominator, time=0)
    )
    track.append(mido.Message("program_change", channel=0, program=options.program, time=0))
    now = 0
    for step, strikes, pitch in sorted(_messages(notes)):
        kind, velocity = ("note_on", options.velocity) if strikes else ("note_off", 0)
        ticks = (step - now) * _TICKS_PER_STEP
        track.append(mido.Message(kind, channel=0, note=pitch, velocity=velocity, time=ticks))
        now = step
    track.append(mido.MetaMessage("end_of_track", time=0))
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8")
    file.tracks.append(track)
    stream = io.BytesIO()
    file.save(file=stream)
    return stream.getvalue()


def _messages(notes: Sequence[Note]) -> Iterator[tuple[int, bool, int]]:
    """Step, whether it strikes, pitch: sorted, what ends at a step comes before what begins there."""
    ordered = sorted(notes)
    for note, following in zip_longest(ordered, ordered[1:]):
        if not (0 <= note.pitch <= 127 and note.start >= 0 and note.length >= 1):
            raise BadNote(note)
        end = note.start + note.length
        if following and following.pitch == note.pitch:
            end = min(end, following.start)
        if end > note.start:
            yield note.start, True, note.pitch
            yield end, False, note.pitch
