"""The spool: where a worker keeps unfinished files, and nothing of it is left behind."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Spool:
    """One worker's folder under `root`, with a workspace for every piece of work."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make the folder, and remove those of workers that were killed; it is gone at the end of the block.

        A worker holds the lock of its folder for as long as it lives; the kernel lets go of it however that ends.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "lock").open("w") as sweeping:
            # One at a time: a folder that is made but not yet locked must not look left behind.
            fcntl.flock(sweeping, fcntl.LOCK_EX)
            _sweep(self._root)
            self._folder = Path(tempfile.mkdtemp(prefix="worker-", dir=self._root))
            held = (self._folder / "lock").open("w")
            fcntl.flock(held, fcntl.LOCK_EX)
        with held:
            try:
                yield
            finally:
                shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def workspace(self, name: str) -> Iterator[Path]:
        """A new folder that is gone at the end of the block, whatever is in it."""
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _sweep(root: Path) -> None:
    for lock in root.glob("worker-*/lock"):
        with lock.open("r+") as owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(lock.parent, ignore_errors=True)
