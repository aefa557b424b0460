"""Real MIDI files, broken in every way a file is broken: by chance, and the same for the same seed.

A blind change of bytes mostly ends at the first length that no longer fits. So a file is taken apart into chunks and
their events first, and changed at one of three levels: the bytes of the whole, the bytes of a track whose length is put
right again, or the events of a track, most of which stay in order and reach what comes after the reader.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from codec.music import chunk, number

LONGEST: Final = 2**20 + 4096
"""No mutant is longer, in bytes: a little more than a file may be."""

_MOST_CHANGES: Final = 5
_HEAD: Final = 8
_BYTES: Final = (0x00, 0x01, 0x2F, 0x51, 0x58, 0x7F, 0x80, 0x81, 0x90, 0x99, 0xC0, 0xE0, 0xF0, 0xF1, 0xF7, 0xF8, 0xFF)
_LENGTHS: Final = (0, 1, 5, 6, 7, 0x7F, 0xFFFF, 0x10000, 2**28 - 1, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)
_NUMBERS: Final = (
    *map(number, (0, 127, 128, 2**14 - 1, 2**14, 2**21 - 1, 2**28 - 1)),
    b"\x80\x00",  # longer than need be, and allowed
    b"\x80\x80\x80\x00",
    b"\x80\x80\x80\x80\x00",  # a byte more than is allowed
    b"\xff\xff\xff\xff\x7f",
    b"\x80" * 64,
)
_TIMES: Final = (*map(number, (0, 1, 20, 60, 127, 128, 480, 5_000, 2**18, 2**28 - 1)), b"\x80\x80\x80\x00")
_TEMPOS: Final = (b"\0\0\0", b"\0\0\1", b"\x07\xa1\x20", b"\x03\0\0", b"\xff\xff\xff", b"", b"\x07\xa1", b"\1\2\3\4")
_METRES: Final = (b"\4\2\x18\x08", b"\3\2\x18\x08", b"\0\2\x18\x08", b"\4\xff\x18\x08", b"\xff\x07\0\0", b"\4", b"")


@dataclass(frozen=True)
class Source:
    """A file taken apart: what comes before its first track, and its chunks' names and contents, cut into events."""

    data: bytes
    head: bytes
    chunks: tuple[tuple[bytes, tuple[bytes, ...]], ...]


def mutants(sources: Sequence[Source], seed: int, count: int) -> Iterator[bytes]:
    """`count` mutants of the files, each known by `seed` and its number alone."""
    for place in range(count):
        yield mutant(sources, random.Random(f"{seed}:{place}"))


def mutant(sources: Sequence[Source], chance: random.Random) -> bytes:
    """One file, or parts of two, changed one to five times at one of the three levels."""
    source, changes = chance.choice(sources), chance.randint(1, _MOST_CHANGES)
    level = chance.random()
    if level < 0.25 or not source.chunks:
        data = bytearray(source.data)
        if chance.random() < 0.3:
            data = _spliced(data, chance.choice(sources).data, chance)
        for _ in range(changes):
            chance.choice(WHOLE)(data, chance)
        return bytes(data[:LONGEST])
    chunks = list(source.chunks)
    if chance.random() < 0.2:
        chunks = _rearranged(chunks, chance.choice(sources), chance)
    parts = [(name, b"".join(events)) for name, events in chunks]
    place = chance.randrange(len(parts))
    if level < 0.45:
        changed = bytearray(parts[place][1])
        for _ in range(changes):
            chance.choice(BYTES)(changed, chance)
        parts[place] = parts[place][0], bytes(changed)
    else:
        events = list(chunks[place][1])
        for _ in range(changes):
            chance.choice(EVENTS)(events, chance)
        parts[place] = parts[place][0], b"".join(events)
    return (source.head + b"".join(chunk(name, content) for name, content in parts))[:LONGEST]


def taken_apart(data: bytes) -> Source:
    """The chunks from the first track on and their events, as far as lengths make sense."""
    at = data.find(b"MTrk")
    if at < 0:
        return Source(data, data, ())
    head, chunks = data[:at], []
    while at + _HEAD <= len(data):
        start = at + _HEAD
        end = min(len(data), start + int.from_bytes(data[at + 4 : start], "big"))
        chunks.append((data[at : at + 4], tuple(_events(data[start:end]))))
        at = end
    return Source(data, head, tuple(chunks))


