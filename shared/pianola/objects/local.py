"""A local directory as object store: one file an object, written aside and renamed into place."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from pianola.objects.store import ASIDE, ObjectMissing, Stored, StoreUnavailable, Unfinished, arriving, checked


class LocalStore:
    """Objects as files under `root`. See ObjectStore for the promises kept."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""
        with self._replacing(key) as stream:
            stream.write(data)

    def put_file(self, key: str, path: Path) -> None:
        """Store the file's bytes under `key`."""
        with path.open("rb") as source, self._replacing(key) as stream:
            shutil.copyfileobj(source, stream, 2**20)

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises ObjectMissing."""
        with self.open(key) as stream:
            return stream.read()

    def head(self, key: str, size: int) -> bytes:
        """The object's first `size` bytes. Raises ObjectMissing."""
        with self.open(key) as stream:
            return stream.read(size)

    def get_file(self, key: str, path: Path) -> None:
        """Write the object's bytes to `path`. Raises ObjectMissing."""
        with self.open(key) as stream, arriving(path) as target:
            shutil.copyfileobj(stream, target, 2**20)

    def open(self, key: str) -> IO[bytes]:
        """A stream of the object's bytes. Raises ObjectMissing."""
        try:
            return self._path(key).open("rb")
        except OSError as error:
            if self._says_missing(error):
                raise ObjectMissing(key) from None
            raise StoreUnavailable(f"read {key}", error) from error

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        return self._path(key).is_file()

    def stat(self, key: str) -> Stored | None:
        """The object as it is listed; None where it is not there."""
        path = self._path(key)
        try:
            found = path.stat()
        except OSError as error:
            if self._says_missing(error):
                return None
            raise StoreUnavailable(f"look up {key}", error) from error
        return Stored(key, found.st_size, _time(found)) if stat.S_ISREG(found.st_mode) else None

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, in order."""
        # The folder part of the prefix bounds the walk.
        start = self._root / prefix.rpartition("/")[0]
        found = (path.relative_to(self._root).as_posix() for path in start.rglob("*") if path.is_file())
        return iter(sorted(key for key in found if key.startswith(prefix) and not key.startswith(ASIDE)))

    def listed(self, prefix: str) -> Iterator[Stored]:
        """Objects whose keys begin with `prefix`, in order."""
        for key in self.keys(prefix):
            if (found := self.stat(key)) is not None:  # not deleted since
                yield found

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is no error."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"delete {key}", error) from error

    def unfinished(self) -> Iterator[Unfinished]:
        """Writes that have not ended: under way, or left by writers that were killed."""
        aside = self._root / ASIDE
        for path in sorted(aside.iterdir()) if aside.is_dir() else ():
            with suppress(FileNotFoundError):
                found = path.stat()
                yield Unfinished(f"{ASIDE}/{path.name}", path.name, found.st_size, _time(found))

    def abandon(self, write: Unfinished) -> None:
        """Give the room of an unfinished write back; one that is gone is no error."""
        try:
            (self._root / ASIDE / write.token).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"delete {write.key}", error) from error

    def ready(self) -> None:
        """Raise StoreUnavailable unless the directory can be written to."""
        try:
            (self._root / ASIDE).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root / ASIDE):
                pass
        except OSError as error:
            raise StoreUnavailable(f"write to {self._root}", error) from error

    def _says_missing(self, error: OSError) -> bool:
        """Whether there is no such object; where `root` is no folder, nothing is known of any."""
        if isinstance(error, NotADirectoryError):
            return self._root.is_dir()
        return isinstance(error, FileNotFoundError | IsADirectoryError)

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    @contextmanager
    def _replacing(self, key: str) -> Iterator[IO[bytes]]:
        target, aside = self._path(key), self._root / ASIDE
        try:
            aside.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=aside, delete=False) as stream:
                written = Path(stream.name)
                try:
                    yield stream.file
                    stream.flush()
                    os.fsync(stream.fileno())
                    written.replace(target)
                finally:
                    written.unlink(missing_ok=True)
            _sync_directory(target.parent)
        except OSError as error:
            raise StoreUnavailable(f"write {key}", error) from error


def _time(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)


def _sync_directory(path: Path) -> None:
    # The rename itself is durable only once its directory is.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
