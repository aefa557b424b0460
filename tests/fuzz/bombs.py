"""Small files that would cost a careless reader its time or its memory, each made when it is asked for."""

import random
from collections.abc import Callable
from typing import Final

from codec.music import END, chunk, header, midi, number, off, on

from pianola.codec.reader import LIMITS

SPACE: Final = LIMITS.bytes - 64
"""Bytes that fill a file to its limit, with its header and a chunk's head beside them."""

ROWS: Final = range(17, 113)
"""The pitches that the preset `piano` draws."""


def filled(start: bytes, event: bytes) -> bytes:
    """One track as large as a file may be: `event` again and again after `start`."""
    return header(1) + chunk(b"MTrk", start + event * ((SPACE - len(start)) // len(event)) + END)


def held(steps: int) -> list[bytes]:
    """A note on every row, all of that length."""
    return [*(on(0, pitch) for pitch in ROWS), off(steps, 17), *(off(0, pitch) for pitch in ROWS[1:])]


def restless(steps: int) -> bytes:
    """A file to its limit of steps in which something sounds, and in another pattern in every window."""
    chance, events = random.Random(3), []
    for _ in range(steps // 24):
        pitch = chance.choice(ROWS)
        events += [on(12, pitch), off(12, pitch)]
    return midi(events)


def meta(kind: int, content: bytes, time: int = 0) -> bytes:
    """A meta event."""
    return number(time) + bytes((0xFF, kind)) + number(len(content)) + content


Bomb = Callable[[], bytes]

BOMBS: Final[dict[str, tuple[Bomb, str | None]]] = {
    "a number that never ends": (lambda: header(1) + chunk(b"MTrk", b"\x80" * SPACE), "bad_time"),
    "a length that never ends": (lambda: header(1) + chunk(b"MTrk", b"\0\xf0" + b"\xff" * SPACE), "bad_time"),
    "a note of 2^28 - 1 ticks in 36 bytes": (lambda: midi([on(0, 60), off(2**28 - 1, 60)], division=1), "too_long"),
    "a note without an end and a late one": (
        lambda: midi([on(0, 60), on(2**28 - 1, 61), off(0, 61)], division=1),
        "too_long",
    ),
    "many times that add up": (lambda: midi([on(0, 60), *[b"\xff\xff\xff\x7f\x3c\x40"] * 9], division=1), "too_long"),
    "times that add up to more than 2^31": (
        lambda: midi([on(0, 60), *[b"\xff\xff\xff\x7f\xff\x01\x00"] * 99, off(0, 60)], division=1),
        "too_long",
    ),
    "times that add up to more than 2^31, and no note there": (
        lambda: midi([on(0, 60), off(9, 60), *[b"\xff\xff\xff\x7f\xff\x01\x00"] * 99_999], division=1),
        None,
    ),
    "256 tracks of 96 long notes": (lambda: midi(*[held(LIMITS.steps)] * 256), None),
    "every row lit to the limit": (lambda: midi(held(LIMITS.steps)), None),
    "a pattern of its own in every window, to the limit": (lambda: restless(LIMITS.steps), None),
    "146 bytes with a pitch out of every row": (
        # As long as the file that makes another library's roll write past its heap, and of the same kind.
        lambda: midi([*(on(0, pitch) for pitch in (127, 0, 126, 1)), *[b"\x60\x7f\x7f"] * 33, meta(1, b"a")]),
        "all_left_out",
    ),
    "the highest and the lowest pitch, struck again and again": (
        lambda: midi([on(0, 127), on(0, 0), *[b"\x60\x7f\x7f", b"\0\0\x7f"] * 1_000, off(5, 127), off(0, 0)]),
        "all_left_out",
    ),
    "65,535 tracks promised, one there": (lambda: header(65_535) + midi(held(96))[14:], None),
    "65,535 tracks promised, none there": (lambda: header(65_535), "no_tracks"),
    "as many empty tracks as fit": (
        lambda: header(65_535) + chunk(b"MTrk", b"") * (SPACE // 8),
        "too_many_tracks",
    ),
    "as many tracks inside a track as fit": (
        lambda: header(1) + b"".join(b"MTrk" + (SPACE - 8 * at - 8).to_bytes(4, "big") for at in range(SPACE // 8)),
        "no_status",
    ),
    "as many foreign chunks as fit": (lambda: header(1) + chunk(b"none", b"") * (SPACE // 8), "no_tracks"),
    "as many RIFF chunks as fit": (lambda: b"RIFF\0\0\0\0RMID" + b"none\0\0\0\0" * (SPACE // 8), "not_midi"),
    "RIFF within RIFF": (lambda: b"RIFF\xff\xff\xff\xffRMIDdata" * (SPACE // 16), "cut_off"),
    "a chunk of 4 GiB": (lambda: header(1) + b"MTrk\xff\xff\xff\xff", "cut_off"),
    "a header of 4 GiB": (lambda: b"MThd\xff\xff\xff\xff" + midi(held(96))[8:], "bad_header"),
    "a sysex of 256 MiB": (lambda: midi([b"\x00\xf0\xff\xff\xff\x7f"]), "cut_event"),
    "a meta event of 256 MiB": (lambda: midi([b"\x00\xff\x01\xff\xff\xff\x7f"]), "cut_event"),
    "as many notes as fit": (lambda: filled(on(0, 60), b"\x00\x3c\x40"), "too_many_notes"),
    "as many notes as fit, a step apart": (lambda: filled(on(0, 60), b"\x01\x3c\x40"), "too_many_notes"),
    "100,000 notes on one step": (lambda: midi([on(0, 60), *[b"\x00\x3c\x40"] * 99_999]), None),
    "100,000 notes of one step": (lambda: midi([on(0, 60), *[b"\x01\x3c\x40"] * 99_999]), None),
    "as many note_offs as fit": (lambda: filled(off(0, 60), b"\x00\x3c\x40"), "no_notes"),
    "as many meta events as fit": (lambda: filled(b"", b"\x00\xff\x01\x00"), "no_notes"),
    "as many sysex events as fit": (lambda: filled(b"", b"\x00\xf0\x00"), "no_notes"),
    "as many program changes as fit": (lambda: filled(b"\x00\xc0\x05", b"\x00\x05"), "no_notes"),
    "times of four bytes throughout": (lambda: filled(b"\x00\xb0\x07\x40", b"\x80\x80\x80\x00\x07\x40"), "no_notes"),
    "as many tempos as fit": (lambda: filled(on(0, 60) + off(96, 60), meta(0x51, b"\x07\xa1\x20", 1)), None),
    "as many tempos of nothing as fit": (lambda: filled(on(0, 60) + off(96, 60), meta(0x51, b"\0\0\0")), None),
    "as many metres as fit": (lambda: filled(on(0, 60) + off(96, 60), meta(0x58, b"\3\2\x18\x08", 1)), None),
    "metres and tempos that are no numbers": (
        lambda: midi([meta(0x58, b"\0\xff\0\0"), meta(0x58, b""), meta(0x51, b"\1"), on(0, 60), off(96, 60)]),
        None,
    ),
    "more than the limit of bytes": (lambda: bytes(LIMITS.bytes + 1), "too_big"),
    "a flood of high bytes": (lambda: header(1) + chunk(b"MTrk", b"\xff" * SPACE), "bad_time"),
    "noise": (lambda: header(1) + chunk(b"MTrk", random.Random(5).randbytes(SPACE)), "no_status"),
}
"""Name -> a function that makes it, and the code that it gets with the preset `piano`: None is accepted."""
