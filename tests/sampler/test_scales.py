"""Notes snapped to a key: in its scale, and otherwise as they were."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pianola.codec.roll import Note, decode_notes
from pianola_sampler.scales import Key, NotAKey, snap
from pianola_sampler.tasks import Rolls

LOWEST = 17


def window(*notes: tuple[int, int, int]) -> Rolls:
    """[1, 96, 96] with notes of pitch, first step and steps."""
    drawn = np.zeros((1, 96, 96), np.uint8)
    for pitch, start, length in notes:
        drawn[0, LOWEST + 95 - pitch, start : start + length] = 1
    return drawn


def snapped(words: str, *notes: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    found = decode_notes(snap(window(*notes), LOWEST, Key.of(words)), LOWEST)
    return sorted((note.pitch, note.start, note.length) for note in found)


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        ("C major", {0, 2, 4, 5, 7, 9, 11}),
        ("A minor", {0, 2, 4, 5, 7, 9, 11}),
        ("F# major", {6, 8, 10, 11, 1, 3, 5}),
        ("Gb major", {6, 8, 10, 11, 1, 3, 5}),
        ("Cb major", {11, 1, 3, 4, 6, 8, 10}),
        ("D minor", {2, 4, 5, 7, 9, 10, 0}),
    ],
)
def test_keys_have_their_scales(words: str, classes: set[int]) -> None:
    assert Key.of(words).pitch_classes == classes


@pytest.mark.parametrize("words", ["", "H major", "C", "c major", "C Major", "C  major", "E## minor", "C major "])
def test_what_is_no_key_is_refused(words: str) -> None:
    with pytest.raises(NotAKey, match="write one such as 'C major'"):
        Key.of(words)


def test_notes_move_to_the_nearest_pitch_and_down_where_two_are_as_near() -> None:
    # C#4 -> C4, D#4 -> D4, E4 stays, A#4 -> A4.
    notes = [(61, 0, 4), (63, 10, 5), (64, 20, 6), (70, 30, 7)]
    assert snapped("C major", *notes) == [(60, 0, 4), (62, 10, 5), (64, 20, 6), (69, 30, 7)]


def test_at_the_edge_notes_move_inwards() -> None:
    # The rows go from F0 to E8. In E major F0 would go down to E0, and in Db major E8 up to F8 or down to Eb8.
    assert snapped("E major", (17, 0, 4)) == [(18, 0, 4)]
    assert snapped("Ab minor", (112, 0, 4)) == [(112, 0, 4)], "Fb is E"
    assert snapped("Db major", (112, 0, 4)) == [(111, 0, 4)]


def test_notes_that_meet_on_a_pitch_are_struck_again() -> None:
    assert snapped("C major", (60, 0, 12), (61, 6, 12)) == [(60, 0, 5), (60, 6, 12)]
    assert snapped("C major", (60, 0, 6), (61, 6, 12)) == [(60, 0, 5), (60, 6, 12)]
    assert snapped("C major", (60, 0, 12), (61, 0, 4)) == [(60, 0, 12)], "begun together, one"
    assert snapped("C major", (60, 0, 3), (61, 1, 9)) == [(60, 0, 10)], "a step apart there is no room between"
    assert snapped("C major", (60, 0, 30), (61, 6, 3)) == [(60, 0, 5), (60, 6, 3)]


NOTES = st.lists(st.tuples(st.integers(17, 112), st.integers(0, 95), st.integers(1, 40)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(NOTES, st.sampled_from(["C major", "F# minor", "Eb major"]))
def test_whatever_is_played_is_in_the_key_and_strikes_as_before(notes: list[tuple[int, int, int]], words: str) -> None:
    windows, key = window(*notes), Key.of(words)
    before, after = decode_notes(windows, LOWEST), decode_notes(snap(windows, LOWEST, key), LOWEST)
    assert all(note.pitch % 12 in key.pitch_classes for note in after)
    wanted = {(key.nearest(note.pitch, LOWEST, LOWEST + 95), note.start) for note in before}
    struck = {(note.pitch, note.start) for note in after}
    assert struck <= wanted
    assert all((pitch, start - 1) in wanted for pitch, start in wanted - struck), "only those a step apart are one"
    np.testing.assert_array_equal(snap(snap(windows, LOWEST, key), LOWEST, key), snap(windows, LOWEST, key))


def test_music_in_the_key_stays_as_it_is() -> None:
    windows = window(*((pitch, start, 5) for start, pitch in enumerate(range(17, 113)) if pitch % 12 in (0, 4, 7)))
    np.testing.assert_array_equal(snap(windows, LOWEST, Key.of("C major")), windows)
    assert decode_notes(windows, LOWEST)[0] == Note(19, 2, 5)
