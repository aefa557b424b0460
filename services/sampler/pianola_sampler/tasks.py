"""What may be asked of the thread that decodes, and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pianola.models.generator import Ends, Generator

Positions = npt.NDArray[np.float32]
Rolls = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Task:
    """Positions z [n, d] that a generator turns into windows, lit above `threshold`; `model` names it in measures.

    labels: int [n], what they are to be played as by a generator with conditions. temperature: as Generator has it;
    None is the generator's own, if it has any. ends: the positions are a way with these, see Generator.way, and have a
    batch alone.
    """

    generator: Generator
    model: str
    z: Positions
    threshold: float
    labels: Labels | None = None
    temperature: float | None = None
    ends: Ends | None = None

    def fits(self, other: Task) -> bool:
        """Whether one batch may hold both."""
        if self.ends is not None or other.ends is not None:
            return False
        labelled = (self.labels is None) == (other.labels is None)
        alike = self.threshold == other.threshold and self.temperature == other.temperature
        return self.generator is other.generator and alike and labelled

    @property
    def plays(self) -> Generator:
        """The generator at the task's temperature."""
        return self.generator if self.temperature is None else self.generator.tempered(self.temperature)

    def __len__(self) -> int:
        return len(self.z)


@dataclass(frozen=True)
class Work(Generic[_T]):
    """Something else that a generator does, in a batch alone; `model` names it in measures."""

    model: str
    do: Callable[[], _T]
    windows: int = 1

    def __len__(self) -> int:
        return self.windows


class Players:
    """Play batches, the windows of one shared among `threads`: its own caller's and others that it starts."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._others = ThreadPoolExecutor(threads, "player")

    def done(self, tasks: Sequence[Task | Work[Any]]) -> Sequence[Any]:
        """What each of a batch comes to: its windows, or what the one that is alone does."""
        together = [task for task in tasks if isinstance(task, Task)]
        if len(together) < len(tasks):
            return [task.do() for task in tasks if isinstance(task, Work)]
        first = together[0]
        if first.ends is not None:
            return [first.plays.way(first.z, first.threshold, first.labels, first.ends)]
        windows = self._windows(first, np.concatenate([task.z for task in together]), _joined(together))
        return np.split(windows, np.cumsum([len(task) for task in together])[:-1])

    def _windows(self, like: Task, z: Positions, labels: Labels | None) -> Rolls:
        plays, shares = like.plays, min(self._threads, len(z))
        ends = [len(z) * share // shares for share in range(shares + 1)]

        def play(begin: int, end: int) -> Rolls:
            return plays.windows(z[begin:end], like.threshold, None if labels is None else labels[begin:end])

        others = [self._others.submit(play, *share) for share in pairwise(ends[1:])]
        parts = [play(*ends[:2]), *(other.result() for other in others)]
        return np.concatenate(parts) if others else parts[0]


def _joined(tasks: Sequence[Task]) -> Labels | None:
    """The labels of tasks that fit: all have some or none has."""
    given = [task.labels for task in tasks if task.labels is not None]
    return np.concatenate(given) if given else None
