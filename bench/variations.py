"""Any number of different MIDI files from a few real ones: each transposed, retimed and trimmed by a seeded chance."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_HEAD = 8
_DIVISION_AT = 12
_END_OF_TRACK = b"\0\xff\x2f\0"
_MOST_SEMITONES = 6
_LEAST_KEPT = 0.5


@dataclass(frozen=True)
class _Track:
    """A track's bytes, where its events begin, and which of its bytes are pitches of notes off channel 10."""

    data: bytes
    events: npt.NDArray[np.int64]
    pitches: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Original:
    """A file taken apart: its header and its tracks."""

    header: bytes
    tracks: tuple[_Track, ...]


def originals(files: Sequence[bytes]) -> list[Original]:
    """The files that begin with a header of 6 bytes, taken apart; others are left out."""
    return [_taken_apart(data) for data in files if data[:_HEAD] == b"MThd\0\0\0\x06"]


def variations(files: Sequence[Original], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` names and files of different contents, the same ones for the same seed; the first ones unchanged."""
    for number in range(count):
        original = files[number % len(files)]
        chance = random.Random(f"{seed}:{number}")
        data = _joined(original, chance) if number >= len(files) else _unchanged(original)
        yield f"{number // 1000:04}/{number:06}.mid", data


def _unchanged(file: Original) -> bytes:
    return file.header + b"".join(_chunk(track.data) for track in file.tracks)


def _joined(file: Original, chance: random.Random) -> bytes:
    """The file some semitones up or down, at another resolution, its end trimmed."""
    division = int.from_bytes(file.header[_DIVISION_AT : _DIVISION_AT + 2], "big")
    if not division & 0x8000:
        # Other ticks in a quarter note: the same ticks last longer or shorter in steps.
        division = min(0x7FFF, max(1, round(division * chance.uniform(0.8, 1.25))))
    header = file.header[:_DIVISION_AT] + division.to_bytes(2, "big") + file.header[_DIVISION_AT + 2 :]
    semitones = chance.randint(-_MOST_SEMITONES, _MOST_SEMITONES)
    kept = chance.uniform(_LEAST_KEPT, 1.0)
    return header + b"".join(_chunk(_changed(track, semitones, kept)) for track in file.tracks)


def _changed(track: _Track, semitones: int, kept: float) -> bytes:
    data = np.frombuffer(track.data, np.uint8).copy()
    data[track.pitches] = np.clip(data[track.pitches].astype(np.int16) + semitones, 0, 127)
    if not len(track.events):
        return data.tobytes()
    end = int(track.events[min(len(track.events) - 1, int(len(track.events) * kept))])
    return data[:end].tobytes() + _END_OF_TRACK


def _taken_apart(data: bytes) -> Original:
    tracks, at = [], _HEAD + 6
    while at + _HEAD <= len(data):
        start = at + _HEAD
        end = start + int.from_bytes(data[at + 4 : start], "big")
        if data[at : at + 4] == b"MTrk":
            tracks.append(_track(data[start:end]))
        at = end
    return Original(data[: _HEAD + 6], tuple(tracks))


def _track(data: bytes) -> _Track:
    """Follow the events as far as they are in order; of what comes after nothing is changed."""
    events: list[int] = []
    pitches: list[int] = []
    at = running = 0
    while at < len(data):
        events.append(at)
        at = _after_number(data, at)
        status = data[at] if at < len(data) else 0xF1
        if status in (0xF0, 0xF7, 0xFF):
            length_at = at + (2 if status == 0xFF else 1)
            at = _after_number(data, length_at)
            at += sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data[length_at:at])))
            continue
        if 0x80 <= status < 0xF0:
            running, at = status, at + 1
        elif not running or status >= 0xF0:
            break
        if running & 0xE0 == 0x80 and running & 0x0F != 9 and at < len(data):
            pitches.append(at)
        at += 1 if 0xC0 <= running < 0xE0 else 2
    return _Track(data, np.array(events, np.int64), np.array(pitches, np.int64))


def _after_number(data: bytes, at: int) -> int:
    while at < len(data) and data[at] >= 0x80:
        at += 1
    return at + 1


def _chunk(data: bytes) -> bytes:
    return b"MTrk" + len(data).to_bytes(4, "big") + data
