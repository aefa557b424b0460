"""Archives for the intake's tests, as people and attackers make them."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from pianola.intake.collect import Intake, Place
from pianola.intake.entries import Limits, Skipped
from pianola.objects import LocalStore
from pianola.records.datasets import NewFile

MIDI = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0"
ROOMY = Limits(file_bytes=2**20, total_bytes=2**28, entries=1000)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, target
    return made


def tarred(files: Mapping[str, bytes | tarfile.TarInfo], style: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of files by name; a TarInfo stands for an entry without content."""
    stream = io.BytesIO()
    with tarfile.TarFile(fileobj=stream, mode="w", format=style) as archive:
        for name, data in files.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
            else:
                archive.addfile(entry(name, size=len(data)), io.BytesIO(data))
    return stream.getvalue()


def taken(
    folder: Path, name: str, data: bytes, limits: Limits = ROOMY, place: Place = str
) -> tuple[list[str], dict[str, str]]:
    """What an intake makes of an archive: names that were kept, and why others were not."""
    kept: list[str] = []
    skipped: dict[str, str] = {}
    with Intake(LocalStore(folder), "ds_test", limits) as intake:
        for found in intake.archive(name, io.BytesIO(data), place):
            if isinstance(found, Skipped):
                skipped[found.name] = found.reason
            else:
                assert isinstance(found, NewFile)
                kept.append(found.name)
    return kept, skipped


def packed(data: bytes) -> bytes:
    return gzip.compress(data, 6)