def _events(track: bytes) -> Iterator[bytes]:
    """The events of a track with their times; what cannot be followed is one last event."""
    at = begin = running = 0
    while at < len(track):
        at = _after_number(track, at)
        status = track[at] if at < len(track) else 0xF1
        if status in (0xF0, 0xF7, 0xFF):
            at += 2 if status == 0xFF else 1
            content = _after_number(track, at)
            size = 0
            for byte in track[at:content]:
                size = size << 7 | byte & 0x7F
            at = content + size
        elif status < 0xF0 and (status >= 0x80 or running):
            if status >= 0x80:
                running, at = status, at + 1
            at += 1 if 0xC0 <= running < 0xE0 else 2
        else:
            at = len(track)
        yield track[begin:at]
        begin = at


def _after_number(data: bytes, at: int) -> int:
    while at < len(data) and data[at] >= 0x80:
        at += 1
    return at + 1


def _spliced(first: bytearray, second: bytes, chance: random.Random) -> bytearray:
    """The beginning of one file and the end of the other."""
    return first[: chance.randint(0, len(first))] + second[chance.randint(0, len(second)) :]


Chunks = list[tuple[bytes, tuple[bytes, ...]]]


def _rearranged(chunks: Chunks, other: Source, chance: random.Random) -> Chunks:
    """Tracks doubled, left out, in another order, with one of another file or something foreign between them."""
    kind = chance.randrange(5)
    if kind == 0:
        return chunks * chance.choice((2, 3, 300 // len(chunks) + 1))
    if kind == 1:
        return [one for one in chunks if chance.random() < 0.7] or chunks[:1]
    if kind == 2:
        return chance.sample(chunks, len(chunks))
    at = chance.randint(0, len(chunks))
    foreign = chance.choice((b"MTrk", b"XFIH", b"MThd", b"\0\0\0\0")), (chance.randbytes(chance.randint(0, 40)),)
    return [*chunks[:at], *(other.chunks if kind == 3 else (foreign,)), *chunks[at:]]


# Changes of bytes.


def _place(data: Sequence[object], chance: random.Random) -> int:
    """Anywhere; often near the beginning, where a small change does much."""
    return chance.randint(0, len(data) if chance.random() < 0.6 else min(len(data), 64))


def _flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8) if data else 0):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set_byte(data: bytearray, chance: random.Random) -> None:
    if data:
        data[min(_place(data, chance), len(data) - 1)] = chance.choice(_BYTES)


def _insert(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at:at] = chance.randbytes(chance.randint(1, 16))


def _delete(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.randint(1, 32)]


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[_place(data, chance) :]


def _repeat(data: bytearray, chance: random.Random) -> None:
    """A stretch again and again; now and then until the file is as large as it may be."""
    at = _place(data, chance)
    block = data[at : at + chance.randint(1, 400)]
    if block:
        times = LONGEST // len(block) if chance.random() < 0.01 else chance.randint(2, 40)
        data[at:at] = block * times


def _number(data: bytearray, chance: random.Random) -> None:
    """A number of variable length, put in or over what is there."""
    at, extreme = _place(data, chance), chance.choice(_NUMBERS)
    data[at : at + chance.choice((0, len(extreme)))] = extreme


def _status(data: bytearray, chance: random.Random) -> None:
    """A status gone, one too many, one that takes other data, one that belongs on a cable."""
    at = _place(data, chance)
    spoken = [place for place in range(at, min(at + 40, len(data))) if data[place] >= 0x80]
    game = chance.randrange(4)
    if game == 0 and spoken:
        del data[chance.choice(spoken)]
    elif game == 1 and spoken:
        data[chance.choice(spoken)] = chance.randrange(0x80, 0x100)
    elif game == 2:
        data[at:at] = bytes((0, chance.randrange(0xC0, 0xE0), chance.randrange(128)))
    else:
        data[at:at] = bytes((chance.randrange(0xF0, 0x100),))


def _length(data: bytearray, chance: random.Random) -> None:
    """A chunk's length, made wrong by a little or by everything."""
    at = _found(data, b"MTrk" if chance.random() < 0.7 else b"MThd", chance)
    if at is not None:
        there = int.from_bytes(data[at + 4 : at + _HEAD], "big")
        near = max(0, there + chance.randint(-40, 40))
        data[at + 4 : at + _HEAD] = min(chance.choice((*_LENGTHS, near, near)), 2**32 - 1).to_bytes(4, "big")


def _header(data: bytearray, chance: random.Random) -> None:
    """Another type, number of tracks or division in the header."""
    at = _found(data, b"MThd", chance)
    if at is not None:
        field = at + _HEAD + chance.choice((0, 2, 4))
        value = chance.choice((0, 1, 2, 3, 12, 96, 480, 0x7FFF, 0x8000, 0xE728, 0xFFFF, chance.randrange(65536)))
        data[field : field + 2] = value.to_bytes(2, "big")


