import io

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pianola.codec.options import PRESETS
from pianola.codec.roll import Note, decode_notes, encode
from pianola.codec.writer import BadMidiOptions, BadNote, MidiOptions, write_midi

from .music import drawn, notes


def read_back(data: bytes) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(data), charset="utf-8")


def test_what_the_file_says_besides_its_notes() -> None:
    options = MidiOptions(tempo=90.5, numerator=6, denominator=8, program=11, track_name="Präludium", velocity=99)
    file = read_back(write_midi(notes((60, 0, 12)), options))
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (0, 480, 1)
    name, tempo, signature, program, on, off, end = file.tracks[0]
    assert (name.type, name.name) == ("track_name", "Präludium")
    assert (tempo.type, tempo.tempo) == ("set_tempo", 662_983)
    assert (signature.type, signature.numerator, signature.denominator) == ("time_signature", 6, 8)
    assert (program.type, program.program) == ("program_change", 11)
    assert (on.type, on.note, on.velocity, on.time) == ("note_on", 60, 99, 0)
    assert (off.type, off.note, off.time) == ("note_off", 60, 480)
    assert end.type == "end_of_track"


@given(
    some=st.lists(st.builds(Note, st.integers(0, 127), st.integers(0, 400_000), st.integers(1, 40_000)), max_size=40)
)
def test_mido_writes_the_same_bytes(some: list[Note]) -> None:
    """Of what it reads in them: lengths of one to four bytes, running status, texts."""
    data = write_midi(some, MidiOptions(track_name="Präludium " * 20))
    again = io.BytesIO()
    read_back(data).save(file=again)
    assert again.getvalue() == data


def test_a_step_is_40_ticks_and_what_ends_comes_before_what_begins() -> None:
    track = read_back(write_midi(notes((64, 3, 2), (60, 1, 2), (60, 3, 1)), MidiOptions())).tracks[0]
    events = [(message.type, message.note, message.time) for message in track if message.type.startswith("note")]
    assert events == [
        ("note_on", 60, 40),
        ("note_off", 60, 80),
        ("note_on", 60, 0),
        ("note_on", 64, 0),
        ("note_off", 60, 40),
        ("note_off", 64, 40),
    ]


def test_the_same_notes_in_any_order_give_the_same_bytes() -> None:
    chord = notes((60, 0, 12), (64, 0, 12), (67, 0, 12))
    assert write_midi(chord, MidiOptions()) == write_midi(chord[::-1], MidiOptions())


def test_notes_of_one_pitch_do_not_cut_each_other_short() -> None:
    overlapping = notes((60, 0, 14), (60, 12, 12), (60, 12, 6))
    options = PRESETS["piano"]
    assert decode_notes(drawn(write_midi(overlapping), options), 17) == notes((60, 0, 11), (60, 12, 12))


def test_no_notes_make_a_file_without_notes() -> None:
    assert encode(write_midi([]), PRESETS["piano"]).notes == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tempo", 3.5),
        ("tempo", float("nan")),
        ("numerator", 0),
        ("denominator", 3),
        ("program", 128),
        ("velocity", 0),
        ("track_name", "x" * 201),
    ],
)
def test_options_no_midi_file_can_hold_are_refused(field: str, value: object) -> None:
    with pytest.raises(BadMidiOptions, match=f"^{field}: ") as refused:
        MidiOptions(**{field: value})  # type: ignore[arg-type]  # that is what is tested
    assert refused.value.field == field


@pytest.mark.parametrize("note", notes((128, 0, 1), (-1, 0, 1), (60, -1, 1), (60, 0, 0)))
def test_notes_no_midi_file_can_hold_are_refused(note: Note) -> None:
    with pytest.raises(BadNote) as refused:
        write_midi([note])
    assert refused.value.note == note


@pytest.mark.parametrize("tempo", [4, 1000])
def test_the_slowest_and_the_fastest_tempo_can_be_read(tempo: float) -> None:
    assert read_back(write_midi(notes((60, 0, 1)), MidiOptions(tempo=tempo))).tracks[0][1].tempo == 60_000_000 / tempo
