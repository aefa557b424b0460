"""MIDI files out of a zip that anyone may have made: one entry at a time, within limits that a bomb runs into."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Final

from pianola.intake.entries import Room, Skipped, Taken, Unread, judge_name

MOST_ENTRIES: Final = 200_000
"""of one zip, whose list of entries is in memory: 100 MB for as many; a tar holds as many as there is room for"""
LARGEST_RATIO: Final = 200
"""of an entry's size to its packed size; MIDI packs 2 to 20 times smaller"""
_SMALL: Final = 2**20
"""bytes up to which an entry may pack as small as it likes: a real file of empty tracks packs 250 times smaller"""
_DIRECTORY_BYTES: Final = 32 * 2**20
"""of the list of entries, all of which zipfile reads at once: 160 bytes for each of MOST_ENTRIES"""

_READABLE: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# What zipfile raises for offsets and sizes that make no sense, besides what it means to raise.
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError, OverflowError)
_ENCRYPTED, _UTF8 = 0x1, 0x800


def midi_files(stream: IO[bytes], name: str, room: Room) -> Iterator[Taken | Skipped]:
    """The MIDI files of the zip in `stream`; `name` is its own. Where there is no room for one it is skipped.

    Folders, dotfiles and what macOS adds are passed over in silence. A zip that cannot be read is one Unread.
    """
    try:
        if _directory_bytes(stream) > _DIRECTORY_BYTES:
            yield Unread(name, f"its list of files is larger than {_DIRECTORY_BYTES:,} bytes")
            return
        with zipfile.ZipFile(stream) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            most = min(MOST_ENTRIES, room.entries)
            if len(entries) > most:
                yield Unread(name, f"it holds {len(entries):,} files, at most {most:,} are taken from one zip")
                return
            for entry in entries:
                room.entry()
                yield from _entry(archive, entry, room)
    except _DAMAGED as error:
        yield Unread(name, f"it is not a readable zip: {error}")


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, room: Room) -> Iterator[Taken | Skipped]:
    name = judge_name(_decoded(entry))
    if not isinstance(name, str):
        if name is not None:
            yield name
        return
    if reason := _objection(entry) or room.objection(entry.file_size):
        yield Skipped(name, reason)
        return
    # Read or not, damaged or not: overlapping entries would unpack the same bytes for ever.
    room.take(entry.file_size)
    try:
        data = archive.read(entry)
    except _DAMAGED as error:
        yield Skipped(name, f"it is damaged: {error}")
        return
    yield Taken(name, data)


def _objection(entry: zipfile.ZipInfo) -> str | None:
    # An entry never gives more bytes than it declares: zipfile stops there and finds the checksum wrong.
    if entry.flag_bits & _ENCRYPTED:
        return "it is encrypted"
    if entry.compress_type not in _READABLE:
        return "it is packed by a method other than deflate"
    if entry.file_size > max(_SMALL, LARGEST_RATIO * entry.compress_size):
        return f"it is packed more than {LARGEST_RATIO} times smaller than it is"
    return None


def _decoded(entry: zipfile.ZipInfo) -> str:
    """The entry's name; macOS and others write UTF-8 without saying so, which zipfile reads as code page 437."""
    if entry.flag_bits & _UTF8:
        return entry.orig_filename
    try:
        return entry.orig_filename.encode("cp437").decode()
    except UnicodeError:
        return entry.orig_filename


def _directory_bytes(stream: IO[bytes]) -> int:
    """The directory's size as the zip's end record has it (APPNOTE 4.3.16; 4.3.14 for zip64); 0 without one."""
    size = stream.seek(0, 2)
    tail_bytes = min(size, 2**16 + 100)
    stream.seek(size - tail_bytes)
    tail = stream.read(tail_bytes)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 16 > len(tail):
        return 0
    sizes = [struct.unpack_from("<L", tail, at + 12)[0]]
    at = tail.rfind(b"PK\x06\x06", 0, at)
    if at >= 0 and at + 48 <= len(tail):
        sizes.append(struct.unpack_from("<Q", tail, at + 40)[0])
        # The 32-bit field of a zip64 only says: look there.
        sizes = [found for found in sizes if found != 0xFFFFFFFF]
    return max(sizes, default=0)
