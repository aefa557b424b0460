"""Real files, pixel by pixel against the rules on mido. The larger sets: tests/system/test_codec_differential.py."""

import mido
import pytest
from corpus import has_data, midi_files
from mido_oracle import ORACLE_OPTIONS, assert_same_song, song

from pianola.codec.options import codec_options
from pianola.codec.roll import encode


def test_small_does_not_differ_in_a_pixel_or_a_velocity_with_any_options() -> None:
    files = midi_files("small")
    assert len(files) >= 5
    for file in files:
        midi = mido.MidiFile(file)
        for options in ORACLE_OPTIONS:
            assert_same_song(encode(file.read_bytes(), options), song(midi, options), options)


COUNTS = [("small", False, 309, 298), ("medium", False, 3_253, 3_204), ("medium", True, 3_256, 3_207)]


@pytest.mark.parametrize(("name", "percussion", "padded", "dropped"), [*COUNTS, ("large", False, 16_459, 16_205)])
def test_windows_of_the_data_sets(name: str, percussion: bool, padded: int, dropped: int) -> None:
    """The counts of the data's README; of medium it counts percussion as music, which by default is left out."""
    data = [file.read_bytes() for file in midi_files(name)]
    counts = {}
    for partial in ("pad", "drop"):
        options = codec_options("piano", {"partial": partial, "percussion": percussion})
        counts[partial] = sum(len(encode(each, options).windows) for each in data)
    if has_data(name):
        assert counts == {"pad": padded, "drop": dropped}
    # At most one partial window a file.
    assert 0 < counts["drop"] <= counts["pad"] <= counts["drop"] + len(data)
