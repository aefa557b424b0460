"""MIDI files out of a tar, plain or packed with gzip, that anyone may have made: read once, forwards, a file at a time.

Nothing is ever written under a name of the archive: links, devices and absolute names have nothing to point at.
"""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, Final, cast

from pianola.intake.entries import Room, Skipped, Taken, Unread, judge_name

LARGEST_RATIO: Final = 200
"""of what comes out of gzip to what went in; MIDI packs 2 to 20 times smaller"""
FREE_BYTES: Final = 64 * 2**20
"""that may pack as small as they like: 10,000 copies of one file do"""
_HEADER_BYTES: Final = 2**16
"""of the headers before one entry: long names and extended attributes, which tarfile reads at once and recursively"""
_GLOBALS: Final = 100
"""headers for all entries that follow, which are kept; git writes one"""
_READ_BYTES: Final = 2**16
_GZIP: Final = b"\x1f\x8b"

# What tarfile and gzip raise for bytes that make no sense, besides what they mean to raise.
_DAMAGED: Final = (tarfile.TarError, zlib.error, EOFError, ValueError, OSError, OverflowError)


class _Bomb(Exception):
    """The archive asks for more than it may have; says what."""


def midi_files(stream: IO[bytes], name: str, room: Room) -> Iterator[Taken | Skipped]:
    """The MIDI files of the tar in `stream`; `name` is its own. Where there is no room for one it is skipped.

    Folders, dotfiles and what macOS adds are passed over in silence. A tar that cannot be read, or not to its end, is
    one Unread.
    """
    source = _Forwards(stream, room.limits.total_bytes)
    try:
        archive: Any
        with tarfile.TarFile(fileobj=cast(IO[bytes], source), encoding="utf-8", errors="surrogateescape") as archive:
            while (entry := archive.next()) is not None:
                # The archive would keep every entry it has seen, to find it again (no public name for it).
                archive.members.clear()
                if len(archive.pax_headers) > _GLOBALS:
                    raise _Bomb(f"it has more than {_GLOBALS} headers for all files")
                if not entry.isdir():
                    if not room.entry():
                        raise _Bomb(room.full())
                    yield from _entry(source, entry, room)
                source.next_header()
        if reason := source.cut():
            yield Unread(name, reason)
    except _Bomb as error:
        yield Unread(name, str(error))
    except _DAMAGED as error:
        yield Unread(name, f"it is not a readable tar: {error}")


def _entry(source: "_Forwards", entry: tarfile.TarInfo, room: Room) -> Iterator[Taken | Skipped]:
    name = judge_name(_decoded(entry.name))
    if not isinstance(name, str):
        if name is not None:
            yield name
        return
    if reason := _objection(entry) or room.objection(entry.size):
        yield Skipped(name, reason)
        return
    room.take(entry.size)
    source.seek(entry.offset_data)
    data = source.content(entry.size)
    if len(data) < entry.size:
        yield Skipped(name, "the archive ends in the middle of it")
        return
    yield Taken(name, data)


def _objection(entry: tarfile.TarInfo) -> str | None:
    if entry.issym() or entry.islnk():
        return "it is a link, not a file"
    if not entry.isreg():
        return "it is a device, not a file"
    if entry.issparse():
        return "it is stored with holes: pack it without --sparse"
    if entry.size < 0:
        return "it is damaged: its size is negative"
    return None


def _decoded(name: str) -> str:
    """The entry's name; old archives have names in Latin-1, which tarfile reads as halves of surrogate pairs."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("latin-1")
    return name


class _Forwards:
    """The archive's unpacked bytes, as tarfile wants them: read and skipped forwards only, all of them counted."""

    def __init__(self, packed: IO[bytes], most: int) -> None:
        packed.seek(0)
        zipped = packed.read(len(_GZIP)) == _GZIP
        packed.seek(0)
        self._packed = packed
        self._source: IO[bytes] = cast(IO[bytes], gzip.GzipFile(fileobj=packed)) if zipped else packed
        self._most = most
        self._at = 0
        self._header_bytes = 0
        self._last = b""

    def tell(self) -> int:
        """How many bytes were read or skipped."""
        return self._at

    def seek(self, to: int) -> None:
        """Skip to byte `to`. Raises ReadError where that lies behind."""
        if to < self._at:
            raise tarfile.ReadError("an entry begins inside the one before it")
        while self._at < to:
            if not self.content(min(to - self._at, _READ_BYTES)):
                return

    def read(self, size: int) -> bytes:
        """`size` bytes of headers, fewer at the end. Raises _Bomb."""
        self._header_bytes += size
        if self._header_bytes > _HEADER_BYTES:
            raise _Bomb(f"the headers of one of its files are larger than {_HEADER_BYTES:,} bytes")
        self._last = self.content(size)
        return self._last

    def next_header(self) -> None:
        """The headers of an entry are read; those of the next one count anew."""
        self._header_bytes = 0

    def content(self, size: int) -> bytes:
        """`size` bytes, fewer at the end. Raises _Bomb."""
        data = self._source.read(size)
        self._at += len(data)
        if self._at > self._most:
            raise _Bomb(f"unpacked it is larger than {self._most:,} bytes: the rest is not read")
        if self._at > max(FREE_BYTES, LARGEST_RATIO * self._packed.tell()):
            raise _Bomb(f"it is packed more than {LARGEST_RATIO} times smaller than it is: the rest is not read")
        return data

    def cut(self) -> str | None:
        """What is wrong with the archive's end, where tarfile stopped: an end mark is a block of zeros.

        What follows it is read for gzip's checksum. Raises what reading raises.
        """
        if not self._last:
            return "it ends without an end mark: files may be missing"
        if self._last.strip(b"\0"):
            return f"it is damaged at byte {self._at - len(self._last):,}: what follows is not read"
        while self.content(_READ_BYTES):
            pass
        return None
