"""The codec's rules once more, written plainly on mido: slow, and independent of the reader it checks."""

from collections.abc import Iterator
from fractions import Fraction

import mido
import numpy as np
import numpy.typing as npt

from pianola.codec.options import CodecOptions

_Span = tuple[int, int, int]


def song_windows(midi: mido.MidiFile, options: CodecOptions) -> npt.NDArray[np.uint8]:
    """Windows [n, 96, 96] of a file that mido has read."""
    spans = [span for track in midi.tracks for span in _spans(track, midi.ticks_per_beat, options)]
    total = max((end for _, _, end in spans), default=0)
    roll = np.zeros((128, -(-total // 96) * 96), np.uint8)
    for pitch, start, end in spans:
        roll[pitch, start:end] = 1
    if options.restrike == "gap":
        onsets = {(pitch, start) for pitch, start, end in spans if end > start}
        for pitch, start in onsets:
            if start > 0 and (pitch, start - 1) not in onsets:
                roll[pitch, start - 1] = 0
    rows = roll[options.lowest_pitch : options.lowest_pitch + 96][::-1]
    windows = [rows[:, at : at + 96] for at in range(0, rows.shape[1], 96)]
    if windows and total % 96 and (options.partial == "drop" or not windows[-1].any()):
        windows.pop()
    return np.array(windows, np.uint8).reshape(-1, 96, 96)


def _spans(track: mido.MidiTrack, ticks_per_quarter: int, options: CodecOptions) -> Iterator[_Span]:
    """Pitch, first step and end of every note of a track; end == start where it vanishes."""
    tick = step = since = 0
    sounding: dict[tuple[int, int], int] = {}
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
            start = sounding.pop(voice)
            yield message.note, start, max(step, start + options.shortest)
        if strikes:
            sounding[voice] = step
    for (_, pitch), start in sounding.items():
        yield pitch, start, max(step, start + options.shortest)
