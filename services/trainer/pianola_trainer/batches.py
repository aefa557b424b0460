"""Which windows are held out, and which a step learns from: functions of the dataset and the run's seed alone.

Nothing here has a state to save. A resumed run asks for the batch of its next step and gets the one it would have had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pianola.codec.window import Integers, Mask

_OF_SPLIT: Final = 1
_OF_EPOCH: Final = 2
_OF_STEP: Final = 3
_OF_FILES: Final = 4
_OF_SHARDS: Final = 5

MIXED: Final = 16
"""Shards whose windows are mixed in batches, about 100,000 windows: two groups of so many are all that training needs
in memory of a set of any size. It is no setting, since weights depend on it."""
MOST_TRAINING: Final = 40_000
MOST_HELD_OUT: Final = 10_000
"""Windows of each side that a set of more shards is measured by."""


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows held out, both in the dataset's order.

    by: "dataset" (the dataset's own hold-out, the same for every run), "file" (no file is on both sides), "window" (a
    dataset of one file: its last windows are held out, so that only one pair of neighbours is parted), "nothing"
    (nothing is held out).
    """

    training: Integers
    held_out: Integers
    by: Literal["dataset", "file", "window", "nothing"]


def split_of_dataset(held_out: Mask) -> Split:
    """The sides that the dataset itself has: held_out bool [n]. Either may be empty."""
    return Split(np.flatnonzero(~held_out), np.flatnonzero(held_out), "dataset")


def split(file: NDArray[np.int32], share: float, seed: int) -> Split:
    """Hold out about `share` of the windows; file: int32 [n], each window's file.

    Files are taken in an order drawn from `seed` as long as they fit into the share, at least one.
    """
    rows = np.arange(len(file))
    files, sizes = np.unique(file, return_counts=True)
    wanted = share * len(rows)
    if not share or len(rows) < 2:
        return Split(rows, rows[:0], "nothing")
    if len(files) == 1:
        first = len(rows) - max(1, round(wanted))
        return Split(rows[:first], rows[first:], "window")
    chosen: list[int] = []
    held = 0
    for index in _generator(_OF_SPLIT, seed, 0).permutation(len(files)):
        if held + sizes[index] <= wanted:
            chosen.append(int(files[index]))
            held += int(sizes[index])
    mask = np.isin(file, chosen or [int(files[sizes.argmin()])])
    return Split(rows[~mask], rows[mask], "file")


def split_of_run(file: NDArray[np.int32], of_dataset: Mask | None, share: float, seed: int) -> Split:
    """A run's sides: the dataset's own, of_dataset bool [n], where it has them, else drawn for the run."""
    return split(file, share, seed) if of_dataset is None else split_of_dataset(of_dataset)


def by_file(file: NDArray[np.int32], seed: int) -> Integers:
    """All rows, those of a file together, the files in an order drawn from `seed`."""
    files, which = np.unique(file, return_inverse=True)
    return np.argsort(_generator(_OF_FILES, seed, 0).permutation(len(files))[which], kind="stable")


@dataclass(frozen=True)
class Stretch:
    """A stretch of an epoch's order that has all training rows of a few shards: rows `start` to `end` of the order."""

    shards: Integers
    start: int
    end: int


