"""Sketches: what leaves two files alike, and what does not."""

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from dataset.making import noise, rolled, windows_of

from pianola.codec.windows import pack
from pianola.dataset.fingerprints import BadFingerprints, fingerprint, fingerprints_bytes, read_fingerprints, sketch

Notes = list[tuple[int, int, int]]


def melody(count: int, seed: int) -> Notes:
    """Row, first step and steps of notes, one after another."""
    random = np.random.default_rng(seed)
    steps = random.choice([3, 6, 12], count)
    first = np.cumsum(steps) - steps
    return list(zip(random.integers(20, 80, count).tolist(), first.tolist(), (steps - 1).tolist(), strict=True))


def groups(notes: Notes) -> set[tuple[int, ...]]:
    """Every 4 notes in a row: their rows, and the distances between them."""
    ordered = sorted((first, row) for row, first, _ in notes)
    return {
        (*(row for _, row in four), *(later[0] - former[0] for former, later in pairwise(four)))
        for four in zip(*(ordered[offset:] for offset in range(4)), strict=False)
    }


def alike(one: Notes, other: Notes) -> Fraction:
    first, second = groups(one), groups(other)
    return Fraction(len(first & second), len(first | second))


def estimated(one: Notes, other: Notes) -> float:
    return float((sketch(rolled(one)) == sketch(rolled(other))).mean())


@pytest.mark.parametrize("changed", [0, 5, 20, 60, 200])
def test_sketches_estimate_how_many_groups_of_notes_are_shared(changed: int) -> None:
    errors = []
    for seed in range(10):
        one, other = melody(400, seed), melody(400, seed)
        for at in np.random.default_rng(seed).choice(400, changed, replace=False).tolist():
            other[at] = (other[at][0] - 15, *other[at][1:])
        errors.append(estimated(one, other) - float(alike(one, other)))
    # Of one estimate the standard deviation is 0.0625 at most; the mean of ten has a third of it.
    assert abs(np.mean(errors)) < 0.06
    assert np.max(np.abs(errors)) < 0.25


@pytest.mark.parametrize(("hop", "shift"), [(96, 0), (96, 7), (48, 0), (13, 50), (12, 95)])
def test_a_sketch_is_of_the_notes_however_windows_cut_them(hop: int, shift: int) -> None:
    notes = melody(200, 1)
    assert sketch(rolled(notes, hop, shift)).tolist() == sketch(rolled(notes)).tolist()


def test_lengths_and_velocities_leave_the_sketch_as_it_is() -> None:
    notes = melody(200, 1)
    short = [(row, first, 1) for row, first, _ in notes]
    assert sketch(rolled(short)).tolist() == sketch(rolled(notes)).tolist()


def test_other_pitches_make_another_sketch() -> None:
    notes = melody(200, 1)
    assert estimated(notes, [(row - 1, first, steps) for row, first, steps in notes]) < 0.1
    assert estimated(notes, melody(200, 2)) < 0.1


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_few_notes_have_a_sketch_of_their_own(count: int) -> None:
    one, other = melody(count, 1), melody(count, 2)
    assert estimated(one, one) == 1
    assert estimated(one, other) < 1
    assert estimated(one, melody(count + 1, 1)) < 1


def test_windows_without_a_note_have_a_sketch_too() -> None:
    assert sketch(windows_of(noise(2, share=0))).shape == (64,)


def test_a_sketch_is_the_same_in_every_release() -> None:
    found: Sequence[int] = sketch(rolled([(row, 12 * row, 6) for row in range(10, 60)]))[:4].tolist()
    assert found == [78248540, 18596165, 112954853, 216394185]


def test_fingerprints_of_windows_are_equal_where_the_windows_are() -> None:
    lit = noise(5)
    lit[3] = lit[1]
    found = fingerprint(7, windows_of(lit), sketched=False)
    assert [bytes(each) for each in found.windows] == [
        hashlib.blake2b(pack(window).tobytes(), digest_size=16).digest() for window in lit
    ]
    assert (found.files.tolist(), found.counts.tolist(), found.sketches.shape) == ([7], [5], (0, 64))
    assert bytes(found.windows[3]) == bytes(found.windows[1])


@pytest.mark.parametrize("sketched", [True, False])
def test_fingerprints_of_a_chunk_and_back(sketched: bool) -> None:
    parts = [
        fingerprint(position, windows_of(noise(count, position)), sketched)
        for position, count in ((2, 3), (4, 0), (5, 2))
    ]
    data = fingerprints_bytes(parts)
    found = read_fingerprints(data)
    assert (found.files.tolist(), found.counts.tolist()) == ([2, 5], [3, 2])
    np.testing.assert_array_equal(found.windows, np.concatenate([part.windows for part in parts]))
    np.testing.assert_array_equal(found.sketches, np.concatenate([part.sketches for part in parts]))
    assert fingerprints_bytes([found]) == data
    assert len(read_fingerprints(fingerprints_bytes([])).windows) == 0


@pytest.mark.parametrize("data", [b"", b"x" * 40])
def test_other_bytes_are_no_fingerprints(data: bytes) -> None:
    with pytest.raises(BadFingerprints):
        read_fingerprints(data)
