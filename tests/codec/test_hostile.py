"""Small files that would cost a careless reader its time or its memory."""

import random
import time
import tracemalloc

import pytest

from pianola.codec.options import PRESETS
from pianola.codec.reader import LIMITS
from pianola.codec.verdict import VERDICT_CODES, judge

from .music import END, chunk, header, midi, off, on

SPACE = LIMITS.bytes - 64
# The worst of these takes 0.3 s on an idle machine; the rest is for a busy one.
MOST_SECONDS = 1.5
MOST_BYTES = 120 * 2**20
ROWS = range(17, 113)


def filled(start: bytes, event: bytes) -> bytes:
    """One track as large as a file may be: `event` again and again after `start`."""
    return header(1) + chunk(b"MTrk", start + event * ((SPACE - len(start)) // len(event)) + END)


def held(steps: int) -> list[bytes]:
    """A note on every row, all of that length."""
    return [*(on(0, pitch) for pitch in ROWS), off(steps, 17), *(off(0, pitch) for pitch in ROWS[1:])]


BOMBS = {
    "a number that never ends": (header(1) + chunk(b"MTrk", b"\x80" * SPACE), "bad_time"),
    "a note of 2^28 - 1 ticks in 36 bytes": (midi([on(0, 60), off(2**28 - 1, 60)], division=1), "too_long"),
    "a note without an end and a late one": (midi([on(0, 60), on(2**28 - 1, 61), off(0, 61)], division=1), "too_long"),
    "many times that add up": (midi([on(0, 60), *[b"\xff\xff\xff\x7f\x3c\x40"] * 9], division=1), "too_long"),
    "256 tracks of 96 long notes": (midi(*[held(LIMITS.steps)] * 256), None),
    "every row lit to the limit": (midi(held(LIMITS.steps)), None),
    "65,535 tracks promised, one there": (header(65_535) + midi(held(96))[14:], None),
    "as many empty tracks as fit": (header(65_535) + chunk(b"MTrk", b"") * (SPACE // 8), "too_many_tracks"),
    "as many foreign chunks as fit": (header(1) + chunk(b"none", b"") * (SPACE // 8), "no_tracks"),
    "as many RIFF chunks as fit": (b"RIFF\0\0\0\0RMID" + b"none\0\0\0\0" * (SPACE // 8), "not_midi"),
    "a chunk of 4 GiB": (header(1) + b"MTrk\xff\xff\xff\xff", "cut_off"),
    "a sysex of 256 MiB": (midi([b"\x00\xf0\xff\xff\xff\x7f"]), "cut_event"),
    "as many notes as fit": (filled(on(0, 60), b"\x00\x3c\x40"), "too_many_notes"),
    "100,000 notes on one step": (midi([on(0, 60), *[b"\x00\x3c\x40"] * 99_999]), None),
    "as many note_offs as fit": (filled(off(0, 60), b"\x00\x3c\x40"), "no_notes"),
    "as many meta events as fit": (filled(b"", b"\x00\xff\x01\x00"), "no_notes"),
    "as many sysex events as fit": (filled(b"", b"\x00\xf0\x00"), "no_notes"),
    "as many program changes as fit": (filled(b"\x00\xc0\x05", b"\x00\x05"), "no_notes"),
    "times of four bytes throughout": (filled(b"\x00\xb0\x07\x40", b"\x80\x80\x80\x00\x07\x40"), "no_notes"),
    "more than the limit of bytes": (bytes(LIMITS.bytes + 1), "too_big"),
    "a flood of high bytes": (header(1) + chunk(b"MTrk", b"\xff" * SPACE), "bad_time"),
    "noise": (header(1) + chunk(b"MTrk", random.Random(5).randbytes(SPACE)), "no_status"),
}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_drawn_or_refused_in_bounded_time_and_memory(bomb: str, preset: str) -> None:
    data, code = BOMBS[bomb]
    started = time.perf_counter()
    verdict, windows = judge(data, PRESETS[preset])
    assert time.perf_counter() - started < MOST_SECONDS
    # The notes on one step have no length: as the thesis rounds they vanish.
    expected = "all_left_out" if preset == "thesis" and bomb == "100,000 notes on one step" else code
    assert verdict.code == expected
    assert verdict.accepted == (expected is None)
    assert len(windows) == verdict.windows


@pytest.mark.parametrize("bomb", ["256 tracks of 96 long notes", "every row lit to the limit", "as many notes as fit"])
def test_the_largest_bombs_stay_within_the_memory(bomb: str) -> None:
    tracemalloc.start()
    try:
        judge(BOMBS[bomb][0], PRESETS["piano"])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_BYTES


def test_one_thousand_mutants_of_a_small_file_each_get_a_verdict() -> None:
    chance = random.Random(7)
    whole = midi(
        [
            on(0, 60),
            b"\x0c\xff\x01\x02hi",
            off(0, 60),
            b"\x00\xf0\x02\x01\xf7",
            b"\x00\xc0\x05",
            on(6, 72),
            b"\x0c\x48\x00",
        ],
        [on(40, 48, 9), off(96, 48, 9), on(0, 36), off(5, 36)],
    )
    codes = set()
    for _ in range(1_000):
        mutant = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(mutant))
            if chance.random() < 0.3:
                del mutant[at : at + chance.randint(1, 9)]
                mutant = mutant or bytearray(b"M")
            else:
                mutant[at] = chance.randrange(256)
        verdict, windows = judge(bytes(mutant), PRESETS["piano"])
        assert verdict.accepted == (verdict.code is None)
        assert len(windows) == verdict.windows
        if not verdict.accepted:
            assert verdict.code in VERDICT_CODES
            assert verdict.reason
            assert verdict.offset is not None
            assert 0 <= verdict.offset <= len(mutant)
        codes.add(verdict.code)
    assert len(codes) > 10
