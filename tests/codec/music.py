"""Small pieces of music and of MIDI files, written so that a test reads like one."""

from collections.abc import Iterable

from pianola.codec.options import CodecOptions
from pianola.codec.roll import Note, encode
from pianola.codec.window import Bytes
from pianola.codec.windows import unpack

END = b"\x00\xff\x2f\x00"
"""End of track, at once."""


def notes(*triples: tuple[int, int, int]) -> list[Note]:
    """Notes from pitch, first step and length in steps: `notes((60, 0, 12), (64, 12, 24))`."""
    return [Note(*triple) for triple in triples]


def number(value: int) -> bytes:
    """A number of variable length."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def on(delta: int, pitch: int, channel: int = 0, velocity: int = 64) -> bytes:
    return number(delta) + bytes((0x90 | channel, pitch, velocity))


def off(delta: int, pitch: int, channel: int = 0) -> bytes:
    return number(delta) + bytes((0x80 | channel, pitch, 0))


def wait(delta: int) -> bytes:
    """An event that says nothing, after some time."""
    return number(delta) + b"\xff\x01\x00"


def tempo(delta: int, microseconds: int) -> bytes:
    """Microseconds in a quarter note."""
    return number(delta) + b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def metre(delta: int, numerator: int, power: int) -> bytes:
    """A time signature of `numerator` over 2 ** power."""
    return number(delta) + bytes((0xFF, 0x58, 4, numerator, power, 24, 8))


def chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "big") + content


def header(tracks: int, file_type: int = 1, division: int = 12) -> bytes:
    return chunk(b"MThd", b"".join(value.to_bytes(2, "big") for value in (file_type, tracks, division)))


def midi(*tracks: Iterable[bytes], file_type: int = 1, division: int = 12, end: bytes = END) -> bytes:
    """A MIDI file of tracks of events; with the default division a tick is a step."""
    chunks = [chunk(b"MTrk", b"".join(events) + end) for events in tracks]
    return header(len(chunks), file_type, division) + b"".join(chunks)


def drawn(data: bytes, options: CodecOptions) -> Bytes:
    """The file's windows [n, 96, 96] of 0 and 1."""
    return unpack(encode(data, options).windows.lit)
