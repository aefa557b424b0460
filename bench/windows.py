"""The windows of a data set as runs hold them, read straight from its MIDI files."""

import hashlib
from pathlib import Path

import numpy as np

from pianola.codec.options import codec_options
from pianola.codec.verdict import judge
from pianola_trainer.windows import PackedWindows


def packed_windows(files: list[Path], preset: str = "piano") -> PackedWindows:
    """All windows of the files, by the codec's option set `preset`. Raises SystemExit where none can be read."""
    options = codec_options(preset, {})
    found = [(number, judge(file.read_bytes(), options)) for number, file in enumerate(files)]
    kept = [(number, windows.lit) for number, (verdict, windows) in found if verdict.accepted]
    if not kept:
        raise SystemExit("None of the MIDI files could be read: give --data a folder with music.")
    packed = np.concatenate([lit for _, lit in kept])
    file = np.concatenate([np.full(len(lit), number, np.int32) for number, lit in kept])
    no_labels = np.zeros((len(packed), 0), np.int16)
    return PackedWindows(packed, file, options.lowest_pitch, no_labels, {}, None)


def digest(windows: PackedWindows) -> str:
    """Tells one set of windows from another: 16 hexadecimal digits."""
    found = hashlib.sha256(windows.file.tobytes())
    for block in windows.blocks():
        found.update(block.tobytes())
    return found.hexdigest()[:16]
