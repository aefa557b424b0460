"""Every form of a sample is the same music, and the forms that libraries write are right."""

import io
import wave
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from pianola.codec.roll import Note
from pianola.codec.writer import MidiOptions, write_midi
from pianola_sampler import negotiation, notation, sound
from pianola_sampler.admission import Deadline, DeadlinePassed
from pianola_sampler.notation import write_musicxml
from pianola_sampler.sound import render_wav
from pianola_sampler.svg import roll_svg

from . import reading
from .playing import LOWEST_PITCH

needs_synthesizer = pytest.mark.skipif(not sound.AVAILABLE, reason="no synthesizer is packaged for this machine")


def test_every_form_of_a_sample_is_the_same_notes(client: FlaskClient) -> None:
    body = {"n": 2, "seed": 9, "tempo": 90, "numerator": 3, "program": 19}
    told = client.post("/v1/models/waltz/samples", json=body).get_json()

    def form(name: str, window: int) -> bytes:
        answer = client.get(f"/v1/samples/{told['id']}?format={name}&window={window}")
        assert answer.status_code == 200, answer.text
        return bytes(answer.data)

    both = reading.of_svg(client.get(f"/v1/samples/{told['id']}?format=svg").data, LOWEST_PITCH)
    for window in (0, 1):
        notes = reading.of_json(told["windows"][window])
        assert len(notes) > 5
        midi = form("midi", window)
        assert reading.of_midi(midi) == notes
        assert reading.of_musicxml(form("musicxml", window)) == notes
        assert reading.of_png(form("png", window), LOWEST_PITCH) == notes
        assert reading.of_svg(form("svg", window), LOWEST_PITCH) == [notes] == [both[window]]
        if sound.AVAILABLE:
            assert form("wav", window) == render_wav(midi, Deadline(60))


def test_json_tells_notes_in_beats_and_seconds_too(client: FlaskClient) -> None:
    told = client.post("/v1/models/waltz/samples", json={"seed": 9, "tempo": 90}).get_json()
    for note in told["windows"][0]["notes"]:
        assert (note["start_beats"], note["length_beats"]) == (note["start"] / 12, note["length"] / 12)
        assert note["start_seconds"] == pytest.approx(note["start"] / 18, abs=1e-6)
        assert note["length_seconds"] == pytest.approx(note["length"] / 18, abs=1e-6)


