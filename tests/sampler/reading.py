"""Each form of a sample read back to notes (pitch, first step, steps), by something that did not write it."""

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mido
from PIL import Image

Notes = list[tuple[int, int, int]]

_SVG = "{http://www.w3.org/2000/svg}"
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_LIT = {(255, 159, 67), (255, 226, 168)}


def of_json(window: dict[str, Any]) -> Notes:
    return sorted((note["pitch"], note["start"], note["length"]) for note in window["notes"])


def of_midi(data: bytes) -> Notes:
    """Steps are 40 ticks."""
    now, begun, found = 0, {}, []
    for message in mido.MidiFile(file=io.BytesIO(data)).tracks[0]:
        now += message.time
        if message.type == "note_on" and message.velocity:
            begun[message.note] = now // 40
        elif message.type in ("note_on", "note_off"):
            start = begun.pop(message.note)
            found.append((message.note, start, now // 40 - start))
    assert not begun
    return sorted(found)


def of_svg(data: bytes, lowest_pitch: int) -> list[Notes]:
    """One list for each window of the picture."""
    groups = ET.fromstring(data).findall(f"{_SVG}g")
    return [
        sorted(
            (lowest_pitch + 95 - int(rect.attrib["y"]), int(rect.attrib["x"]), int(rect.attrib["width"]))
            for rect in group.iter(f"{_SVG}rect")
            if rect.get("class") == "note"
        )
        for group in groups
    ]


def of_png(data: bytes, lowest_pitch: int) -> Notes:
    """Of the picture of one window: cells of 6 pixels, right of the names of octaves."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    left, top = picture.width - 12 - 96 * 6, 12
    found = []
    for row in range(96):
        lit = [picture.getpixel((left + step * 6 + 3, top + row * 6 + 2)) in _LIT for step in range(96)] + [False]
        begun = None
        for step, sounds in enumerate(lit):
            if sounds and begun is None:
                begun = step
            elif not sounds and begun is not None:
                found.append((lowest_pitch + 95 - row, begun, step - begun))
                begun = None
    return sorted(found)


def of_musicxml(data: bytes) -> Notes:
    """Tied notes are one note."""
    found: Notes = []
    for part in ET.fromstring(data).iter("part"):
        tied: dict[tuple[int, Fraction], Fraction] = {}
        for pitch, start, end, ties in _sounding(part):
            begun = tied.pop((pitch, start)) if "stop" in ties else start
            if "start" in ties:
                tied[pitch, end] = begun
            else:
                assert begun.denominator == (end - begun).denominator == 1
                found.append((pitch, int(begun), int(end - begun)))
        assert not tied
    return sorted(found)


def _sounding(part: ET.Element) -> Iterator[tuple[int, Fraction, Fraction, set[str | None]]]:
    """Pitch, start and end in steps, and the ties, of everything written as a note."""
    steps_per_division, measure_starts = Fraction(0), Fraction(0)
    for measure in part.iter("measure"):
        now = before = latest = measure_starts
        for element in measure:
            length = Fraction(element.findtext("duration", "0")) * steps_per_division
            if element.tag == "attributes" and (divisions := element.findtext("divisions")):
                steps_per_division = Fraction(12, int(divisions))
            elif element.tag == "backup":
                now -= length
            elif element.tag == "forward":
                now += length
            elif element.tag == "note":
                if element.find("chord") is None:
                    before, now = now, now + length
                pitch = element.find("pitch")
                if pitch is not None:
                    ties = {tie.get("type") for tie in element.findall("tie")}
                    yield _midi_number(pitch), before, before + length, ties
            latest = max(latest, now)
        measure_starts = latest


def _midi_number(pitch: ET.Element) -> int:
    octave, alter = int(pitch.findtext("octave", "")), int(pitch.findtext("alter", "0"))
    return 12 * (octave + 1) + _SEMITONES[pitch.findtext("step", "")] + alter
