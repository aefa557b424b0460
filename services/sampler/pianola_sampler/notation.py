"""Notes as MusicXML, for programs that print scores: two staves, as for a piano, that part at middle C."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from pianola.codec.roll import Note
from pianola.codec.window import STEPS_PER_QUARTER
from pianola.codec.writer import MidiOptions
from pianola_sampler.admission import Deadline

if TYPE_CHECKING:
    from music21 import stream

_MIDDLE_C: Final = 60
_HEAD: Final = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
# music21 keeps caches of its own that threads must not share.
_one = threading.Lock()


def write_musicxml(notes: Sequence[Note], options: MidiOptions, deadline: Deadline) -> bytes:
    """A score with every note exactly as long as on the roll; across bar lines and odd lengths, notes are tied.

    Raises DeadlinePassed.
    """
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    with deadline.holding(_one):
        root = ET.fromstring(GeneralObjectExporter(_score(notes, options)).parse())
    _settle(root)
    ET.indent(root)
    return (_HEAD + ET.tostring(root, encoding="unicode") + "\n").encode()


def _score(notes: Sequence[Note], options: MidiOptions) -> stream.Score:
    from music21 import clef, layout, metadata, stream

    upper, lower = (stream.PartStaff(id=name) for name in ("upper", "lower"))  # type: ignore[no-untyped-call] # as it is
    for staff, sign in ((upper, "treble"), (lower, "bass")):
        staff.insert(0, clef.clefFromString(sign))
        _begin(staff, options, staff is upper)
        for note in notes:
            if (note.pitch >= _MIDDLE_C) == (staff is upper):
                staff.insert(_quarters(note.start), _written(note))
    score = stream.Score([upper, lower, layout.StaffGroup([upper, lower], symbol="brace")])
    score.metadata = metadata.Metadata(title=options.track_name, composer="Pianola")
    return score


def _begin(staff: stream.PartStaff, options: MidiOptions, first: bool) -> None:
    from music21 import instrument, meter, tempo

    player = instrument.instrumentFromMidiProgram(options.program)
    player.midiProgram = options.program
    staff.insert(0, player)
    staff.insert(0, meter.TimeSignature(f"{options.numerator}/{options.denominator}"))
    if first:
        staff.insert(0, tempo.MetronomeMark(number=options.tempo, referent=1))


def _written(note: Note) -> Any:
    from music21 import note as written

    found = written.Note(note.pitch)
    found.quarterLength = _quarters(note.length)
    return found


def _quarters(steps: int) -> Fraction:
    return Fraction(steps, STEPS_PER_QUARTER)


def _settle(root: ET.Element) -> None:
    """The same notes make the same bytes: ids are numbered, and nothing says when it was written."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("encoding", "defaults"):
                parent.remove(child)
    names: dict[str, str] = {}
    for element in root.iter():
        if (name := element.get("id")) is not None:
            element.set("id", names.setdefault(name, f"P{len(names) + 1}"))