class Batches:
    """The order in which training rows are learnt from: every row once an epoch, in an order of the epoch's own.

    Epochs follow one another in one stream, which is cut into batches of the same size: networks that look at a whole
    batch at once never see a crumb. There are never more rows in a batch than there are.

    The rows of up to MIXED shards are drawn in any order. Of more shards each epoch draws groups of up to MIXED, and
    goes through the groups, the rows of a group in any order: at no time are rows of many shards wanted. So it is
    wherever the windows are kept: the same run has the same batches in a large memory and in a small one.
    """

    def __init__(self, rows: Integers, batch: int, seed: int, ends: Integers | None = None) -> None:
        """rows: ascending. ends: int64 [s], where each shard's rows end and the next one's begin; None: one shard."""
        self._rows, self._seed = rows, seed
        self.size = min(batch, len(rows))
        # Where each shard's training rows end among `rows`.
        self._ends = np.array([len(rows)]) if ends is None else np.searchsorted(rows, ends)
        self._sizes = np.diff(self._ends, prepend=0)
        self._shards = np.flatnonzero(self._sizes)
        # Asked for at every step of an epoch; the next one's at its end.
        self._stretches = lru_cache(maxsize=2)(self._draw_stretches)
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def at(self, step: int) -> Integers:
        """The rows of step `step` (0, 1, 2 ... over all epochs)."""
        epoch, cursor = self.place(step)
        rows = self._between(epoch, cursor, cursor + self.size)
        if (missing := self.size - len(rows)) > 0:
            rows = np.concatenate([rows, self._between(epoch + 1, 0, missing)])
        return rows

    def place(self, step: int) -> tuple[int, int]:
        """The epoch that step `step` begins in, and how many of its rows were learnt from before."""
        return divmod(step * self.size, len(self._rows))

    def steps(self, epochs: int) -> int:
        """Steps until every row was learnt from `epochs` times."""
        return -(-epochs * len(self._rows) // self.size)

    def groups_of(self, step: int) -> range:
        """The groups of shards that step `step` takes rows of, numbered through all epochs."""
        epoch, cursor = self.place(step)
        later, last = divmod(cursor + self.size - 1, len(self._rows))
        return range(self._number(epoch, cursor), self._number(epoch + later, last) + 1)

    def group(self, number: int) -> Integers:
        """The shards of a group, ascending."""
        epoch, place = divmod(number, self.groups)
        return self._stretches(epoch)[place].shards

    @property
    def groups(self) -> int:
        """Groups of shards in an epoch."""
        return -(-len(self._shards) // MIXED)

    def _number(self, epoch: int, cursor: int) -> int:
        ends = [stretch.end for stretch in self._stretches(epoch)]
        return epoch * self.groups + int(np.searchsorted(ends, cursor, side="right"))

    def _between(self, epoch: int, start: int, end: int) -> Integers:
        """Rows `start` to `end` of an epoch's order, as many of them as it has."""
        found = [
            self._order(epoch, place)[max(start - stretch.start, 0) : end - stretch.start]
            for place, stretch in enumerate(self._stretches(epoch))
            if stretch.start < end and start < stretch.end
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _draw_stretches(self, epoch: int) -> Sequence[Stretch]:
        shards = self._shards
        if self.groups > 1:
            shards = _generator(_OF_SHARDS, self._seed, epoch).permutation(shards)
        # Groups of one size, nearly: none is a crumb.
        groups = [np.sort(group) for group in np.array_split(shards, self.groups)]
        ends = np.cumsum([self._sizes[group].sum() for group in groups]).tolist()
        return [Stretch(*parts) for parts in zip(groups, [0, *ends], ends, strict=False)]

    def _draw_order(self, epoch: int, place: int) -> Integers:
        shards = self._stretches(epoch)[place].shards
        ends = self._ends[shards]
        rows = np.concatenate(
            [self._rows[end - size : end] for size, end in zip(self._sizes[shards], ends, strict=True)]
        )
        return rows[_generator(_OF_EPOCH, self._seed, epoch, place).permutation(len(rows))]


def excerpt(sides: Split, ends: Integers | None) -> tuple[Integers, Split] | None:
    """The rows, ascending, that a set of more than MIXED shards is measured by, and its sides as places among them.

    Of each side at most so many rows as below, evenly, of MIXED shards that lie evenly among those that have any. None
    where there are no more shards: nothing is left out.
    """
    if ends is None or len(ends) <= MIXED:
        return None
    training = evenly(_of_few_shards(sides.training, ends), MOST_TRAINING)
    held_out = evenly(_of_few_shards(sides.held_out, ends), MOST_HELD_OUT)
    rows = np.union1d(training, held_out)
    return rows, Split(np.searchsorted(rows, training), np.searchsorted(rows, held_out), sides.by)


def _of_few_shards(rows: Integers, ends: Integers) -> Integers:
    which = np.searchsorted(ends, rows, side="right")
    return rows[np.isin(which, evenly(np.unique(which), MIXED))]


def evenly(rows: Integers, most: int) -> Integers:
    """At most `most` of the rows, evenly spaced, the same ones every time."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def step_seed(seed: int, step: int) -> int:
    """A seed for all that is drawn at random in one step: 0 to 2^63 - 1."""
    return int(_generator(_OF_STEP, seed, step).integers(2**63))


def _generator(purpose: int, seed: int, number: int, part: int = 0) -> np.random.Generator:
    """Philox is counter-based: four numbers make a stream of its own, without a state to carry on."""
    key = np.array([seed, number], np.uint64)
    return np.random.Generator(np.random.Philox(counter=np.array([0, 0, part, purpose], np.uint64), key=key))
