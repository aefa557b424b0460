"""What a dataset's windows are like: counts that add up over shards, and the figures people see.

Everything is counted in integers, exactly, from packed windows: the counts of two sets of shards add up with `+`, and
`-` takes a part out again, so that windows left out as duplicates need no second look at the others. A note is a run of
lit steps in one row of one window, as in `pianola.evaluation.metrics`: one that crosses a window's edge counts in both.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from pianola.codec import native
from pianola.codec.window import SIDE, STEPS_PER_QUARTER, Bytes, Integers, Mask
from pianola.dataset.runs import Runs, blocks, find_runs
from pianola.dataset.shards import Shard

CELLS_OF_DENSITY: Final = 24
"""Lit cells of a window in a bar of the density histogram: 24 / 9,216 of a window."""
NOTES_OF_BAR: Final = 4
BARS_OF_NOTES: Final = 65
"""Bars of the histogram of notes in a window: 0 to 3, 4 to 7 ... 256 and more."""
FASTEST: Final = 400
"""Quarter notes a minute; windows that are faster count here."""
BARS_OF_FILES: Final = 16
"""Bars of the histogram of windows in a file: 1, 2 to 3, 4 to 7 ... 32,768 and more."""

_Key = TypeVar("_Key", str, int)


def _zeros(size: int) -> Callable[[], Integers]:
    return lambda: np.zeros(size, np.int64)


@dataclass(frozen=True, eq=False)
class Statistics:
    """Counts of a set of windows; int64 arrays, all 0 for no windows.

    windows, held_out, silent: how many there are, are held out, have no lit step. files: [16] files by the binary
    logarithm of their windows, rounded down. lit, notes: [96] lit steps and notes by row (row 0 is the highest pitch).
    density: [385] windows by lit cells // 24. polyphony: [97] steps by rows lit at once. onsets: [12] notes that begin
    after a window's first step, by the step's place in the quarter note: at the first step no window can tell whether a
    note begins. phases: [12] windows by their first step's place in the quarter note. notes_in_window: [65] windows by
    notes // 4, 64 for all that are more. lengths: [97] notes by length in steps. ranges: [96] windows that are not
    silent, by semitones from their lowest note to their highest. tempo: [401] windows by quarter notes a minute,
    rounded. velocity: [128] notes by velocity. metres: windows by time signature. labels: windows by label number (-1:
    none) for each field.
    """

    windows: int = 0
    held_out: int = 0
    silent: int = 0
    files: Integers = field(default_factory=_zeros(BARS_OF_FILES))
    lit: Integers = field(default_factory=_zeros(SIDE))
    notes: Integers = field(default_factory=_zeros(SIDE))
    density: Integers = field(default_factory=_zeros(SIDE * SIDE // CELLS_OF_DENSITY + 1))
    polyphony: Integers = field(default_factory=_zeros(SIDE + 1))
    onsets: Integers = field(default_factory=_zeros(STEPS_PER_QUARTER))
    phases: Integers = field(default_factory=_zeros(STEPS_PER_QUARTER))
    notes_in_window: Integers = field(default_factory=_zeros(BARS_OF_NOTES))
    lengths: Integers = field(default_factory=_zeros(SIDE + 1))
    ranges: Integers = field(default_factory=_zeros(SIDE))
    tempo: Integers = field(default_factory=_zeros(FASTEST + 1))
    velocity: Integers = field(default_factory=_zeros(128))
    metres: Mapping[str, int] = field(default_factory=dict)
    labels: tuple[Mapping[int, int], ...] = ()

    def __add__(self, other: Statistics) -> Statistics:
        return _combined(self, other, 1)

    def __sub__(self, other: Statistics) -> Statistics:
        return _combined(self, other, -1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statistics) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def to_json(self) -> dict[str, Any]:
        """Every count by name, as JSON values; zeros at an array's end are left away."""
        arrays = {name: np.trim_zeros(getattr(self, name), "b").tolist() for name in _ARRAYS}
        labels = [{str(number): each[number] for number in sorted(each)} for each in self.labels]
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return numbers | arrays | {"metres": dict(sorted(self.metres.items())), "labels": labels}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Statistics:
        """The counts that `to_json` wrote."""
        arrays = {}
        for name in _ARRAYS:
            array = getattr(cls(), name)
            array[: len(values[name])] = values[name]
            arrays[name] = array
        labels = tuple({int(number): windows for number, windows in each.items()} for each in values["labels"])
        numbers: dict[str, Any] = {name: int(values[name]) for name in _NUMBERS}
        return cls(**numbers, **arrays, metres=dict(values["metres"]), labels=labels)


_NUMBERS: Final = ("windows", "held_out", "silent")
_ARRAYS: Final = tuple(
    each.name for each in dataclasses.fields(Statistics) if each.name not in (*_NUMBERS, "metres", "labels")
)


def count(shard: Shard) -> Statistics:
    """The statistics of a shard's windows."""
    total = Statistics(
        windows=len(shard),
        held_out=int(np.count_nonzero(shard.held_out)),
        files=_by_file(shard.file),
        phases=np.bincount(shard.start % STEPS_PER_QUARTER, minlength=STEPS_PER_QUARTER),
        tempo=_histogram(np.rint(np.clip(shard.tempo, 0, FASTEST)).astype(np.int64), FASTEST + 1),
        velocity=np.bincount(() if shard.velocity is None else shard.velocity.values, minlength=128),
        metres=_metres(shard.metre),
        labels=tuple(_by_number(column) for column in shard.labels.T),
    )
    return total + _of_rolls(shard.windows, shard.start)


