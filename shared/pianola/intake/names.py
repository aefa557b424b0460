"""Names of files that come in: as a dataset keeps them, and which of them are taken."""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final

LONGEST: Final = 500
"""characters; the column holds no more"""

_MIDI: Final = frozenset({".mid", ".midi", ".kar", ".rmi", ".smf"})
_ARCHIVES: Final = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"})
_TARS: Final = (".tar", ".tar.gz", ".tgz")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
# Cc are control characters, Cs halves of surrogate pairs: databases and file systems take neither.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs"})


class UnusableName(ValueError):
    """A file name that a dataset cannot keep."""


def clean(raw: str) -> str:
    """The name a dataset keeps: NFC, folders separated by single slashes, none before the first.

    Raises UnusableName for one that leaves its folder, is empty, too long or holds control characters.
    """
    parts = [part for part in unicodedata.normalize("NFC", raw).replace("\\", "/").split("/") if part not in ("", ".")]
    if len(parts) > 1 and _DRIVE.fullmatch(parts[0]):
        parts = parts[1:]
    name = "/".join(parts)
    if not name:
        raise UnusableName("it has no name")
    if ".." in parts:
        raise UnusableName("its name leaves the folder (..)")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        raise UnusableName("its name holds control characters")
    if len(name) > LONGEST:
        raise UnusableName(f"its name is longer than {LONGEST} characters")
    return name


def shown(raw: str) -> str:
    """Any name in a form that can be printed and kept."""
    printable = ["\ufffd" if unicodedata.category(character) in _UNPRINTABLE else character for character in raw]
    return "".join(printable)[:LONGEST]


def is_midi(name: str) -> bool:
    """Whether the name is one of a MIDI file."""
    return PurePosixPath(name).suffix.lower() in _MIDI


def is_zip(name: str) -> bool:
    """Whether the name is one of a zip."""
    return PurePosixPath(name).suffix.lower() == ".zip"


def is_tar(name: str) -> bool:
    """Whether the name is one of a tar, plain or packed with gzip."""
    return name.lower().endswith(_TARS)


def is_archive(name: str) -> bool:
    """Whether the name is one of an archive of any kind, also of those that are not opened."""
    return PurePosixPath(name).suffix.lower() in _ARCHIVES


def is_hidden(name: str) -> bool:
    """Whether the system that packed a folder left this behind: dotfiles and macOS's resource forks."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
