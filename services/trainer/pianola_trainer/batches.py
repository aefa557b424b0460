"""Which windows are held out, and which a step learns from: functions of the dataset and the run's seed alone.

Nothing here has a state to save. A resumed run asks for the batch of its next step and gets the one it would have had.
"""

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


class Batches:
    """The order in which training rows are learnt from: every row once an epoch, in an order of the epoch's own.

    Epochs follow one another in one stream, which is cut into batches of the same size: networks that look at a whole
    batch at once never see a crumb. There are never more rows in a batch than there are.
    """

    def __init__(self, rows: Integers, batch: int, seed: int) -> None:
        self._rows, self._seed = rows, seed
        self.size = min(batch, len(rows))
        # An epoch's order is asked for at every step of it, the next one's at its end.
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def at(self, step: int) -> Integers:
        """The rows of step `step` (0, 1, 2 ... over all epochs)."""
        epoch, cursor = self.place(step)
        rows = self._order(epoch)[cursor : cursor + self.size]
        if len(rows) < self.size:
            rows = np.concatenate([rows, self._order(epoch + 1)[: self.size - len(rows)]])
        return rows

    def place(self, step: int) -> tuple[int, int]:
        """The epoch that step `step` begins in, and how many of its rows were learnt from before."""
        return divmod(step * self.size, len(self._rows))

    def steps(self, epochs: int) -> int:
        """Steps until every row was learnt from `epochs` times."""
        return -(-epochs * len(self._rows) // self.size)

    def _draw_order(self, epoch: int) -> Integers:
        return self._rows[_generator(_OF_EPOCH, self._seed, epoch).permutation(len(self._rows))]


def evenly(rows: Integers, most: int) -> Integers:
    """At most `most` of the rows, evenly spaced, the same ones every time."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def step_seed(seed: int, step: int) -> int:
    """A seed for all that is drawn at random in one step: 0 to 2^63 - 1."""
    return int(_generator(_OF_STEP, seed, step).integers(2**63))


def _generator(purpose: int, seed: int, number: int) -> np.random.Generator:
    """Philox is counter-based: three numbers make a stream of its own, without a state to carry on."""
    key = np.array([seed, number], np.uint64)
    return np.random.Generator(np.random.Philox(counter=np.array([0, 0, 0, purpose], np.uint64), key=key))
