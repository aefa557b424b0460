"""The strict reader: what it forgives, what it refuses, with which code and at which byte."""

import pytest

from pianola.codec.reader import Limits, read_midi
from pianola.codec.unreadable import UnreadableMidi

from .music import END, chunk, header, midi, number, off, on

NOTE = on(0, 60) + off(12, 60)
TRACK = 14 + 8
"""The byte where the first track's events begin."""


def ticks(data: bytes) -> list[tuple[int, int, bool]]:
    score = read_midi(data)
    return list(zip(score.tick.tolist(), score.pitch.tolist(), score.strikes.tolist(), strict=True))


def refusal(data: bytes) -> tuple[str, int]:
    with pytest.raises(UnreadableMidi) as refused:
        read_midi(data)
    assert 0 <= refused.value.offset <= len(data)
    assert refused.value.message.endswith(".")
    return refused.value.code, refused.value.offset


def test_what_a_score_holds() -> None:
    data = midi([on(3, 60, 2), off(4, 60, 2)], [on(5, 72, velocity=0)], division=480)
    score = read_midi(data)
    assert (score.ticks_per_quarter, score.tracks, score.size) == (480, 2, len(data))
    assert score.tick.tolist() == [3, 7, 5]
    assert score.track.tolist() == [0, 0, 1]
    assert score.channel.tolist() == [2, 2, 0]
    assert score.pitch.tolist() == [60, 60, 72]
    assert score.strikes.tolist() == [True, False, False]
    assert [data[at] for at in score.offset.tolist()] == [3, 4, 5]
    assert score.warnings == ()


@pytest.mark.parametrize("delta", [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 2**28 - 1])
def test_times_of_every_length(delta: int) -> None:
    assert ticks(midi([on(delta, 60), off(delta, 60)])) == [(delta, 60, True), (2 * delta, 60, False)]


def test_a_time_padded_with_leading_zeros() -> None:
    assert ticks(midi([b"\x80\x80\x80\x0c\x90\x3c\x40", b"\x80\x0c\x3c\x00"])) == [(12, 60, True), (24, 60, False)]


@pytest.mark.parametrize(
    "between",
    [
        b"\x00\xff\x01\x02hi",
        b"\x00\xff\x01\x81\x00" + b"-" * 128,
        b"\x00\xf0\x02\x01\xf7",
        b"\x00\xf7\x01\xf8",
        b"\x80\x80\x00\xff\x51\x03\x07\xa1\x20",
    ],
)
def test_running_status_survives_meta_and_sysex_events(between: bytes) -> None:
    assert ticks(midi([on(0, 60), between, b"\x0c\x3c\x00"])) == [(0, 60, True), (12, 60, False)]


def test_running_status_of_one_data_byte() -> None:
    program = b"\x01\xc0\x05" + b"\x01\x06" + b"\x01\xff\x01\x00" + b"\x01\x07" + b"\x81\x00\xd0\x10" + b"\x01\x11"
    assert ticks(midi([program, on(1, 60), b"\x01\x3c\x00"])) == [(134, 60, True), (135, 60, False)]


def test_running_status_of_every_kind_with_two_data_bytes() -> None:
    others = b"".join(bytes((1, status, 1, 2, 1, 3, 4)) for status in (0xA0, 0xB0, 0xE0))
    assert ticks(midi([others, on(1, 60), off(1, 60)])) == [(7, 60, True), (8, 60, False)]


def test_a_header_longer_than_usual() -> None:
    long_header = chunk(b"MThd", header(1)[8:] + b"more")
    assert len(ticks(long_header + chunk(b"MTrk", NOTE + END))) == 2


def test_foreign_chunks_are_skipped() -> None:
    data = header(1) + chunk(b"XFIH", b"\x01\x02") + chunk(b"MTrk", NOTE + END) + chunk(b"late", b"")
    assert len(ticks(data)) == 2


def test_a_riff_wrapper_is_taken_off() -> None:
    inner = midi([NOTE])
    other = b"LIST" + (3).to_bytes(4, "little") + b"abc\0"
    data = b"RIFF" + (0).to_bytes(4, "little") + b"RMID" + other + b"data" + len(inner).to_bytes(4, "little") + inner
    assert len(ticks(data)) == 2
    assert read_midi(data).offset.tolist()[0] == data.index(NOTE)


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (midi([NOTE]) + b"\x00", "1 byte after the last track is ignored."),
        (midi([NOTE]) + bytes(20), "20 bytes after the last track are ignored."),
        (midi([NOTE]) + b"junk\x00\x00\x01\x00", "8 bytes after the last track are ignored."),
        (header(3) + midi([NOTE])[14:], "The header promises 3 tracks; 1 track found and read."),
        (midi([NOTE], [NOTE], file_type=0), "A type 0 file should have one track; this one has 2, and all are read."),
        (midi([NOTE], end=b""), "Without an end_of_track event: 1 of 1 tracks; each is read to its last byte."),
        (midi([NOTE, END, NOTE]), "Bytes after the end_of_track event in 1 of 1 tracks are ignored."),
    ],
)
def test_small_faults_are_forgiven_with_a_warning(data: bytes, warning: str) -> None:
    assert read_midi(data).warnings == (warning,)
    assert set(ticks(data)) == {(0, 60, True), (12, 60, False)}


