"""A backup at rest: a folder, or a tar file, with the same members.

backup.json          what it is, and the sha256 of the two kinds below; written last: without it a backup is none
records/TABLE.jsonl  one row a line, in the order of the primary key
objects.jsonl        key, size and sha256 of every object
objects/KEY          an object
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Protocol

from pianola.objects import sha256_file
from pianola.operations.errors import BadBackup, TargetTaken

FORMAT: Final = 1
CARD: Final = "backup.json"
INDEX: Final = "objects.jsonl"
_BLOCK: Final = 2**20


@dataclass(frozen=True)
class Member:
    """A member's size in bytes and its sha256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Card:
    """What a backup says of itself. revision: of the tables. tables: of each its rows and its file. missing: keys that
    the records name and the store did not have; damaged: those whose bytes are not those of their name.
    """

    made_at: str
    version: str
    revision: str
    rows: dict[str, int]
    tables: dict[str, Member]
    objects: int
    objects_bytes: int
    index: Member
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        """As it is written."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n").encode()


def table_member(table: str) -> str:
    """The name of a table's member."""
    return f"records/{table}.jsonl"


def object_member(key: str) -> str:
    """The name of an object's member."""
    return f"objects/{key}"


class Writer(Protocol):
    """Takes the members of a backup, one after the other."""

    def add(self, name: str, path: Path) -> None:
        """Take the file at `path` as a member; it is not there afterwards."""


@contextmanager
def written(target: Path) -> Iterator[tuple[Writer, Path]]:
    """A new backup at `target`, a tar where its name ends in .tar, and a folder beside it for unfinished files.

    Nothing is at `target` unless the block ends well. Raises TargetTaken, OSError.
    """
    if target.exists():
        raise TargetTaken(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Records hold hashes of keys and whatever people called their files: for their owner's eyes only.
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        whole = beside / "whole"
        if target.suffix == ".tar":
            with tarfile.open(whole, "w", format=tarfile.PAX_FORMAT) as tar:
                yield _Tar(tar), beside
            _sync(whole)
        else:
            whole.mkdir(mode=0o700)
            yield _Folder(whole), beside
        whole.rename(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, name: str, path: Path) -> None:
        """See Writer."""
        place = self._root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        _sync(path)
        path.rename(place)


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, name: str, path: Path) -> None:
        """See Writer."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = path.stat().st_size, 0o600
        with path.open("rb") as stream:
            self._tar.addfile(member, stream)
        path.unlink()


class Backup:
    """A backup to read. Every method raises BadBackup where it is not as its card says."""

    def __init__(self, source: Path, tar: tarfile.TarFile | None) -> None:
        self._source, self._tar = source, tar
        try:
            content = json.loads(self._read(CARD))
        except (KeyError, FileNotFoundError):
            raise BadBackup(source, f"it has no {CARD}: it is no backup, or one that was not finished") from None
        except ValueError as error:
            raise BadBackup(source, f"its {CARD} cannot be read: {error}") from error
        if content.pop("format", None) != FORMAT:
            raise BadBackup(source, f"its format is not {FORMAT}, the one that this version reads")
        members = {name: Member(**member) for name, member in content.pop("tables").items()}
        self.card = Card(tables=members, index=Member(**content.pop("index")), **content)

    @contextmanager
    def lines(self, name: str, expected: Member) -> Iterator[Iterator[dict[str, Any]]]:
        """The rows of a member, checked before the first of them."""
        self.check(name, expected)
        with self.open(name) as stream:
            yield (json.loads(line) for line in stream)

    def check(self, name: str, expected: Member) -> None:
        """Raise BadBackup unless the member is what it was when it was written."""
        with self.open(name) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # it reads
        if found != expected.sha256:
            raise BadBackup(self._source, f"its {name} has sha256 {found} instead of {expected.sha256}")

    def take(self, name: str, expected: Member, path: Path) -> None:
        """Write a member to `path`, checked."""
        with self.open(name) as stream, path.open("wb") as target:
            shutil.copyfileobj(stream, target, _BLOCK)
        if (found := sha256_file(path)) != expected.sha256:
            raise BadBackup(self._source, f"its {name} has sha256 {found} instead of {expected.sha256}")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A member's bytes."""
        try:
            stream = self._open(name)
        except (KeyError, FileNotFoundError):
            raise BadBackup(self._source, f"it lacks {name}") from None
        with stream:
            yield stream

    def _open(self, name: str) -> IO[bytes]:
        if self._tar is None:
            return (self._source / name).open("rb")
        try:
            found = self._tar.extractfile(name)
        except tarfile.TarError as error:
            raise BadBackup(self._source, f"the tar file is damaged: {error}") from error
        if found is None:
            raise KeyError(name)
        return found

    def _read(self, name: str) -> bytes:
        with self._open(name) as stream:
            return stream.read()


@contextmanager
def read(source: Path) -> Iterator[Backup]:
    """The backup at `source`, a folder or a tar file. Raises BadBackup."""
    if not source.exists():
        raise BadBackup(source, "it is not there")
    if source.is_dir():
        yield Backup(source, None)
        return
    try:
        tar = tarfile.open(source, "r:")  # noqa: SIM115  # closed below
    except tarfile.TarError as error:
        raise BadBackup(source, f"it is no tar file: {error}") from error
    with tar:
        yield Backup(source, tar)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