def _name(data: bytearray, chance: random.Random) -> None:
    at = _found(data, b"MT", chance)
    if at is not None:
        data[at : at + 4] = chance.choice((b"MTrk", b"MThd", b"none", b"RIFF", b"\0\0\0\0", chance.randbytes(4)))


def _wrap(data: bytearray, chance: random.Random) -> None:
    """A RIFF file around it, whose own lengths may be wrong."""
    size = chance.choice((len(data), len(data), len(data) - 1, len(data) + 1, 0, 2**32 - 1)) & 0xFFFFFFFF
    before = chance.choice((b"", b"none\0\0\0\0", b"none\x03\0\0\0abc\0"))
    data[:0] = b"RIFF\0\0\0\0" + chance.choice((b"RMID", b"WAVE")) + before + b"data" + size.to_bytes(4, "little")


def _found(data: bytearray, name: bytes, chance: random.Random) -> int | None:
    """Where one of the chunks of that name begins."""
    places, at = [], data.find(name)
    while at >= 0:
        places.append(at)
        at = data.find(name, at + 1)
    return chance.choice(places) if places else None


# Changes of events.


def _leave_out(events: list[bytes], chance: random.Random) -> None:
    """Without these a note may never end, or a running status be another."""
    at = _place(events, chance)
    del events[at : at + chance.randint(1, 9)]


def _double(events: list[bytes], chance: random.Random) -> None:
    at = _place(events, chance)
    events[at:at] = events[at : at + chance.randint(1, 200)] * chance.choice((1, 2, 40))


def _move(events: list[bytes], chance: random.Random) -> None:
    at = _place(events, chance)
    block = events[at : at + chance.randint(1, 20)]
    del events[at : at + len(block)]
    to = _place(events, chance)
    events[to:to] = block


def _retime(events: list[bytes], chance: random.Random) -> None:
    """Another time before an event, written shortest or not."""
    if events:
        at = min(_place(events, chance), len(events) - 1)
        events[at] = chance.choice(_TIMES) + events[at][_after_number(events[at], 0) :]


def _voice(events: list[bytes], chance: random.Random) -> None:
    """An event on another channel, of another pitch, of velocity 0, or another kind of event."""
    if events:
        at = min(_place(events, chance), len(events) - 1)
        changed = bytearray(events[at])
        place = chance.randrange(len(changed)) if changed else 0
        if changed and changed[place] < 0x80:
            changed[place] = chance.choice((0, 1, 9, 60, 112, 113, 126, 127))
        elif changed and changed[place] < 0xF0:
            changed[place] = chance.choice((changed[place] & 0xF0 | 9, 0x80, 0x90, 0x99, 0x90 | chance.randrange(16)))
        events[at] = bytes(changed)


def _add(events: list[bytes], chance: random.Random) -> None:
    """A tempo, a metre, a sysex, an end of track, a program or a note, once or in a flood, mostly in order."""
    tempo, metre = chance.choice(_TEMPOS), chance.choice(_METRES)
    added = (
        b"\xff\x51" + number(len(tempo)) + tempo,
        b"\xff\x58" + number(len(metre)) + metre,
        b"\xff\x2f\x00",
        b"\xf0\x03\x01\x02\xf7",
        b"\xf7" + chance.choice(_NUMBERS),
        b"\xff" + bytes((chance.randrange(128),)) + chance.choice(_NUMBERS),
        bytes((chance.randrange(0xC0, 0xE0), chance.randrange(128))),
        bytes((chance.choice((0x90, 0x99)), chance.randrange(128), chance.choice((0, 1, 127)))),
    )
    at = 0 if chance.random() < 0.3 else _place(events, chance)
    one = chance.choice(_TIMES) + chance.choice(added)
    events[at:at] = [one] * (1 if chance.random() < 0.9 else chance.randint(2, 2_000))


BYTES: Final[tuple[Callable[[bytearray, random.Random], None], ...]] = (
    _flip_bits,
    _set_byte,
    _insert,
    _delete,
    _truncate,
    _repeat,
    _number,
    _status,
)
WHOLE: Final = (*BYTES, _length, _length, _header, _name, _wrap)
EVENTS: Final[tuple[Callable[[list[bytes], random.Random], None], ...]] = (
    _leave_out,
    _double,
    _move,
    _retime,
    _voice,
    _voice,
    _add,
)