@pytest.mark.parametrize(
    ("data", "code", "offset"),
    [
        (b"", "empty_file", 0),
        (b"not a MIDI file", "not_midi", 0),
        (b"MTh", "not_midi", 0),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "not_midi", 8),
        (b"RIFF\0\0\0\0RMIDLIST\0\0\0\0", "not_midi", 20),
        (b"RIFF\0\0\0\0RMIDdata\xff\0\0\0MThd", "cut_off", 12),
        (b"MThd", "bad_header", 4),
        (b"MThd\0\0\0\x04\0\x01\0\x01", "bad_header", 4),
        (b"MThd\0\0\0\x06\0\x01\0\x01", "bad_header", 4),
        (header(1, 3), "unknown_type", 8),
        (header(1, 2), "type_2", 8),
        (header(1, division=0xE728), "smpte_time", 12),
        (header(1, division=0), "no_time_unit", 12),
        (header(0), "no_tracks", 14),
        (header(1) + chunk(b"mTrk", NOTE), "no_tracks", 14 + 8 + len(NOTE)),
        (header(1) + b"MTrk\0\0", "bad_chunk", 14),
        (header(1) + b"\x01\x02\x03\x04\0\0\0\0", "bad_chunk", 14),
        (header(1) + b"MTrk\0\0\0\xff" + NOTE, "cut_off", 14),
        (header(1) + b"XFIH\0\0\0\xff" + NOTE, "cut_off", 14),
        (midi([NOTE]) + b"MTrk\0\0\0\xff", "cut_off", 14 + 8 + len(NOTE + END)),
        (midi([b"\x00\x3c\x40"]), "no_status", TRACK + 1),
        (midi([NOTE], [b"\x00\x3c\x40"]), "no_status", TRACK + len(NOTE + END) + 8 + 1),
        (midi([NOTE, b"\x00\x90\x3c\x80"]), "bad_data", TRACK + len(NOTE) + 3),
        (midi([NOTE, b"\x00\x3c\x80"]), "bad_data", TRACK + len(NOTE) + 2),
        (midi([b"\x00\xc0\x80"]), "bad_data", TRACK + 2),
        (midi([NOTE, b"\x80\x80\x80\x80\x00\x90\x3c\x40"]), "bad_time", TRACK + len(NOTE)),
        (midi([NOTE, b"\x00\xff\x01\x80\x80\x80\x80\x00"]), "bad_time", TRACK + len(NOTE) + 3),
        (midi([NOTE, b"\x00"], end=b""), "cut_event", TRACK + len(NOTE)),
        (midi([NOTE, b"\x80"], end=b""), "cut_event", TRACK + len(NOTE)),
        (midi([NOTE, b"\x00\x90\x3c"], end=b""), "cut_event", TRACK + len(NOTE)),
        (midi([NOTE, b"\x00\x3c"], end=b""), "cut_event", TRACK + len(NOTE)),
        (midi([b"\x00\xc0"], end=b""), "cut_event", TRACK),
        (midi([NOTE, b"\x00\xff\x01\x09short"], end=b""), "cut_event", TRACK + len(NOTE)),
        (midi([NOTE, b"\x00\xff"], end=b""), "cut_event", TRACK + len(NOTE)),
        (midi([NOTE, b"\x00\xff\x01"], end=b""), "cut_event", TRACK + len(NOTE)),
        (midi([NOTE, b"\x00\xf0\x82\x00" + b"-" * 9], end=b""), "cut_event", TRACK + len(NOTE)),
        (midi([NOTE, b"\x00\xff\x2f\x01"], end=b""), "cut_event", TRACK + len(NOTE)),
    ],
)
def test_faults_are_refused_with_a_code_and_the_byte(data: bytes, code: str, offset: int) -> None:
    assert refusal(data) == (code, offset)


@pytest.mark.parametrize("status", [*range(0xF1, 0xF7), *range(0xF8, 0xFF)])
def test_messages_of_the_cable_are_refused(status: int) -> None:
    assert refusal(midi([NOTE, bytes((0, status, 0, 0))])) == ("bad_status", TRACK + len(NOTE) + 1)


@pytest.mark.parametrize("cut", [b"\x00\x90\x3c", b"\x00\x3c", b"\x00", b"\x00\xff\x01\x10"])
def test_an_event_cut_by_the_end_of_its_track_does_not_read_on_in_the_next(cut: bytes) -> None:
    # The next chunk's name would do as data bytes.
    data = header(2) + chunk(b"MTrk", NOTE + cut) + chunk(b"MTrk", NOTE + END)
    assert refusal(data) == ("cut_event", TRACK + len(NOTE))


def test_every_cut_of_a_file_is_refused_or_warned_of() -> None:
    whole = midi([on(0, 60), b"\x00\xff\x01\x02hi", off(200, 60), b"\x00\xc0\x05"], [NOTE])
    first_track = whole.index(b"MTrk", TRACK)
    for size in range(len(whole)):
        if size == first_track:
            assert read_midi(whole[:size]).warnings == ("The header promises 2 tracks; 1 track found and read.",)
        else:
            refusal(whole[:size])


def test_limits_are_the_callers() -> None:
    data = midi([NOTE, NOTE], [NOTE])
    read_midi(data, Limits(bytes=len(data), notes=3, tracks=2))
    for limits, code, offset in (
        (Limits(bytes=len(data) - 1), "too_big", len(data) - 1),
        (Limits(tracks=1), "too_many_tracks", data.rindex(b"MTrk")),
        (Limits(notes=2), "too_many_notes", data.rindex(NOTE)),
    ):
        with pytest.raises(UnreadableMidi) as refused:
            read_midi(data, limits)
        assert (refused.value.code, refused.value.offset) == (code, offset)


def test_a_number_of_four_bytes_is_the_longest() -> None:
    assert number(2**28 - 1) == b"\xff\xff\xff\x7f"
