"""The spool: where a worker keeps unfinished files, and nothing of it is left behind."""

import errno
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
            for left in _left_behind(self._root):
                shutil.rmtree(left, ignore_errors=True)
            self._folder = Path(tempfile.mkdtemp(prefix="worker-", dir=self._root))
            held = (self._folder / "lock").open("w")
            fcntl.flock(held, fcntl.LOCK_EX)
        with held:
            try:
                yield
            finally:
                shutil.rmtree(self._folder, ignore_errors=True)

    def left_behind(self, remove: bool) -> list[tuple[Path, int]]:
        """Folders of workers that were killed, with their bytes. Unless removed, the next worker here removes them."""
        if not (self._root / "lock").exists():
            return []
        with (self._root / "lock").open("w") as sweeping:
            fcntl.flock(sweeping, fcntl.LOCK_EX)
            found = [(left, _bytes(left)) for left in _left_behind(self._root)]
            for left, _ in found if remove else ():
                shutil.rmtree(left, ignore_errors=True)
        return found

    @contextmanager
    def workspace(self, name: str) -> Iterator[Path]:
        """A new folder that is gone at the end of the block, whatever is in it."""
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def is_full(error: BaseException) -> bool:
    """Whether there was no room for a file: a matter of time, and of whoever looks after the disk."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _left_behind(root: Path) -> Iterator[Path]:
    """Folders that no worker holds, each while its lock is ours."""
    for lock in sorted(root.glob("worker-*/lock")):
        with lock.open("r+") as owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield lock.parent


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
