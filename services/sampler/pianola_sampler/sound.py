"""A MIDI file as sound: rendered with samples of real instruments, where there is no sound device too."""

from __future__ import annotations

import importlib.util
import io
import threading
from functools import cache
from pathlib import Path
from typing import Final

import mido

AVAILABLE: Final = importlib.util.find_spec("midirenderer") is not None
"""Whether there is a synthesizer: there is no package of it for some kinds of machine."""

_RINGS_SECONDS: Final = 2.0
# The synthesizer takes the interpreter with it: one at a time, or all request threads would stand still together.
_one = threading.Lock()


def render_wav(midi: bytes) -> bytes:
    """16-bit stereo at 48 kHz of a MIDI file of one track, and two seconds in which its last notes fade."""
    import midirenderer

    with _one:
        data: bytes = midirenderer.render_wave_from(_font(), _ringing(midi))
    return data


def _ringing(midi: bytes) -> bytes:
    """The same file with a later end: what is rendered ends with the track."""
    file = mido.MidiFile(file=io.BytesIO(midi))
    (track,) = file.tracks
    tempo = next(message.tempo for message in track if message.type == "set_tempo")
    track[-1].time += round(mido.second2tick(_RINGS_SECONDS, file.ticks_per_beat, tempo))
    stream = io.BytesIO()
    file.save(file=stream)
    return stream.getvalue()


@cache
def _font() -> bytes:
    """TimGM6mb, which the package pretty_midi carries: all General MIDI instruments in 6 MB."""
    found = importlib.util.find_spec("pretty_midi")
    assert found is not None and found.origin is not None
    return (Path(found.origin).parent / "TimGM6mb.sf2").read_bytes()
