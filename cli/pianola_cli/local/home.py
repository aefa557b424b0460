"""The home folder of a Pianola on one machine: where records, objects, messages and logs lie."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pianola_cli.errors import PianolaError

# A log that a former start left longer than this is put aside, so that two hold at most twice as much.
_LOG_BYTES = 10_000_000


class HomeInUse(PianolaError):
    """Another `pianola up` runs with this home."""

    def __init__(self, home: Path, process: str) -> None:
        self.home = home
        super().__init__(
            f"Pianola already runs with the home {home} (process {process}); stop it or give another --home"
        )


class NoHome(PianolaError):
    """There is no Pianola in this folder."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"there is no Pianola at {home}: name its home with --home, or for one on servers set PIANOLA_DATABASE_URL "
            "and what else its services are given"
        )


class BadHome(PianolaError):
    """The home folder cannot be made or written to."""

    def __init__(self, home: Path, error: OSError) -> None:
        super().__init__(f"cannot use {home} as home: {error.strerror or error}; give another with --home")


def default_home() -> Path:
    """~/.local/share/pianola, or where XDG_DATA_HOME says."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "pianola"


@dataclass(frozen=True)
class Home:
    """A home folder and the places in it."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite file of the records."""
        return self.path / "records.sqlite"

    @property
    def database_url(self) -> str:
        """The records' address for the services."""
        return f"sqlite:///{self.database}"

    @property
    def objects(self) -> Path:
        """The object store's folder."""
        return self.path / "objects"

    @property
    def broker(self) -> Path:
        """The broker's folder: its configuration and append-only file."""
        return self.path / "broker"

    @property
    def spool(self) -> Path:
        """Where workers keep files they have not finished."""
        return self.path / "spool"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.path / "logs"

    def alive(self, name: str) -> Path:
        """The file that worker `name` touches as long as it hears its queue."""
        return self.logs / f"{name}.alive"

    def environment(self, broker_url: str) -> dict[str, str]:
        """What services and operations need to find what is in it."""
        return {
            "PIANOLA_DATABASE_URL": self.database_url,
            "PIANOLA_BROKER_URL": broker_url,
            "PIANOLA_OBJECTS_DIR": str(self.objects),
            "PIANOLA_SPOOL": str(self.spool),
        }

    @property
    def in_use(self) -> bool:
        """Whether a `pianola up` holds it."""
        try:
            with self.locked():
                return False
        except HomeInUse:
            return True

    def make(self) -> None:
        """Make the folders, for their owner's eyes only. Raises BadHome."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for folder in (self.objects, self.broker, self.spool, self.logs):
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise BadHome(self.path, error) from error

    def log(self, name: str) -> Path:
        """The log of process `name`; a long one of a former start is put aside."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for this process alone; the lock goes with the process, however it ends. Raises HomeInUse."""
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise HomeInUse(self.path, lock.read().strip() or "unknown") from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield


def open_home(path: Path | None) -> Home:
    """The home at `path`, or the default one, with its folders made. Raises BadHome."""
    home = Home((path or default_home()).expanduser().resolve())
    home.make()
    return home
