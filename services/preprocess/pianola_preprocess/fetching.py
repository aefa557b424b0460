"""Uploaded files, read from the store ahead of whoever judges them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Final, Protocol

from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore, verified
from pianola.objects.layout import file_key

THREADS: Final = 8
"""A store in the same building answers in 5 to 20 ms: eight at a time are read as fast as they are judged."""
AT_ONCE: Final = 4
"""Files that a thread reads before it hands them over, which costs more than reading a file from a disk."""


class Uploaded(Protocol):
    """A file of a dataset: its name there, and the sha256 of its bytes."""

    @property
    def name(self) -> str:
        """Its name in the dataset."""

    @property
    def sha256(self) -> str:
        """Of its bytes, hexadecimal."""


class FileLost(RuntimeError):
    """The store no longer holds a file's bytes as they were uploaded."""

    def __init__(self, name: str, reason: object) -> None:
        super().__init__(
            f"the uploaded file {name!r} cannot be read back ({reason}): upload it again, then build again"
        )
        self.name = name


@contextmanager
def read_ahead(store: ObjectStore, folder: str, files: Sequence[Uploaded]) -> Iterator[Iterator[bytes]]:
    """The checked bytes of `files`, in order. All of them may be in memory: give it a chunk's, which are bounded.

    The iterator raises FileLost and StoreUnavailable.
    """
    threads = ThreadPoolExecutor(THREADS, "fetch")
    try:
        groups = [files[first : first + AT_ONCE] for first in range(0, len(files), AT_ONCE)]
        yield chain.from_iterable(threads.map(partial(_read_group, store, folder), groups))
    finally:
        # Not waited for: a worker that is told to stop must not hang on a store that does not answer.
        threads.shutdown(wait=False, cancel_futures=True)


def _read_group(store: ObjectStore, folder: str, files: Sequence[Uploaded]) -> list[bytes]:
    return [read_one(store, folder, file) for file in files]


def read_one(store: ObjectStore, folder: str, file: Uploaded) -> bytes:
    """The checked bytes of a file. Raises FileLost, StoreUnavailable."""
    try:
        return verified(store, file_key(folder, file.sha256), file.sha256)
    except (ObjectMissing, ObjectCorrupt) as error:
        raise FileLost(file.name, error) from error
