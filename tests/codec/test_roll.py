"""The rules of the roll, each on a few notes."""

import numpy as np
import pytest

from pianola.codec.options import PRESETS, CodecOptions, codec_options
from pianola.codec.roll import Encoded, LeftOut, Note, decode_notes, encode
from pianola.codec.unreadable import UnreadableMidi
from pianola.codec.windows import unpack

from .music import drawn, midi, notes, off, on

PIANO, THESIS = PRESETS["piano"], PRESETS["thesis"]
MERGE = codec_options("piano", {"restrike": "merge"})
DROP = codec_options("piano", {"partial": "drop"})


def played(encoded: Encoded, options: CodecOptions = PIANO) -> list[Note]:
    return decode_notes(unpack(encoded.windows.lit), options.lowest_pitch)


def test_a_note_lights_its_row_from_its_onset_to_its_end() -> None:
    encoded = encode(midi([on(6, 60), off(12, 60)]), PIANO)
    expected = np.zeros((1, 96, 96), np.uint8)
    expected[0, 17 + 95 - 60, 6:18] = 1
    np.testing.assert_array_equal(unpack(encoded.windows.lit), expected)
    assert (encoded.notes, encoded.steps, encoded.left_out) == (1, 18, LeftOut())


@pytest.mark.parametrize(("options", "pitches"), [(PIANO, (17, 112)), (THESIS, (1, 96))])
def test_the_highest_pitch_is_row_0_and_the_lowest_row_95(options: CodecOptions, pitches: tuple[int, int]) -> None:
    low, high = pitches
    windows = drawn(midi([on(0, low), on(0, high), off(96, low), off(0, high)]), options)
    assert np.flatnonzero(windows[0].any(axis=1)).tolist() == [0, 95]


def test_notes_outside_the_rows_are_counted_and_never_wrapped() -> None:
    pitches = (0, 16, 17, 112, 113, 127)
    encoded = encode(midi([event for pitch in pitches for event in (on(0, pitch), off(12, pitch))]), PIANO)
    assert [note.pitch for note in played(encoded)] == [17, 112]
    assert encoded.left_out == LeftOut(outside_rows=4)


def test_note_on_with_velocity_0_is_note_off() -> None:
    assert played(encode(midi([on(0, 60), on(12, 60, velocity=0)]), PIANO)) == notes((60, 0, 12))


def test_note_off_with_nothing_sounding_is_dropped_and_its_time_counts() -> None:
    encoded = encode(midi([off(12, 60), on(12, 60), off(12, 60), off(12, 60)]), PIANO)
    assert played(encoded) == notes((60, 24, 12))
    assert encoded.left_out == LeftOut(note_offs=2)


def test_the_time_of_other_messages_counts() -> None:
    tempo, program, sysex, bend = (
        b"\x0c\xff\x51\x03\x07\xa1\x20",
        b"\x0c\xc0\x05",
        b"\x0c\xf0\x02\x01\xf7",
        b"\x0c\xe0\0\0",
    )
    encoded = encode(midi([tempo, program, sysex, bend, on(12, 60), off(12, 60)]), PIANO)
    assert played(encoded) == notes((60, 60, 12))


def test_a_note_never_closed_sounds_to_the_last_note_event_of_its_track_with_a_warning() -> None:
    late = b"\x60\xb0\x07\x40"
    encoded = encode(midi([on(0, 60), on(12, 64), off(12, 64), late], [on(0, 72), off(48, 72)]), PIANO)
    assert played(encoded) == notes((60, 0, 24), (72, 0, 48), (64, 12, 12))
    assert encoded.never_closed == 1
    assert encoded.warnings == ("1 note is never released; drawn to the last note event of the track.",)


def test_a_dropped_note_off_is_not_the_last_kept_message() -> None:
    assert played(encode(midi([on(0, 60), on(12, 64), off(12, 64), off(24, 64)]), PIANO))[0] == Note(60, 0, 24)


