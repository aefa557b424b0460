"""Verdicts: what a build says of each file, and never an exception."""

import csv
import json
from pathlib import Path

import pytest
from corpus import has_data, midi_files
from hypothesis import given
from hypothesis import strategies as st

from pianola.codec.options import PRESETS, CodecOptions, codec_options
from pianola.codec.unreadable import CODES
from pianola.codec.verdict import VERDICT_CODES, Verdict, judge

from .music import END, metre, midi, off, on

PIANO = PRESETS["piano"]
DROP = codec_options("piano", {"partial": "drop"})
TABLE = Path(__file__).with_name("dirty.csv")


def test_an_accepted_file() -> None:
    data = midi([on(0, 60), off(96, 60), on(0, 3), off(12, 3), on(0, 36, 9), off(12, 36, 9), off(0, 99), on(0, 61)])
    verdict, windows = judge(data, PIANO)
    assert verdict == Verdict(
        accepted=True,
        windows=2,
        notes=2,
        left_out={"percussion": 1, "outside_rows": 1, "note_offs": 1},
        warnings=["1 note is never released; drawn to the last note event of the track."],
    )
    assert windows.lit.shape == (2, 96, 12)


def test_a_refused_file() -> None:
    verdict, windows = judge(b"hello", PIANO)
    assert (verdict.accepted, verdict.code, verdict.offset) == (False, "not_midi", 0)
    assert verdict.reason == "This is not a MIDI file: it does not begin with the letters MThd."
    assert windows.lit.shape == (0, 96, 12)


@pytest.mark.parametrize(
    ("data", "options", "code", "at", "reason"),
    [
        (midi([]), PIANO, "no_notes", b"", "The file is in order, but no note is played in it."),
        (midi([off(0, 60)]), PIANO, "no_notes", b"", "The file is in order, but no note is played in it."),
        (
            midi([on(0, 36, 9), off(12, 36, 9), on(0, 3), off(12, 3)]),
            PIANO,
            "all_left_out",
            on(0, 36, 9),
            "None of its notes can be drawn: 1 on the percussion channel, 1 outside the 96 rows.",
        ),
        (
            midi([on(0, 60), off(30, 60)]),
            DROP,
            "too_short",
            off(30, 60),
            "The music is 2.5 quarter notes long, and these options leave out what does not fill 8.",
        ),
        (
            midi([on(0, 60), off(4, 60)], division=120),
            PRESETS["thesis"],
            "all_left_out",
            on(0, 60),
            "None of its notes can be drawn: 1 shorter than one step.",
        ),
        (
            midi([on(0, 3), off(96, 3), on(0, 60), off(12, 60)]),
            DROP,
            "all_left_out",
            on(0, 3),
            "None of its notes can be drawn: 1 outside the 96 rows, 1 in a last window that is not full.",
        ),
    ],
)
def test_a_file_without_a_drawn_note(data: bytes, options: CodecOptions, code: str, at: bytes, reason: str) -> None:
    verdict, windows = judge(data, options)
    offset = data.index(at) if at else len(data)
    assert (verdict.code, verdict.offset, verdict.reason) == (code, offset, reason)
    assert (verdict.accepted, verdict.windows, verdict.notes, len(windows)) == (False, 0, 0, 0)


WALTZ = codec_options("piano", {"metres": ["3/4"]})
BUSY = codec_options("piano", {"least_notes": 3, "velocity": True})


def test_a_file_of_which_the_filters_keep_nothing() -> None:
    data = midi([metre(0, 3, 2), on(0, 60), off(96, 60), metre(0, 4, 2), on(0, 62), off(9, 62), on(0, 64), off(9, 64)])
    verdict, windows = judge(data, codec_options("piano", {"metres": ["3/4"], "least_notes": 2}))
    assert (verdict.code, verdict.offset) == ("all_filtered", data.index(on(0, 60)))
    assert verdict.left_out == {"filtered": 3, "other_metre": 1, "few_notes": 1}
    assert verdict.reason == (
        "No note begins in a window that these options keep; left out: "
        "1 not wholly in one of the time signatures asked for, 1 with fewer notes than asked for."
    )
    assert len(windows) == 0
    verdict, windows = judge(data, WALTZ)
    assert (verdict.code, verdict.windows, verdict.notes) == (None, 1, 1)
    assert verdict.left_out == {"filtered": 2, "other_metre": 1}
    assert windows.metre.tolist() == [[3, 4]]


def test_a_refused_file_has_no_velocities_where_they_are_asked_for() -> None:
    _, windows = judge(b"", BUSY)
    assert windows.velocity is not None
    assert (windows.velocity.values.shape, windows.velocity.ends.shape) == ((0,), (0,))


def test_json() -> None:
    verdict, _ = judge(midi([on(0, 60), off(12, 60)]) + b"\0", PIANO)
    assert json.loads(json.dumps(verdict.to_json())) == {
        "accepted": True,
        "windows": 1,
        "notes": 1,
        "left_out": {},
        "warnings": ["1 byte after the last track is ignored."],
        "code": None,
        "offset": None,
        "reason": None,
    }


@given(st.one_of(st.binary(), st.binary().map(lambda events: midi([events], end=END))))
def test_any_bytes_get_a_verdict(data: bytes) -> None:
    verdict, windows = judge(data, PIANO)
    if verdict.accepted:
        assert (verdict.code, verdict.offset, verdict.reason) == (None, None, None)
        assert verdict.windows == len(windows) > 0
    else:
        assert verdict.code in VERDICT_CODES
        assert verdict.offset is not None
        assert 0 <= verdict.offset <= len(data)
        assert verdict.reason


def test_codes_are_listed_once() -> None:
    assert len(set(VERDICT_CODES)) == len(VERDICT_CODES) > len(CODES)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_walk_over_odd_and_broken_files(preset: str) -> None:
    found: dict[str, str] = {}
    for file in midi_files("dirty"):
        verdict, windows = judge(file.read_bytes(), PRESETS[preset])
        assert verdict.windows == len(windows)
        found[file.name] = verdict.code or "accepted"
    assert found
    if has_data("dirty"):
        with TABLE.open(newline="") as table:
            assert found == {row["file"]: row[preset] for row in csv.DictReader(table)}