@needs_synthesizer
def test_a_note_sounds_at_its_pitch_and_in_its_time() -> None:
    # A4 from the second beat to the third, at 120 a minute: 0.5 s to 1 s.
    data = render_wav(write_midi([Note(69, 12, 12)], MidiOptions(program=73)), Deadline(60))
    with wave.open(io.BytesIO(data)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels)
    assert channels == 2
    assert len(frames) / rate == pytest.approx(3, abs=0.05), "two seconds to fade"
    loud = np.abs(frames).max(1)
    assert loud[: int(0.48 * rate)].max() < 10
    assert loud[int(0.6 * rate) : int(0.9 * rate)].max() > 500
    assert loud[-rate // 10 :].max() < 10, "it has faded"
    sounding = frames[int(0.6 * rate) : int(0.9 * rate), 0]
    spectrum = np.abs(np.fft.rfft(sounding * np.hanning(len(sounding))))
    assert np.argmax(spectrum) * rate / len(sounding) == pytest.approx(440, abs=5)
    assert render_wav(write_midi([Note(69, 12, 12)], MidiOptions(program=73)), Deadline(60)) == data


@needs_synthesizer
def test_a_sound_that_takes_too_long_is_given_up() -> None:
    midi = write_midi([Note(69, 12, 12)], MidiOptions())
    with pytest.raises(DeadlinePassed):
        render_wav(midi, Deadline(0.001))
    with sound._one, pytest.raises(DeadlinePassed):
        render_wav(midi, Deadline(0.01))
    with notation._one, pytest.raises(DeadlinePassed):
        write_musicxml([], MidiOptions(), Deadline(0.01))
    assert render_wav(midi, Deadline(60)).startswith(b"RIFF")


@needs_synthesizer
def test_silence_is_silence() -> None:
    with wave.open(io.BytesIO(render_wav(write_midi([], MidiOptions()), Deadline(60)))) as file:
        assert file.getnframes() == pytest.approx(2 * file.getframerate(), rel=0.05)
        assert not any(file.readframes(file.getnframes()))


def test_without_a_synthesizer_all_other_forms_can_be_had(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "AVAILABLE", False)
    sample = client.post("/v1/models/waltz/samples").get_json()["id"]
    refused = client.get(f"/v1/samples/{sample}?format=wav")
    assert (refused.status_code, refused.get_json()["code"]) == (406, "not-acceptable")
    assert "no synthesizer" in refused.get_json()["detail"]
    assert "audio/midi" in refused.get_json()["detail"]
    assert client.get(f"/v1/samples/{sample}", headers={"Accept": "audio/*"}).mimetype == "audio/midi"


def test_who_asks_for_any_sound_gets_midi_and_for_any_picture_png(client: FlaskClient) -> None:
    for accept, form in (("audio/*", "midi"), ("image/*", "png"), ("audio/wav, audio/midi;q=0.9", "wav")):
        answer = client.post("/v1/models/waltz/samples", headers={"Accept": accept})
        if form != "wav" or sound.AVAILABLE:
            assert answer.mimetype == negotiation.MEDIA_TYPES[negotiation.Form(form)]


def _no_overlaps(notes: list[tuple[int, int, int]]) -> list[Note]:
    """What a roll can hold: notes of a pitch one after another, none past the end."""
    found: list[Note] = []
    free = dict.fromkeys(range(128), 0)
    for start, pitch, length in notes:
        if start >= free[pitch]:
            found.append(Note(pitch, start, min(length, 96 - start)))
            free[pitch] = start + length + 1
    return found


ROLLS = st.lists(st.tuples(st.integers(0, 95), st.integers(17, 112), st.integers(1, 96)), max_size=40).map(
    lambda notes: _no_overlaps(sorted(notes))
)


@settings(max_examples=15, deadline=None)
@given(
    notes=ROLLS,
    tempo=st.floats(20, 300),
    numerator=st.integers(1, 32),
    denominator=st.sampled_from([1, 2, 4, 8, 16, 32]),
    program=st.integers(0, 127),
)
def test_scores_hold_every_note_in_any_metre(
    notes: list[Note], tempo: float, numerator: int, denominator: int, program: int
) -> None:
    options = MidiOptions(tempo, numerator, denominator, program, "A title")
    data = write_musicxml(notes, options, Deadline(60))
    assert reading.of_musicxml(data) == sorted((note.pitch, note.start, note.length) for note in notes)
    root = ET.fromstring(data)
    assert (root.findtext(".//beats"), root.findtext(".//beat-type")) == (str(numerator), str(denominator))
    sounds = root.find(".//sound[@tempo]")
    assert sounds is not None
    assert float(sounds.attrib["tempo"]) == pytest.approx(tempo, abs=0.01)
    assert root.findtext(".//midi-program") == str(program + 1)
    assert root.findtext(".//movement-title") == "A title"


def test_the_same_notes_make_the_same_score() -> None:
    notes = [Note(60, 0, 5), Note(64, 3, 20), Note(40, 3, 20)]
    first = write_musicxml(notes, MidiOptions(), Deadline(60))
    assert write_musicxml(notes, MidiOptions(), Deadline(60)) == first
    assert b"<encoding" not in first, "no date"


def test_rolls_of_many_windows_are_labelled() -> None:
    data = roll_svg([[Note(60, 0, 12)], [], [Note(61, 5, 1)]], ["001", "002", "003"], 2, 17)
    root = ET.fromstring(data)
    assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")] == ["001", "002", "003"]
    assert [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")] == ["C4", "C♯4"]
    assert reading.of_svg(data, 17) == [[(60, 0, 12)], [], [(61, 5, 1)]]