def test_a_note_struck_again_leaves_one_dark_step_or_merges() -> None:
    again = midi([on(0, 60), on(12, 60), off(12, 60), off(12, 60)])
    assert played(encode(again, PIANO)) == notes((60, 0, 11), (60, 12, 12))
    assert played(encode(again, MERGE)) == notes((60, 0, 24))
    assert encode(again, PIANO).struck_again == 1
    assert encode(again, PIANO).left_out == LeftOut(note_offs=1)


def test_a_note_released_and_struck_on_one_step_leaves_a_dark_step_too() -> None:
    touching = midi([on(0, 60), off(12, 60), on(0, 60), off(12, 60)])
    assert played(encode(touching, PIANO)) == notes((60, 0, 11), (60, 12, 12))


def test_a_strike_in_another_track_shows_through_the_note_it_falls_into() -> None:
    overlaid = midi([on(0, 60), off(24, 60)], [on(12, 60), off(6, 60)])
    assert played(encode(overlaid, PIANO)) == notes((60, 0, 11), (60, 12, 12))


def test_a_note_of_one_step_keeps_it_when_struck_again() -> None:
    trill = midi([on(0, 60), off(1, 60), on(0, 60), off(1, 60), on(0, 60), off(6, 60)])
    assert played(encode(trill, PIANO)) == notes((60, 0, 8))


def test_a_dark_step_before_a_strike_may_lie_in_the_window_before() -> None:
    encoded = encode(midi([on(90, 60), off(6, 60), on(0, 60), off(6, 60)]), PIANO)
    assert played(encoded) == notes((60, 90, 5), (60, 96, 6))


def test_a_strike_in_the_dropped_window_still_darkens_the_step_before() -> None:
    encoded = encode(midi([on(0, 60), off(96, 60), on(0, 60), off(6, 60)]), DROP)
    assert played(encoded) == notes((60, 0, 95))


def test_a_note_over_the_seam_of_two_windows_is_one_note() -> None:
    encoded = encode(midi([on(90, 60), off(12, 60)]), PIANO)
    assert len(encoded.windows) == 2
    assert played(encoded) == notes((60, 90, 12))


def test_voices_are_told_apart_by_channel_or_by_track_alone() -> None:
    two_channels = midi([on(0, 60, 0), on(6, 60, 1), off(6, 60, 0), off(12, 60, 1)])
    by_track = codec_options("piano", {"sounding": "track"})
    assert played(encode(two_channels, PIANO)) == notes((60, 0, 5), (60, 6, 18))
    assert played(encode(two_channels, by_track)) == notes((60, 0, 5), (60, 6, 6))


def test_tracks_are_overlaid_and_each_has_its_own_time() -> None:
    assert played(encode(midi([on(6, 60), off(6, 60)], [on(6, 48), off(6, 48)]), PIANO)) == notes(
        (48, 6, 6), (60, 6, 6)
    )


def test_channel_10_is_left_out_unless_asked_for() -> None:
    drums = midi([on(0, 36, 9), off(12, 36, 9), on(0, 60), off(12, 60)])
    encoded = encode(drums, PIANO)
    assert played(encoded) == notes((60, 12, 12))
    assert encoded.left_out == LeftOut(percussion=1)
    asked = encode(drums, codec_options("piano", {"percussion": True}))
    assert played(asked) == notes((36, 0, 12), (60, 12, 12))


def test_percussion_left_out_does_not_lengthen_the_file() -> None:
    drums = midi([on(0, 60), off(96, 60), on(96, 36, 9), off(12, 36, 9)])
    assert encode(drums, PIANO).steps == 96


@pytest.mark.parametrize(("tick", "step"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 4), (9, 4)])
def test_absolute_rounding_takes_the_nearest_step_and_of_two_the_even(tick: int, step: int) -> None:
    encoded = encode(midi([on(tick, 60), off(24, 60)], division=24), PIANO)
    assert played(encoded)[0].start == step


