"""Every file of the larger sets, pixel by pixel against the rules on mido: about a minute, nearly all of it mido's."""

import mido
import numpy as np
import pytest
from corpus import midi_files
from mido_oracle import song_windows

from pianola.codec.options import PRESETS
from pianola.codec.roll import encode
from pianola.codec.windows import unpack


@pytest.mark.parametrize("name", ["medium", "large"])
def test_no_pixel_differs_in_either_rounding(name: str) -> None:
    differing = {}
    for file in midi_files(name):
        midi, data = mido.MidiFile(file), file.read_bytes()
        for preset, options in PRESETS.items():
            ours, expected = unpack(encode(data, options).windows.lit), song_windows(midi, options)
            if not np.array_equal(ours, expected):
                differing[file.name, preset] = (ours.shape, expected.shape)
    assert differing == {}
