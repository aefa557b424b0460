"""From notes to a MIDI file: one track, 40 ticks a step, the same bytes for the same notes.

The very bytes that mido would write, in a sixth of its time: who asks for a window waits for it.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from pianola.codec.roll import Note
from pianola.codec.window import STEPS_PER_QUARTER

TICKS_PER_QUARTER: Final = 480
_TICKS_PER_STEP: Final = TICKS_PER_QUARTER // STEPS_PER_QUARTER
_LONGEST_NAME: Final = 200
_NOTE_OFF, _NOTE_ON, _PROGRAM_CHANGE = 0x80, 0x90, 0xC0
# Of a time signature: MIDI clocks in a click of the metronome, and 32nd notes in a quarter note, as always.
_CLOCKS_PER_CLICK, _THIRTY_SECONDS = 24, 8
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
    track = bytearray(_head(options))
    now, status = 0, _PROGRAM_CHANGE
    for step, strikes, pitch in sorted(_messages(notes)):
        ticks, now = (step - now) * _TICKS_PER_STEP, step
        kind, velocity = (_NOTE_ON, options.velocity) if strikes else (_NOTE_OFF, 0)
        if kind == status:  # running status: a kind that goes on is not said again
            track += bytes((*_variable_length(ticks), pitch, velocity))
        else:
            track += bytes((*_variable_length(ticks), kind, pitch, velocity))
            status = kind
    track += b"\0" + _meta(0x2F, b"")
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, TICKS_PER_QUARTER)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + track


def _head(options: MidiOptions) -> bytes:
    """What comes before the notes, all at tick 0."""
    tempo = round(60_000_000 / options.tempo)
    metre = bytes((options.numerator, options.denominator.bit_length() - 1, _CLOCKS_PER_CLICK, _THIRTY_SECONDS))
    return b"".join(
        b"\0" + event
        for event in (
            _meta(0x03, options.track_name.encode()),
            _meta(0x51, tempo.to_bytes(3, "big")),
            _meta(0x58, metre),
            bytes((_PROGRAM_CHANGE, options.program)),
        )
    )


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind, *_variable_length(len(data)))) + data


def _variable_length(number: int) -> bytes:
    """Seven bits a byte, the highest first; all but the last have the eighth bit set."""
    if number < 0x80:
        return bytes((number,))
    found = [number & 0x7F]
    while number := number >> 7:
        found.append(0x80 | number & 0x7F)
    return bytes(reversed(found))


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
