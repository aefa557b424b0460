"""Every file of the larger sets against the rules on mido: a few minutes, nearly all of it mido's and the rules'."""

import mido
import pytest
from corpus import midi_files
from mido_oracle import ORACLE_OPTIONS, assert_same_song, song

from pianola.codec.roll import encode


@pytest.mark.parametrize("name", ["medium", "large"])
def test_no_pixel_velocity_tempo_or_metre_differs(name: str) -> None:
    differing = {}
    for file in midi_files(name):
        midi, data = mido.MidiFile(file), file.read_bytes()
        for number, options in enumerate(ORACLE_OPTIONS):
            try:
                assert_same_song(encode(data, options), song(midi, options), options)
            except AssertionError as error:
                differing[file.name, number] = str(error)[:200]
    assert differing == {}
