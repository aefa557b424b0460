"""The port: what a store of immutable objects can do."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Protocol

# What every server and every file system takes.
_KEY_BYTES: Final = 1024
_NAME_BYTES: Final = 255
ASIDE: Final = ".writing"
"""what no part of a key is called: where a directory keeps what is being written"""


class ObjectMissing(LookupError):
    """No object has this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no object {key!r} in the store")
        self.key = key


class NotAKey(ValueError):
    """No object can have this key."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key!r} is not an object key: use names of at most {_NAME_BYTES} bytes separated by single slashes, "
            f"{_KEY_BYTES} bytes altogether, no control characters"
        )
        self.key = key


class StoreUnavailable(RuntimeError):
    """The store did not answer, or refused for a reason that is not the caller's."""

    def __init__(self, action: str, reason: object) -> None:
        super().__init__(f"the object store failed to {action}: {reason}")
        self.action = action


class ObjectCorrupt(RuntimeError):
    """An object's bytes are not those its record names."""

    def __init__(self, key: str, expected: str, found: str) -> None:
        super().__init__(f"object {key!r} has sha256 {found}, its record says {expected}")
        self.key = key


@dataclass(frozen=True)
class Stored:
    """An object as the store lists it: its key, its bytes, and when it was written by the store's own clock."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Unfinished:
    """A write that was begun and not ended: what was written so far takes room and is no object.

    `token` is what the store knows it by; `size` in bytes, 0 where the store does not say.
    """

    key: str
    token: str
    size: int
    begun: datetime


class ObjectStore(Protocol):
    """Immutable objects by key.

    A key is written once; writing it again with the same content changes nothing. Keys hold the content's digest or an
    attempt's number, so two writers of one key write the same bytes. An object is visible whole or not at all.
    Every method raises StoreUnavailable when the store does not answer, NotAKey for what can be no object's key.
    """

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""

    def put_file(self, key: str, path: Path) -> None:
        """Store the file's bytes under `key` without holding them in memory."""

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises ObjectMissing."""

    def head(self, key: str, size: int) -> bytes:
        """The object's first `size` bytes (at least 1), all of them where it has fewer. Raises ObjectMissing."""

    def get_file(self, key: str, path: Path) -> None:
        """Write the object's bytes to `path` without holding them in memory. Raises ObjectMissing.

        A file that is at `path` already is replaced when all bytes are there, and stays as it is when they do not come.
        """

    def open(self, key: str) -> IO[bytes]:
        """A stream of the object's bytes; the caller closes it. Raises ObjectMissing.

        Reading it raises StoreUnavailable when the bytes end before the object does.
        """

    def exists(self, key: str) -> bool:
        """Whether the object is there, whole."""

    def stat(self, key: str) -> Stored | None:
        """The object as it is listed; None where it is not there."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, in order."""

    def listed(self, prefix: str) -> Iterator[Stored]:
        """Objects whose keys begin with `prefix`, in order."""

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error."""

    def unfinished(self) -> Iterator[Unfinished]:
        """Writes that have not ended: under way, or left by writers that were killed."""

    def abandon(self, write: Unfinished) -> None:
        """Give the room of an unfinished write back; one that is gone is no error."""

    def ready(self) -> None:
        """Raise StoreUnavailable unless the store can be read and written to now."""


def checked(key: str) -> str:
    """The key. Raises NotAKey."""
    parts = key.split("/")
    if (
        any(part in ("", ".", "..", ASIDE) or len(part.encode(errors="replace")) > _NAME_BYTES for part in parts)
        or len(key.encode(errors="replace")) > _KEY_BYTES
        or not key.isprintable()
    ):
        raise NotAKey(key)
    return key


@contextmanager
def arriving(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends well, and leaves nothing when it does not."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """The file's sha256, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verified(store: ObjectStore, key: str, sha256: str) -> bytes:
    """The object's bytes, checked. Raises ObjectMissing, ObjectCorrupt."""
    data = store.get(key)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ObjectCorrupt(key, sha256, found)
    return data
