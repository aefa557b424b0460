"""The outer layer of a MIDI file: RIFF wrapper, header, and where each track's events lie."""

from dataclasses import dataclass

from pianola.codec.unreadable import UnreadableMidi

_CHUNK_HEAD = 8
_HEADER_BYTES = 6


@dataclass(frozen=True)
class Chunks:
    """`tracks` are the byte ranges [start, stop) of the MTrk chunks' events, in file order."""

    ticks_per_quarter: int
    tracks: tuple[tuple[int, int], ...]
    warnings: tuple[str, ...]


def find_chunks(data: bytes, most_tracks: int) -> Chunks:
    """Check the header and find the tracks. Foreign chunks are skipped. Raises UnreadableMidi."""
    if not data:
        raise UnreadableMidi("empty_file", 0, "The file is empty: it has no bytes at all.")
    start, stop = _unwrap(data)
    file_type, declared, ticks_per_quarter, at = _header(data, start, stop)
    tracks: list[tuple[int, int]] = []
    warnings: list[str] = []
    while at < stop:
        name, end = data[at : at + 4], at + _CHUNK_HEAD + int.from_bytes(data[at + 4 : at + 8], "big")
        whole = at + _CHUNK_HEAD <= stop and _is_name(name)
        if len(tracks) >= declared and (not whole or (end > stop and name != b"MTrk")):
            warnings.append(f"{_count(stop - at, 'byte')} after the last track {_are(stop - at)} ignored.")
            break
        if not whole:
            raise UnreadableMidi(
                "bad_chunk", at, "Here a track should begin, but these bytes are not a part of a MIDI file."
            )
        if end > stop:
            raise _cut_off(name, at, end - stop)
        if name == b"MTrk":
            tracks.append((at + _CHUNK_HEAD, end))
            if len(tracks) > most_tracks:
                raise UnreadableMidi("too_many_tracks", at, f"The file has more than {most_tracks} tracks.")
        at = end
    if not tracks:
        raise UnreadableMidi("no_tracks", at, "The file ends without a track: there is no music in it.")
    if len(tracks) != declared:
        found = _count(len(tracks), "track")
        warnings.append(f"The header promises {_count(declared, 'track')}; {found} found and read.")
    if file_type == 0 and len(tracks) > 1:
        warnings.append(f"A type 0 file should have one track; this one has {len(tracks)}, and all are read.")
    return Chunks(ticks_per_quarter, tuple(tracks), tuple(warnings))


def _unwrap(data: bytes) -> tuple[int, int]:
    """Where the MIDI file lies in the data: all of it, or the `data` chunk of a RIFF file of kind RMID."""
    if data[:4] != b"RIFF":
        return 0, len(data)
    if data[8:12] != b"RMID":
        raise UnreadableMidi("not_midi", min(8, len(data)), "This is a RIFF file, but not of the kind that holds MIDI.")
    at = 12
    while at + _CHUNK_HEAD <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        start = at + _CHUNK_HEAD
        if data[at : at + 4] == b"data":
            if start + size > len(data):
                raise _cut_off(b"data", at, start + size - len(data))
            return start, start + size
        at = start + size + size % 2
    raise UnreadableMidi("not_midi", min(at, len(data)), "This RIFF file has no MIDI in it.")


def _header(data: bytes, start: int, stop: int) -> tuple[int, int, int, int]:
    """Type, declared number of tracks, ticks per quarter note, and the byte after the header."""
    if data[start : min(start + 4, stop)] != b"MThd":
        raise UnreadableMidi("not_midi", start, "This is not a MIDI file: it does not begin with the letters MThd.")
    at = start + _CHUNK_HEAD
    size = int.from_bytes(data[start + 4 : start + 8], "big")
    if size < _HEADER_BYTES or at + size > stop:
        raise UnreadableMidi("bad_header", start + 4, f"The header should have 6 bytes or a few more; it says {size}.")
    file_type, declared, division = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (0, 2, 4))
    if file_type == 2:
        message = "A type 2 file holds pieces that do not sound together. Save each as a file of its own."
        raise UnreadableMidi("type_2", at, message)
    if file_type > 2:
        raise UnreadableMidi(
            "unknown_type", at, f"The file says it is of type {file_type}; there are types 0, 1 and 2."
        )
    if division & 0x8000:
        message = "Its time is counted in film frames and not in beats. Save it with ticks per quarter note."
        raise UnreadableMidi("smpte_time", at + 4, message)
    if division == 0:
        raise UnreadableMidi(
            "no_time_unit", at + 4, "It says that a quarter note has 0 ticks, so no note has a length."
        )
    return file_type, declared, division, at + size


def _is_name(name: bytes) -> bool:
    return name.isascii() and name.decode("ascii").isprintable()


def _cut_off(name: bytes, at: int, missing: int) -> UnreadableMidi:
    part = "track" if name == b"MTrk" else "part"
    return UnreadableMidi(
        "cut_off", at, f"The file is cut off: the {part} that begins here lacks {_count(missing, 'byte')}."
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
