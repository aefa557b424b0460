"""The codec's rules once more, written plainly on mido: slow, and independent of the codec it checks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import mido
import numpy as np
import numpy.typing as npt

from pianola.codec.options import PRESETS, CodecOptions, codec_options
from pianola.codec.roll import Encoded
from pianola.codec.windows import unpack, velocity_plane

_Value = TypeVar("_Value")
_Planes = npt.NDArray[np.uint8]

ORACLE_OPTIONS = (
    *PRESETS.values(),
    codec_options("piano", {"hop": 24, "velocity": True, "least_notes": 16, "percussion": True}),
    codec_options("thesis", {"hop": 50, "velocity": True, "metres": ["3/4", "4/4"], "partial": "pad"}),
)
"""Options under which real files are compared: between them, every option is turned from its default."""


@dataclass(frozen=True)
class Song:
    """The windows of a file that these options keep: `lit` and `loud` uint8 [n, 96, 96], and what holds at each."""

    lit: _Planes
    loud: _Planes
    start: list[int]
    tempo: list[float]
    metre: list[tuple[int, int]]
    other_metre: int
    few_notes: int


@dataclass(frozen=True)
class _Span:
    pitch: int
    start: int
    end: int
    velocity: int


def song(midi: mido.MidiFile, options: CodecOptions) -> Song:
    """Everything about the windows of a file that mido has read."""
    spans = [span for track in midi.tracks for span in _spans(track, midi.ticks_per_beat, options)]
    total = max((span.end for span in spans), default=0)
    loud = _loudness(spans, total, options)
    tempos = _by_step(_said(midi, "set_tempo", lambda message: 60_000_000 / message.tempo), 120.0, total)
    metres = _by_step(
        _said(midi, "time_signature", lambda message: (message.numerator, message.denominator)), (4, 4), total
    )
    kept, other_metre, few_notes = [], 0, 0
    for start in _starts(loud, total, options):
        within = set(metres[start : start + 96])
        if options.metres and not (len(within) == 1 and "{}/{}".format(*within.pop()) in options.metres):
            other_metre += 1
        elif len(_runs(loud[:, start : start + 96])) < options.least_notes:
            few_notes += 1
        else:
            kept.append(start)
    cut = np.array([loud[:, start : start + 96] for start in kept], np.uint8).reshape(-1, 96, 96)
    tempo, metre = [tempos[start] for start in kept], [metres[start] for start in kept]
    return Song((cut > 0).astype(np.uint8), cut, kept, tempo, metre, other_metre, few_notes)


def assert_same_song(encoded: Encoded, expected: Song, options: CodecOptions) -> None:
    """Every pixel, velocity, tempo and time signature is that of the rules on mido."""
    windows, lit = encoded.windows, unpack(encoded.windows.lit)
    np.testing.assert_array_equal(lit, expected.lit)
    np.testing.assert_array_equal(windows.start, expected.start)
    np.testing.assert_array_equal(windows.tempo, np.array(expected.tempo, np.float32))
    np.testing.assert_array_equal(windows.metre, np.array(expected.metre, np.uint8).reshape(-1, 2))
    assert (encoded.left_out.other_metre, encoded.left_out.few_notes) == (expected.other_metre, expected.few_notes)
    assert (windows.velocity is not None) == options.velocity
    if windows.velocity is not None:
        np.testing.assert_array_equal(velocity_plane(lit, windows.velocity), expected.loud)


def _spans(track: mido.MidiTrack, ticks_per_quarter: int, options: CodecOptions) -> Iterator[_Span]:
    """Every note of a track; end == start where it vanishes."""
    tick = step = since = 0
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    for message in track:
        since += message.time
        if message.type not in ("note_on", "note_off") or (message.channel == 9 and not options.percussion):
            continue
        voice = (message.channel if options.sounding == "channel" else 0, message.note)
        strikes = message.type == "note_on" and message.velocity > 0
        if not strikes and voice not in sounding:
            continue
        tick += since
        if options.rounding == "absolute":
            step = round(Fraction(tick * 12, ticks_per_quarter))
        else:
            step += round(Fraction(since * 12, ticks_per_quarter))
        since = 0
        if voice in sounding:
            start, velocity = sounding.pop(voice)
            yield _Span(message.note, start, max(step, start + options.shortest), velocity)
        if strikes:
            sounding[voice] = step, message.velocity
    for (_, pitch), (start, velocity) in sounding.items():
        yield _Span(pitch, start, max(step, start + options.shortest), velocity)


def _loudness(spans: list[_Span], total: int, options: CodecOptions) -> _Planes:
    """The 96 rows of the roll, with silence after its end: where lit the velocity with which its run began."""
    roll = np.zeros((128, total + 96), np.uint8)
    for span in spans:
        roll[span.pitch, span.start : span.end] = 1
    strikes: dict[tuple[int, int], int] = {}
    for span in spans:
        if span.end > span.start:
            place = span.pitch, span.start
            strikes[place] = max(span.velocity, strikes.get(place, 0))
    if options.restrike == "gap":
        for pitch, start in strikes:
            if start > 0 and (pitch, start - 1) not in strikes:
                roll[pitch, start - 1] = 0
    for pitch, start, length in _runs(roll):
        roll[pitch, start : start + length] = strikes[pitch, start]
    return roll[options.lowest_pitch : options.lowest_pitch + 96][::-1]


def _runs(roll: _Planes) -> list[tuple[int, int, int]]:
    """Row, first step and length of every run of lit steps."""
    runs = []
    for row in np.flatnonzero(roll.any(axis=1)).tolist():
        length = 0
        for step, lit in enumerate([*roll[row].tolist(), 0]):
            if lit:
                length += 1
            elif length:
                runs.append((row, step - length, length))
                length = 0
    return runs


def _starts(loud: _Planes, total: int, options: CodecOptions) -> list[int]:
    """First steps of all windows, up to the first that reaches the end of the music."""
    starts = [0] if total else []
    while starts and starts[-1] + 96 < total:
        starts.append(starts[-1] + options.hop)
    if starts and starts[-1] + 96 > total and (options.partial == "drop" or not loud[:, starts[-1] :].any()):
        starts.pop()
    return starts


def _said(midi: mido.MidiFile, kind: str, value: Callable[[mido.Message], _Value]) -> list[tuple[int, _Value]]:
    """Step and value of every message of a kind, in the order of time, then of tracks."""
    found = []
    for track in midi.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == kind:
                found.append((tick, value(message)))
    found.sort(key=lambda event: event[0])
    return [(round(Fraction(tick * 12, midi.ticks_per_beat)), said) for tick, said in found]


def _by_step(said: list[tuple[int, _Value]], first: _Value, total: int) -> list[_Value]:
    """The value in force at every step of the music."""
    values = [first] * total
    for step, value in said:
        values[step:] = [value] * max(total - step, 0)
    return values
