"""What an import holds on the disk until it is done: files without a name, gone with whoever opened them."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from pianola.records.datasets import NewFile

_READ_BYTES: Final = 2**16


@contextmanager
def spooled(folder: Path) -> Iterator[IO[bytes]]:
    """An empty file in `folder` that no path leads to: a process that is killed leaves nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as stream:
        yield stream


def pieces(spool: IO[bytes]) -> Iterator[bytes]:
    """What `spool` holds, from its beginning."""
    spool.seek(0)
    while piece := spool.read(_READ_BYTES):
        yield piece


class Rows:
    """The files an import has kept, for the records: written down one by one, read back in the same order."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def add(self, file: NewFile) -> None:
        """One more."""
        self._stream.write(json.dumps([file.name, file.sha256, file.size]).encode() + b"\n")
        self.count += 1

    def __iter__(self) -> Iterator[NewFile]:
        self._stream.seek(0)
        for line in self._stream:
            name, sha256, size = json.loads(line)
            yield NewFile(name, sha256, size)
