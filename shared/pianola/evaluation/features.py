"""What each window is like: musical figures one by one, and a vector in which windows can be near one another.

Symbols as in `metrics`: x[r, t] is 1 where row r sounds at step t; a note is a longest run of lit steps in a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pianola.codec.window import SIDE, STEPS_PER_QUARTER, Mask
from pianola.evaluation.metrics import QUALIFIED_STEPS, Windows, batches_of

Floats = NDArray[np.float64]

BEATS: Final = SIDE // STEPS_PER_QUARTER
_CLASSES: Final = 12
_LENGTH_EDGES: Final = np.array([1, 2, 3, 5, 7, 13, 25, 49])
"""steps: a vector counts notes of 1, 2, 3-4, 5-6, 7-12, 13-24, 25-48 and 49-96 steps"""
_MOST_AT_ONCE: Final = 6
_ROWS_OF_A_BAND: Final = 4
_STEPS_OF_A_SPOT: Final = 4
_WIDEST_LEAP: Final = 12


@dataclass(frozen=True, eq=False)
class Features:
    """Figures of n windows, and what all of them together share out over.

    figures: float64 [n] by name, NaN where a window leaves it undefined:
        notes: notes.
        polyphony: lit steps / steps at which something sounds (undefined in silence).
        qualified: notes of at least 3 steps / notes (undefined without notes); MuseGAN's QN with a step a 1/12 beat.
        length: mean length of its notes in steps (undefined without notes).
        pitch_class_entropy: -sum p ln p over the 12 pitch classes, p the share of lit steps of a class, in nats: 0 for
            one class to ln 12 = 2.48 (undefined in silence). pypianoroll and MuseGAN bin ten neighbouring semitones
            under a similar name: not comparable.
        self_similarity: mean over all pairs of the 8 beats of the cosine between their pixels, 0 where one of the two
            is silent: 0 (no beat shares a pixel with another) to 1 (one beat eight times).
    lengths: int64 [96], notes of 1..96 steps.
    onset_positions: int64 [12], notes that begin at each step of the beat.
    vectors: float32 [n, 115]: see `_vectors`.
    """

    figures: dict[str, Floats]
    lengths: NDArray[np.int64]
    onset_positions: NDArray[np.int64]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.vectors)


def features(windows: Windows, lowest_pitch: int) -> Features:
    """Features of windows [n, 96, 96] whose bottom row is `lowest_pitch`; some hundred at a time. Raises BadWindows."""
    parts = [_of_batch(batch, lowest_pitch) for batch in batches_of(windows)]
    return Features(
        {name: np.concatenate([part.figures[name] for part in parts]) for name in parts[0].figures},
        _added(part.lengths for part in parts),
        _added(part.onset_positions for part in parts),
        np.concatenate([part.vectors for part in parts]),
    )


def _added(counts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    total: NDArray[np.int64] = np.sum(list(counts), axis=0)
    return total


@dataclass(frozen=True, eq=False)
class _Notes:
    """Every note of a batch: its window, row, first step and length, in order of window, row and step."""

    window: NDArray[np.int64]
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]


def _notes(lit: Mask) -> _Notes:
    edges = np.diff(lit.astype(np.int8), axis=2, prepend=0, append=0)
    window, row, start = np.nonzero(edges == 1)
    # Both come in the same order, so the n-th end belongs to the n-th beginning.
    return _Notes(window, row, start, np.nonzero(edges == -1)[2] - start)


def _of_batch(lit: Mask, lowest_pitch: int) -> Features:
    count = len(lit)
    notes = _notes(lit)
    of_window = np.bincount(notes.window, minlength=count).astype(np.float64)
    at_once = lit.sum(axis=1, dtype=np.int64)
    classes = _classes(lit, lowest_pitch)
    beats = _beat_cosines(lit)
    with np.errstate(invalid="ignore"):
        figures = {
            "notes": of_window,
            "polyphony": at_once.sum(1) / (at_once > 0).sum(1),
            "qualified": np.bincount(notes.window[notes.length >= QUALIFIED_STEPS], minlength=count) / of_window,
            "length": np.bincount(notes.window, notes.length, count) / of_window,
            "pitch_class_entropy": _entropy(classes),
            "self_similarity": beats[:, *np.triu_indices(BEATS, 1)].mean(1),
        }
    return Features(
        figures,
        np.bincount(notes.length, minlength=SIDE + 1)[1:],
        np.bincount(notes.start % STEPS_PER_QUARTER, minlength=STEPS_PER_QUARTER),
        _vectors(lit, notes, at_once, classes, beats),
    )


def _classes(lit: Mask, lowest_pitch: int) -> Floats:
    """Lit steps of each pitch class [n, 12], C first."""
    of_rows = lit.sum(axis=2, dtype=np.float64)
    pitches = lowest_pitch + SIDE - 1 - np.arange(SIDE)
    classes: Floats = of_rows @ np.eye(_CLASSES)[pitches % _CLASSES]
    return classes


def _entropy(counts: Floats) -> Floats:
    share = counts / counts.sum(1, keepdims=True)
    # 0 x NaN keeps a silent window undefined.
    entropy: Floats = -np.where(share > 0, share * np.log(np.where(share > 0, share, 1)), 0 * share).sum(1)
    return entropy


def _beat_cosines(lit: Mask) -> Floats:
    """Cosines [n, 8, 8] between the pixels of the beats; 0 where one is silent."""
    beats = lit.reshape(len(lit), SIDE, BEATS, STEPS_PER_QUARTER).transpose(0, 2, 1, 3)
    pixels = beats.reshape(len(lit), BEATS, -1).astype(np.float32)
    shared = (pixels @ pixels.transpose(0, 2, 1)).astype(np.float64)
    norm = np.sqrt(np.diagonal(shared, axis1=1, axis2=2))
    cosines: Floats = shared / np.maximum(norm[:, :, None] * norm[:, None, :], 1)
    return cosines


def _vectors(
    lit: Mask, notes: _Notes, at_once: NDArray[np.int64], classes: Floats, beats: Floats
) -> NDArray[np.float32]:
    """The vector of each window, float32 [n, 115]. Counts are taken as their square roots, which evens their spread.

    24: lit steps in bands of 4 rows. 12: lit steps of each pitch class. 24: onsets in every 4 steps. 8: notes by
    length. 7: steps at which 0, 1, .. 5, 6 or more rows sound. 12: pairs of rows that sound together, by their interval
    of 1..12 semitones. 25: leaps of -12..12 semitones from one highest onset to the next. 3: mean cosine of beats that
    are 1, 2 and 4 apart.
    """
    count = len(lit)
    by_length = np.searchsorted(_LENGTH_EDGES, notes.length, side="right") - 1
    parts = [
        lit.reshape(count, -1, _ROWS_OF_A_BAND * SIDE).sum(2),
        classes,
        _table(notes.window, notes.start // _STEPS_OF_A_SPOT, count, SIDE // _STEPS_OF_A_SPOT),
        _table(notes.window, by_length, count, len(_LENGTH_EDGES)),
        _table(np.repeat(np.arange(count), SIDE), np.minimum(at_once, _MOST_AT_ONCE).ravel(), count, _MOST_AT_ONCE + 1),
        np.stack([(lit[:, gap:] & lit[:, :-gap]).sum((1, 2)) for gap in range(1, _CLASSES + 1)], 1),
        _leaps(notes, count),
    ]
    roots = [np.sqrt(part) for part in parts]
    apart = [np.diagonal(beats, gap, 1, 2).mean(1, keepdims=True) for gap in (1, 2, 4)]
    return np.concatenate([*roots, *apart], axis=1).astype(np.float32)


def _table(window: NDArray[np.int64], column: NDArray[np.int64], count: int, columns: int) -> NDArray[np.int64]:
    """How often each (window, column) comes: [count, columns]."""
    return np.bincount(window * columns + column, minlength=count * columns).reshape(count, columns)


def _leaps(notes: _Notes, count: int) -> NDArray[np.int64]:
    """Leaps between the highest notes that begin at one step and the next, [n, 25]; wider ones count as an octave."""
    top = np.full(count * SIDE, SIDE)
    np.minimum.at(top, notes.window * SIDE + notes.start, notes.row)
    spots = np.flatnonzero(top < SIDE)
    same = spots[1:] // SIDE == spots[:-1] // SIDE
    leap = np.clip(top[spots[:-1]] - top[spots[1:]], -_WIDEST_LEAP, _WIDEST_LEAP)[same]
    return _table(spots[1:][same] // SIDE, leap + _WIDEST_LEAP, count, 2 * _WIDEST_LEAP + 1)