def without(statistics: Statistics, shard: Shard, kept: Mask) -> Statistics:
    """The statistics of a set that has this shard, without the shard's windows that are not kept; kept: bool [n]."""
    return statistics if kept.all() else statistics - count(shard) + count(shard.rows(kept))


_OF_ROLLS: Final = ("lit", "notes", "density", "polyphony", "onsets", "notes_in_window", "lengths", "ranges")


def _of_rolls(packed: Bytes, start: npt.NDArray[np.int32]) -> Statistics:
    """What packed windows show; start: each window's first step in its file."""
    if native.module is not None:
        return _tallied(native.module.tally(np.ascontiguousarray(packed), np.ascontiguousarray(start)))
    total = Statistics()
    for block in blocks(len(packed)):
        total += _of_runs(find_runs(packed[block]), start[block].astype(np.int64))
    return total


def _tallied(tally: bytes) -> Statistics:
    """The counts as the compiled half lays them out: `silent`, then the arrays of _OF_ROLLS, each in full."""
    counts = np.frombuffer(tally, np.int64)
    none = Statistics()
    ends = np.cumsum([1, *(len(getattr(none, name)) for name in _OF_ROLLS)])
    arrays: dict[str, Any] = dict(zip(_OF_ROLLS, np.split(counts, ends)[1:], strict=False))
    return Statistics(silent=int(counts[0]), **arrays)


def _of_runs(runs: Runs, start: Integers) -> Statistics:
    """What the runs of some windows say; start: each window's first step in its file."""
    windows = len(start)
    notes = np.bincount(runs.window, minlength=windows)
    # Sums of lengths are floats below 2^53: exact.
    lit = np.bincount(runs.window, runs.length, windows).astype(np.int64)
    after_first = runs.begin > 0
    steps = (start[runs.window] + runs.begin)[after_first]
    return Statistics(
        silent=int(np.count_nonzero(notes == 0)),
        lit=np.bincount(runs.row, runs.length, SIDE).astype(np.int64),
        notes=np.bincount(runs.row, minlength=SIDE),
        density=_histogram(lit // CELLS_OF_DENSITY, SIDE * SIDE // CELLS_OF_DENSITY + 1),
        polyphony=_polyphony(runs, windows),
        # numpy divides by a number several times as fast as it takes remainders.
        onsets=np.bincount(steps - steps // STEPS_PER_QUARTER * STEPS_PER_QUARTER, minlength=STEPS_PER_QUARTER),
        notes_in_window=_histogram(notes // NOTES_OF_BAR, BARS_OF_NOTES),
        lengths=np.bincount(runs.length, minlength=SIDE + 1),
        ranges=_ranges(runs.row, notes),
    )


def _polyphony(runs: Runs, windows: int) -> Integers:
    """[97] steps by rows lit at once."""
    # One step more than a window has: a run that reaches its end closes there.
    begins = runs.window * (SIDE + 1) + runs.begin
    change = np.bincount(begins, minlength=windows * (SIDE + 1))
    change -= np.bincount(begins + runs.length, minlength=windows * (SIDE + 1))
    at_once = np.cumsum(change).reshape(windows, SIDE + 1)[:, :SIDE]
    return np.bincount(at_once.reshape(-1), minlength=SIDE + 1)


def _ranges(row: Integers, notes: Integers) -> Integers:
    """[96] windows by the rows between their first note and their last, which is the lowest; notes: of each window."""
    ends = np.cumsum(notes)[notes > 0]
    return np.bincount(row[ends - 1] - row[ends - notes[notes > 0]], minlength=SIDE)


def _by_file(file: npt.NDArray[np.int32]) -> Integers:
    """[16] files by the binary logarithm of their windows."""
    sizes = np.diff(np.flatnonzero(np.diff(file, prepend=-1)), append=len(file))
    return _histogram(np.frexp(sizes)[1].astype(np.int64) - 1, BARS_OF_FILES)


def _histogram(values: Integers, bars: int) -> Integers:
    """[bars] how often each value occurs; the last bar is for all that are larger."""
    return np.bincount(np.minimum(values, bars - 1), minlength=bars)


def _metres(metre: Bytes) -> dict[str, int]:
    found, windows = np.unique(metre[:, 0].astype(np.int64) << 8 | metre[:, 1], return_counts=True)
    pairs = zip(found.tolist(), windows.tolist(), strict=True)
    return {f"{both >> 8}/{both & 0xFF}": number for both, number in pairs}


def _by_number(labels: npt.NDArray[np.int16]) -> dict[int, int]:
    found, windows = np.unique(labels, return_counts=True)
    return dict(zip(found.tolist(), windows.tolist(), strict=True))


def _combined(one: Statistics, other: Statistics, sign: int) -> Statistics:
    summed: dict[str, Any] = {name: getattr(one, name) + sign * getattr(other, name) for name in (*_NUMBERS, *_ARRAYS)}
    # What has no windows yet knows of no fields.
    none: Mapping[int, int] = {}
    pairs = zip_longest(one.labels, other.labels, fillvalue=none)
    labels = tuple(_summed(mine, others, sign) for mine, others in pairs)
    return Statistics(**summed, metres=_summed(one.metres, other.metres, sign), labels=labels)


def _summed(one: Mapping[_Key, int], other: Mapping[_Key, int], sign: int) -> dict[_Key, int]:
    """Sums or differences by key, without those that are 0."""
    total = Counter(one)
    for key, number in other.items():
        total[key] += sign * number
    return {key: number for key, number in total.items() if number}
