"""What holds for all rolls, all notes and all tracks of note messages."""

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import mido
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mido_oracle import assert_same_song, song

from pianola.codec.options import PRESETS, CodecOptions
from pianola.codec.roll import Encoded, Note, decode_notes, encode
from pianola.codec.verdict import judge
from pianola.codec.window import Bytes
from pianola.codec.windows import unpack, velocity_plane
from pianola.codec.writer import write_midi

from .music import drawn, metre, midi, off, on, tempo

all_options = st.builds(
    CodecOptions,
    rounding=st.sampled_from(["absolute", "delta"]),
    sounding=st.sampled_from(["channel", "track"]),
    lowest_pitch=st.integers(0, 32),
    shortest=st.sampled_from([0, 1]),
    restrike=st.sampled_from(["gap", "merge"]),
    partial=st.sampled_from(["pad", "drop"]),
    percussion=st.booleans(),
)
# Those above with the options that choose windows and not what is on them.
choosy_options = st.builds(
    dataclasses.replace,
    all_options,
    hop=st.integers(12, 96),
    metres=st.sampled_from([(), ("4/4",), ("3/4", "6/8"), ("255/128",)]),
    least_notes=st.sampled_from([0, 0, 1, 2, 5, 1000]),
    velocity=st.booleans(),
)


@st.composite
def rolls(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Bytes:
    """Windows of any density, the last of which is lit on its last step, so that none is lost as trailing silence."""
    count, seed, density = draw(st.integers(1, 3)), draw(st.integers(0, 2**32)), draw(st.sampled_from([0, 0.01, 0.5]))
    windows: Bytes = (np.random.default_rng(seed).random((count, 96, 96)) < density).astype(np.uint8)
    for window, row, start, length in draw(
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, 95), st.integers(0, 95), st.integers(1, 96)))
    ):
        windows[window, row, start : start + length] = 1
    windows[-1, draw(st.integers(0, 95)), -1] = 1
    return windows


@settings(deadline=None, max_examples=40)
@given(windows=rolls(), options=all_options)
def test_encode_of_written_notes_of_a_roll_is_the_roll(windows: Bytes, options: CodecOptions) -> None:
    notes = decode_notes(windows, options.lowest_pitch)
    encoded = encode(write_midi(notes), options)
    np.testing.assert_array_equal(unpack(encoded.windows.lit), windows)
    assert encoded.notes == len(notes)
    assert decode_notes(unpack(encoded.windows.lit), options.lowest_pitch) == notes


pieces = st.lists(st.builds(Note, st.integers(17, 112), st.integers(0, 300), st.integers(2, 100)), min_size=1).map(
    # One note an onset; the writer and the roll cut it where the next one of its pitch begins.
    lambda notes: list({(note.pitch, note.start): note for note in notes}.values())
)


@given(pieces)
def test_every_onset_of_notes_struck_again_survives(notes: list[Note]) -> None:
    # A note of one step has no step to leave dark.
    struck = {(note.pitch, note.start) for note in notes}
    apart = [note for note in notes if (note.pitch, note.start + 1) not in struck]
    found = decode_notes(drawn(write_midi(apart), PRESETS["piano"]), 17)
    assert [(note.start, note.pitch) for note in found] == sorted((note.start, note.pitch) for note in apart)


messages = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 3), st.integers(0, 400)),
        st.sampled_from([on, off]),
        st.one_of(st.sampled_from([60, 61]), st.integers(0, 127)),
        st.sampled_from([0, 1, 9]),
    ),
    max_size=40,
)


def loud(delta: int, pitch: int, channel: int) -> bytes:
    return on(delta, pitch, channel, velocity=pitch % 127 + 1)


def quickens(delta: int, pitch: int, channel: int) -> bytes:
    return tempo(delta, 300_000 + 1_000 * pitch + channel)


def turns(delta: int, pitch: int, channel: int) -> bytes:
    return metre(delta, *((4, 2), (3, 2), (6, 3))[pitch % 3])


songs = st.lists(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 3), st.integers(0, 400)),
            st.sampled_from([on, loud, loud, off, off, quickens, turns]),
            st.one_of(st.sampled_from([60, 61]), st.integers(0, 127)),
            st.sampled_from([0, 1, 9]),
        ),
        max_size=40,
    ),
    min_size=1,
    max_size=4,
)
tracks = st.lists(messages, min_size=1, max_size=4)
Parts = list[list[tuple[int, Callable[..., bytes], int, int]]]
divisions = st.one_of(st.sampled_from([1, 5, 12, 24, 100, 480]), st.integers(1, 1000))


def roll_planes(encoded: Encoded) -> tuple[Bytes, Bytes]:
    """Windows and velocities, both [n, 96, 96]."""
    lit = unpack(encoded.windows.lit)
    assert encoded.windows.velocity is not None
    return lit, velocity_plane(lit, encoded.windows.velocity)


def file_of(parts: Parts, division: int) -> bytes:
    events = [[make(delta, pitch, channel) for delta, make, pitch, channel in part] for part in parts]
    return midi(*events, division=division)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(parts=songs, division=divisions, options=choosy_options)
def test_the_rules_hold_for_any_messages(parts: Parts, division: int, options: CodecOptions) -> None:
    data = file_of(parts, division)
    assert_same_song(encode(data, options), song(mido.MidiFile(file=io.BytesIO(data)), options), options)


@settings(deadline=None)
@given(parts=songs, division=divisions, options=choosy_options)
def test_every_note_is_drawn_or_counted_as_left_out(parts: Parts, division: int, options: CodecOptions) -> None:
    encoded = encode(file_of(parts, division), options)
    struck = sum(make in (on, loud) for part in parts for _, make, _, _ in part)
    left = encoded.left_out
    left_out = left.percussion + left.outside_rows + left.vanished + left.partial_window + left.doubled + left.filtered
    assert encoded.notes + left_out == struck
    verdict, windows = judge(file_of(parts, division), options)
    assert verdict.accepted == (encoded.notes > 0)
    assert len(windows) == (len(encoded.windows) if verdict.accepted else 0)
    if not (options.metres or options.least_notes):
        assert verdict.accepted == bool(encoded.windows.lit.any())


@settings(deadline=None)
@given(parts=songs, division=divisions, options=choosy_options, hop=st.integers(12, 96))
def test_filters_only_leave_windows_out(parts: Parts, division: int, options: CodecOptions, hop: int) -> None:
    data = file_of(parts, division)
    every = encode(data, dataclasses.replace(options, metres=(), least_notes=0, velocity=True, hop=hop))
    some = encode(data, dataclasses.replace(options, velocity=True, hop=hop))
    assert len(some.windows) + some.left_out.other_metre + some.left_out.few_notes == len(every.windows)
    kept = np.isin(every.windows.start, some.windows.start)
    planes = [roll_planes(encoded) for encoded in (every, some)]
    for all_of_them, those_kept in zip(*planes, strict=True):
        np.testing.assert_array_equal(all_of_them[kept], those_kept)


@settings(deadline=None)
@given(parts=songs, division=divisions, options=all_options)
def test_overlapping_windows_agree_where_they_overlap(parts: Parts, division: int, options: CodecOptions) -> None:
    encoded = encode(file_of(parts, division), dataclasses.replace(options, hop=36, velocity=True))
    for plane in roll_planes(encoded):
        np.testing.assert_array_equal(plane[:-1, :, 36:], plane[1:, :, :60])
