"""Files of a folder, in batches that fit a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pianola_cli.errors import PianolaError

MIDI_SUFFIXES = frozenset({".mid", ".midi", ".kar", ".rmi", ".smf"})
UPLOAD_SUFFIXES = MIDI_SUFFIXES | {".zip", ".tar", ".tgz", ".tar.gz"}

# A batch is held in memory while it is sent, so that it can be sent again.
BATCH_FILES = 200
BATCH_BYTES = 20_000_000


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine and the name it gets in a dataset (with its folders, "/" between them)."""

    path: Path
    name: str


class NothingToRead(PianolaError):
    """A path that is neither a file nor a folder with files of the kinds asked for."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(f"{path}: {why}")


class SameName(PianolaError):
    """Two files that would have the same name in a dataset."""

    def __init__(self, one: Path, other: Path, name: str) -> None:
        self.name = name
        super().__init__(f"{one} and {other} would both be called {name}; give the folder above them instead")


def find_files(paths: Iterable[Path], suffixes: frozenset[str] = UPLOAD_SUFFIXES) -> list[LocalFile]:
    """The files of `paths`, ordered by name as a build orders them.

    A file named outright is taken whatever it is called; a folder gives the files below it that end in one of
    `suffixes`, named relative to it. Raises NothingToRead and SameName.
    """
    found: dict[str, LocalFile] = {}
    for path in paths:
        for file in _files_of(path, suffixes):
            former = found.setdefault(file.name, file)
            if former.path.resolve() != file.path.resolve():
                raise SameName(former.path, file.path, file.name)
    return [found[name] for name in sorted(found)]


def _files_of(path: Path, suffixes: frozenset[str]) -> list[LocalFile]:
    if path.is_file():
        return [LocalFile(path, path.name)]
    if not path.is_dir():
        raise NothingToRead(path, "there is no such file or folder")
    below = [file for file in path.rglob("*") if file.name.lower().endswith(tuple(suffixes)) and file.is_file()]
    if not below:
        raise NothingToRead(path, f"no file in it ends in {', '.join(sorted(suffixes))}")
    return [LocalFile(file, file.relative_to(path).as_posix()) for file in below]


def batches(
    files: Iterable[LocalFile], most_files: int = BATCH_FILES, most_bytes: int = BATCH_BYTES
) -> Iterator[list[LocalFile]]:
    """`files` in order, in lists of at most `most_files` files and `most_bytes` bytes; a larger file goes alone."""
    batch: list[LocalFile] = []
    total = 0
    for file in files:
        size = file.path.stat().st_size
        if batch and (len(batch) >= most_files or total + size > most_bytes):
            yield batch
            batch, total = [], 0
        batch.append(file)
        total += size
    if batch:
        yield batch
