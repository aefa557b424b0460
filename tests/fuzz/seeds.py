"""Small pieces of our own with everything that the codec knows, and the data sets: what fuzzing starts from."""

from codec.music import chunk, header, midi, off, on
from corpus import has_data, midi_files

from .bombs import meta
from .mutants import Source, taken_apart

_SETS = ("small", "medium", "large", "dirty")


def pieces() -> list[bytes]:
    """A few files of less than 300 bytes: types 0 and 1, running status, tempo, metre, sysex, percussion, RIFF."""
    melody = [on(0, 60), b"\x0c\x3c\x00", b"\0\x40\x50", b"\x18\x40\0", on(6, 72), off(12, 72), on(0, 72), off(30, 72)]
    times = [meta(0x51, b"\x07\xa1\x20"), meta(0x58, b"\4\2\x18\x08"), meta(0x51, b"\x03\xd0\x90", 96)]
    bass = [on(40, 48, 1), off(96, 48, 1), on(0, 36, 1), b"\0\xb1\x40\x7f", off(5, 36, 1), b"\0\xc1\x05"]
    drums = [on(0, 35, 9), b"\x30\x23\x40", b"\x30\x2a\x40", b"\0\x23\0", off(1, 42, 9)]
    waltz = [meta(0x58, b"\3\2\x18\x08"), *[on(0, 50), off(20, 50)] * 12]
    every = midi(times, melody, bass, drums)
    return [
        midi(melody),
        midi([*times, *melody], file_type=0, division=480),
        midi([b"\0\xf0\x02\x01\xf7", *melody, b"\0\xf7\x01\x01", meta(3, b"violin"), *melody]),
        every,
        midi(waltz, bass, division=10),
        # Never released, and one note again while it sounds.
        midi([on(0, 60), on(96, 64), on(3, 60), on(200, 67)], end=b""),
        header(2) + chunk(b"XFIH", b"hi") + every[14:],
        b"RIFF\0\0\0\0RMIDdata" + len(every).to_bytes(4, "little") + every,
    ]


def sources() -> list[Source]:
    """The data sets, or the chorales that stand in for them, and the small pieces beside."""
    files = {file for name in (_SETS if has_data("small") else _SETS[:1]) for file in midi_files(name)}
    return [taken_apart(data) for data in (*(file.read_bytes() for file in sorted(files)), *pieces())]
