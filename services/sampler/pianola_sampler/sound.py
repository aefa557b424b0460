"""A MIDI file as sound: rendered with samples of real instruments, where there is no sound device too."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

import mido

from pianola_sampler.admission import Deadline

AVAILABLE: Final = importlib.util.find_spec("midirenderer") is not None
"""Whether there is a synthesizer: there is no package of it for some kinds of machine."""

_RINGS_SECONDS: Final = 2.0
_RENDER: Final = (
    "import pathlib, sys, midirenderer\n"
    "font, midi = pathlib.Path(sys.argv[1]).read_bytes(), sys.stdin.buffer.read()\n"
    "sys.stdout.buffer.write(midirenderer.render_wave_from(font, midi))\n"
)
_one = threading.Lock()


def render_wav(midi: bytes, deadline: Deadline) -> bytes:
    """16-bit stereo at 48 kHz of a MIDI file of one track, and two seconds in which its last notes fade.

    In a process of its own, one at a time: the synthesizer does not let go of the interpreter, and all other requests
    would stand still with it. Raises DeadlinePassed.
    """
    command = [sys.executable, "-I", "-c", _RENDER, str(_font())]
    with deadline.holding(_one):
        try:
            done = subprocess.run(
                command, input=_ringing(midi), capture_output=True, check=True, timeout=deadline.left()
            )
        except subprocess.TimeoutExpired:
            raise deadline.passed() from None
    return done.stdout


def _ringing(midi: bytes) -> bytes:
    """The same file with a later end: what is rendered ends with the track."""
    file = mido.MidiFile(file=io.BytesIO(midi))
    (track,) = file.tracks
    tempo = next(message.tempo for message in track if message.type == "set_tempo")
    track[-1].time += round(mido.second2tick(_RINGS_SECONDS, file.ticks_per_beat, tempo))
    stream = io.BytesIO()
    file.save(file=stream)
    return stream.getvalue()


def _font() -> Path:
    """TimGM6mb, which the package pretty_midi carries: all General MIDI instruments in 6 MB."""
    found = importlib.util.find_spec("pretty_midi")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "TimGM6mb.sf2"
