"""What a supervisor asks of the process it started: one word a line on its standard input."""

import os
import shutil
import threading
from pathlib import Path
from typing import IO, Final, Literal, cast, get_args

from pianola_trainer.exits import Exit

Order = Literal["cancel", "pause", "release"]
"""cancel: stop, keep nothing more. pause, release: keep a checkpoint, then stop."""

ORDERS: Final[tuple[str, ...]] = get_args(Order)
RANK: Final = "PIANOLA_RANK"
"""The variable that says which process of an attempt this is; without it, rank 0."""


class Asked(Exception):
    """The supervisor asks the process to stop."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self.order: Order = order


class Orders:
    """The orders that came in. Reads `stream` in a daemon thread; the end of the stream means the supervisor died,
    and ends this process at once, its workspace, if it has one of its own, removed.
    """

    def __init__(self, stream: IO[str], workspace: Path | None) -> None:
        self._stream, self._workspace = stream, workspace
        self._order: Order | None = None
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def check(self, *only: Order) -> None:
        """Raise Asked where an order came in: any, or one of `only`. A cancel overtakes the others."""
        order = self._order
        if order is not None and (not only or order in only):
            raise Asked(order)

    def _listen(self) -> None:
        for line in self._stream:
            word = line.strip()
            if word in ORDERS and self._order != "cancel":
                self._order = cast(Order, word)
        # Nobody renews the lease any more: another worker may hold the run already.
        if self._workspace is not None:
            shutil.rmtree(self._workspace, ignore_errors=True)
        os._exit(Exit.ORPHANED)