def test_absolute_rounding_has_no_float_in_it() -> None:
    # 12003 and 16,383 of 32,767 steps: just below a half, and the half itself in a float of 32 bits.
    encoded = encode(midi([on(32_776_557, 60), off(32_767, 60)], division=32_767), PIANO)
    assert played(encoded)[0].start == 12_003


def test_delta_rounding_drifts() -> None:
    # Ten times 0.48 of a step: 0 each by itself, 4.8 together.
    hurry = midi([on(4, 48), off(4, 48)] * 5 + [on(0, 60), off(100, 60)], division=100)
    delta = codec_options("piano", {"rounding": "delta"})
    assert played(encode(hurry, delta))[-1] == Note(60, 0, 12)
    assert played(encode(hurry, PIANO))[-1] == Note(60, 5, 12)


def test_delta_rounding_adds_up_the_times_between_kept_messages_first() -> None:
    # Two controllers 4 ticks apart and a note 4 later: 12 ticks are 1.44 steps, so 1, not three times 0.
    events = [b"\x04\xb0\x07\x40", off(4, 64), on(4, 60), off(100, 60)]
    delta = codec_options("piano", {"rounding": "delta"})
    assert played(encode(midi(events, division=100), delta)) == notes((60, 1, 12))


def test_each_track_drifts_by_itself() -> None:
    late, early = [on(4, 60), off(4, 60), on(4, 60), off(100, 60)], [on(12, 48), off(100, 48)]
    delta = codec_options("piano", {"rounding": "delta"})
    assert played(encode(midi(late, early, division=100), delta))[-1] == Note(48, 1, 12)


def test_a_note_shorter_than_a_step_lasts_one_or_vanishes() -> None:
    grace = midi([on(0, 60), off(4, 60), on(0, 62), off(960, 62)], division=120)
    assert played(encode(grace, PIANO)) == notes((60, 0, 1), (62, 0, 96))
    thesis = encode(grace, THESIS)
    assert played(thesis, THESIS) == notes((62, 0, 96))
    assert thesis.left_out == LeftOut(vanished=1)


def test_notes_on_one_pitch_and_step_are_counted_as_doubled() -> None:
    unison = encode(midi([on(0, 60), off(12, 60)], [on(0, 60), off(24, 60)]), PIANO)
    assert played(unison) == notes((60, 0, 24))
    assert (unison.notes, unison.left_out) == (1, LeftOut(doubled=1))


def test_the_last_partial_window_is_padded_or_dropped() -> None:
    piece = midi([on(0, 60), off(96, 60), on(0, 62), off(12, 62)])
    padded, dropped = encode(piece, PIANO), encode(piece, DROP)
    assert (len(padded.windows), padded.notes) == (2, 2)
    assert (len(dropped.windows), dropped.notes) == (1, 1)
    assert dropped.left_out == LeftOut(partial_window=1)


def test_a_partial_window_without_a_note_on_its_rows_is_not_kept() -> None:
    piece = midi([on(0, 60), off(96, 60), on(0, 127), off(12, 127)])
    assert len(encode(piece, PIANO).windows) == 1


def test_silence_between_notes_is_kept() -> None:
    windows = drawn(midi([on(0, 60), off(12, 60), on(276, 60), off(12, 60)]), PIANO)
    assert windows.any(axis=(1, 2)).tolist() == [True, False, False, True]


def test_a_file_without_notes_has_no_windows() -> None:
    assert drawn(midi([]), PIANO).shape == (0, 96, 96)


def test_music_beyond_the_limit_of_steps_is_refused_with_the_byte_of_the_first_late_note() -> None:
    data = midi([on(0, 60), off(12, 60), on(196_596, 60), off(1, 60)])
    with pytest.raises(UnreadableMidi) as refused:
        encode(data, PIANO)
    assert refused.value.code == "too_long"
    assert data[refused.value.offset :].startswith(off(1, 60))


def test_a_note_as_long_as_the_limit_is_drawn() -> None:
    encoded = encode(midi([on(0, 60), off(196_608, 60)]), PIANO)
    assert played(encoded) == notes((60, 0, 196_608))
