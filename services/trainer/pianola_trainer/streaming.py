"""Windows of a dataset that memory does not hold: shards come from the store shortly before their rows are wanted.

A window is 1,152 bytes: ten thousand a second, which is more than a CPU learns from, are 12 MB a second, so the store
is asked again in every epoch and nothing is kept on disk. What comes is checked against its digest every time.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import structlog

from pianola.codec.window import SIDE, Bytes, Integers
from pianola.codec.windows import PACKED
from pianola.dataset.shards import Origins
from pianola.objects import StoreUnavailable
from pianola_trainer.batches import Batches
from pianola_trainer.reading import Shards

_LOOK_SECONDS: Final = 0.2
"""How often a wait looks whether it is to go on."""

_log = structlog.get_logger("streaming")


class StreamedWindows:
    """The packed windows [n, 96, 12] of a dataset, by row, with those of a few shards in memory.

    That is at most `most_bytes`, or two groups of `Batches` where that is more, and a shard that is just being read.
    """

    def __init__(self, shards: Shards, origins: Origins, most_bytes: int) -> None:
        """origins: of all windows, from the shards' heads; each shard is held to them when it is read whole."""
        self._shards, self._origins, self._most_bytes = shards, origins, most_bytes
        self._ahead: _Ahead | None = None

    def __len__(self) -> int:
        return len(self._origins)

    @property
    def bytes_here(self) -> int:
        """What the windows in memory take at the moment."""
        return 0 if self._ahead is None else self._ahead.bytes_here()

    def __getitem__(self, rows: Integers) -> Bytes:
        """Uint8 [len(rows), 96, 12]. Shards that nobody prepared are read for this alone. Raises as `prepare`."""
        numbers = np.searchsorted(self._shards.ends, rows, side="right")
        found = np.empty((len(rows), SIDE, PACKED), np.uint8)
        here = {} if self._ahead is None else self._ahead.here
        for number in np.unique(numbers).tolist():
            places = np.flatnonzero(numbers == number)
            windows = here.get(number)
            if windows is None:
                windows = self.read(number)
            found[places] = windows[rows[places] - self._shards.start_of(number)]
        return found

    def prepare(self, batches: Batches, step: int, check: Callable[[], None]) -> None:
        """Wait until the rows of step `step` are in memory; those of the steps after it are fetched meanwhile.

        `check` is called now and then while this waits. Raises what it raises, DatasetUnreadable, and StoreUnavailable
        where the store stays away.
        """
        groups = batches.groups_of(step)
        if self._ahead is None or not self._ahead.has_in_sight(batches, groups.start):
            self.close()
            _log.info("streaming", step=step, group=groups.start)
            self._ahead = _Ahead(self, self._shards, batches, groups.start, self._most_bytes)
        self._ahead.wait_for(groups, check)

    def read(self, number: int) -> Bytes:
        """The windows of a shard. Raises DatasetUnreadable, StoreUnavailable."""
        shard = self._shards.read(number)
        expected = self._origins.rows(slice(self._shards.start_of(number), int(self._shards.ends[number])))
        for name in ("file", "held_out", "labels"):
            if not np.array_equal(getattr(shard, name), getattr(expected, name)):
                raise self._shards.refuse(f"shard {self._shards.manifest.shards[number].sha256} was changed meanwhile")
        return shard.windows

    def close(self) -> None:
        """Fetch no more, hold nothing."""
        if self._ahead is not None:
            self._ahead.stop()
            self._ahead = None


class _Ahead:
    """A thread that reads the shards of one group after another, as far as memory allows."""

    def __init__(self, windows: StreamedWindows, shards: Shards, batches: Batches, first: int, most_bytes: int) -> None:
        self._windows, self._shards, self._batches, self._most_bytes = windows, shards, batches, most_bytes
        self.here: dict[int, Bytes] = {}
        """Windows by shard: all that are wanted, and, while there is room, some that were or will be."""
        self._groups: dict[int, set[int]] = {}
        self._wanted = range(first, first + 1)
        self._reading = first
        self._stopped = False
        self._failure: Exception | None = None
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="shards", daemon=True).start()

    def has_in_sight(self, batches: Batches, group: int) -> bool:
        """Whether the group is here or is the one that is read now."""
        return batches is self._batches and self._wanted.start <= group <= self._reading

    def wait_for(self, groups: range, check: Callable[[], None]) -> None:
        """See StreamedWindows.prepare. What is before these groups is not wanted any more."""
        with self._changed:
            if groups != self._wanted:
                self._wanted = groups
                self._groups = {number: shards for number, shards in self._groups.items() if number >= groups.start}
                self._changed.notify_all()
            while self._reading <= groups[-1]:
                if self._failure is not None:
                    raise self._failure
                check()
                self._changed.wait(_LOOK_SECONDS)

    def bytes_here(self) -> int:
        """What `here` takes."""
        with self._changed:
            return sum(windows.nbytes for windows in self.here.values())

    def stop(self) -> None:
        """End the thread, at the latest when the shard that it reads is here."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while not self._stopped:
                self._read_group()
        # Whatever it is, it is for the one who waits.
        except Exception as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _read_group(self) -> None:
        shards = self._batches.group(self._reading).tolist()
        with self._changed:
            self._groups[self._reading] = set(shards)
        for shard in shards:
            with self._changed:
                self._changed.wait_for(partial(self._may_go_on, shard))
                if self._stopped:
                    return
                if shard in self.here:
                    continue
            windows = self._read(shard)
            with self._changed:
                self.here[shard] = windows
        with self._changed:
            self._reading += 1
            self._changed.notify_all()

    def _read(self, shard: int) -> Bytes:
        while True:
            try:
                return self._windows.read(shard)
            except StoreUnavailable:
                # While nobody waits for it, an outage may last.
                if self._stopped or self._reading <= self._wanted[-1]:
                    raise

    def _may_go_on(self, shard: int) -> bool:
        """Whether to read the shard now: it is due, or there is room for it once what nobody wants is gone."""
        due = self._reading <= max(self._wanted[-1], self._wanted.start + 1)
        if not due and self._reading >= self._wanted.start + self._batches.groups:
            # An epoch ahead has all there is.
            return self._stopped
        if self._stopped or shard in self.here:
            return True
        room = self._most_bytes - sum(windows.nbytes for windows in self.here.values())
        for spare in self.here.keys() - set().union(*self._groups.values()):
            if room < self._shards.bytes_of(shard):
                room += self.here.pop(spare).nbytes
        return due or room >= self._shards.bytes_of(shard)
