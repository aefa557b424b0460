"""A sample in its forms. All of them are the same notes, and the same sample gives the same bytes."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pianola.codec.roll import Note as RollNote
from pianola.codec.roll import decode_notes
from pianola.codec.window import SIDE, STEPS_PER_QUARTER
from pianola.codec.writer import MidiOptions, write_midi
from pianola.evaluation.pictures import grid_png, lines_png, roll_png
from pianola.records.tables import Sample as Row
from pianola_sampler.admission import Deadline
from pianola_sampler.drawn import Drawn
from pianola_sampler.negotiation import Form
from pianola_sampler.notation import write_musicxml
from pianola_sampler.resembling import rolls_of
from pianola_sampler.schemas import Note, Options, Sample, Source, Window
from pianola_sampler.sound import render_wav
from pianola_sampler.svg import roll_svg

_GRID_COLUMNS: Final = 4
# A zip keeps a time for every file: always the first it can hold, so that it does not depend on the clock.
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
# Options that not every kind of sample has.
_LATER: Final = ("way", "drift", "strength", "attributes", "label", "key")
_READABLE: Final = 0o644 << 16


def described(row: Row, drawn: Drawn) -> Sample:
    """The sample's JSON form, with the windows that were drawn."""
    tempo = row.options["tempo"]
    windows = [
        Window(
            index=index,
            z=z.tolist(),
            notes=[_told(note, tempo) for note in notes],
            empty=not window.any(),
        )
        for index, z, notes, window in zip(drawn.indices, drawn.z, _notes_of_windows(drawn), drawn.windows, strict=True)
    ]
    return Sample(
        id=row.id,
        model=row.model,
        checkpoint=row.checkpoint,
        family=drawn.family,
        seed=row.seed,
        n=row.n,
        options=Options(**dict.fromkeys(_LATER) | row.options | _chosen(drawn)),
        source=_source(row.options.get("source"), drawn, tempo),
        ends=None if row.options.get("ends") is None else [_source(end, drawn, tempo) for end in row.options["ends"]],
        windows=windows,
        created_at=row.created_at,
    )


def _source(kept: dict[str, Any] | None, drawn: Drawn, tempo: float) -> Source | None:
    if kept is None:
        return None
    notes = decode_notes(rolls_of(kept, drawn.lowest_pitch), drawn.lowest_pitch)
    told = {"windows": len(kept["notes"]), "notes": [_told(note, tempo) for note in notes]}
    return Source(**kept | told)


def _chosen(drawn: Drawn) -> dict[str, float | None]:
    """What the model was told or chose by itself."""
    return {"threshold": drawn.threshold, "temperature": drawn.temperature}


def written(form: Form, row: Row, drawn: Drawn, deadline: Deadline) -> bytes:
    """The sample's bytes in any form but JSON; MIDI, WAV and MusicXML are of all of a piece, else of the first window.

    Raises DeadlinePassed.
    """
    if form == Form.WAV:
        return render_wav(_midi(row, drawn), deadline)
    if form == Form.MUSICXML:
        return write_musicxml(_notes(drawn, 0), _midi_options(row, drawn, 0), deadline)
    return _WRITERS[form](row, drawn)


def numbered(index: int) -> str:
    """What files of a window are called, counted from 1 as people do: 001, 002 ..."""
    return f"{index + 1:03}"


def _notes(drawn: Drawn, place: int) -> list[RollNote]:
    """Of one window; of a piece those of all windows, of which it is one music."""
    windows = drawn.windows if drawn.joined else drawn.windows[place : place + 1]
    return decode_notes(windows, drawn.lowest_pitch)


def _notes_of_windows(drawn: Drawn) -> list[list[RollNote]]:
    """Each window's notes; of a piece those that begin in it, counted from the piece's beginning."""
    if not drawn.joined:
        return [_notes(drawn, place) for place in range(len(drawn.windows))]
    found: list[list[RollNote]] = [[] for _ in drawn.windows]
    for note in _notes(drawn, 0):
        found[note.start // SIDE].append(note)
    return found


def _told(note: RollNote, tempo: float) -> Note:
    """In steps, in quarter notes, and in seconds at the sample's tempo, to the microsecond."""
    start, length = note.start / STEPS_PER_QUARTER, note.length / STEPS_PER_QUARTER
    return Note(
        pitch=note.pitch,
        start=note.start,
        length=note.length,
        start_beats=start,
        length_beats=length,
        start_seconds=round(start * 60 / tempo, 6),
        length_seconds=round(length * 60 / tempo, 6),
    )


def _midi_options(row: Row, drawn: Drawn, place: int) -> MidiOptions:
    return MidiOptions(
        tempo=row.options["tempo"],
        numerator=row.options["numerator"],
        denominator=row.options["denominator"],
        program=row.options["program"],
        track_name=f"Pianola, {_origin(row)}, {'piece' if drawn.joined else f'window {drawn.indices[place]}'}",
    )


def _origin(row: Row) -> str:
    if row.seed is not None:
        return f"seed {row.seed}"
    return "reconstruction" if row.options.get("source") else "positions"


def _midi(row: Row, drawn: Drawn, place: int = 0) -> bytes:
    return write_midi(_notes(drawn, place), _midi_options(row, drawn, place))


def _png(_: Row, drawn: Drawn) -> bytes:
    if drawn.joined:
        return lines_png(drawn.windows, _GRID_COLUMNS, lowest_pitch=drawn.lowest_pitch)
    if len(drawn.windows) == 1:
        return roll_png(drawn.windows[0], lowest_pitch=drawn.lowest_pitch)
    return grid_png(drawn.windows, _GRID_COLUMNS, lowest_pitch=drawn.lowest_pitch, labels=_labels(drawn))


def _svg(_: Row, drawn: Drawn) -> bytes:
    if drawn.joined:
        columns = min(_GRID_COLUMNS, len(drawn.windows))
        lines = list(_lines(_notes(drawn, 0), columns * SIDE, len(drawn.windows) * SIDE))
        return roll_svg(lines, _labels(drawn)[::columns], 1, drawn.lowest_pitch, columns * SIDE)
    windows = [_notes(drawn, place) for place in range(len(drawn.windows))]
    return roll_svg(windows, _labels(drawn), _GRID_COLUMNS, drawn.lowest_pitch)


def _lines(notes: list[RollNote], steps: int, total: int) -> Iterator[list[RollNote]]:
    """The notes that sound in every so many steps, counted from where these begin."""
    for begin in range(0, total, steps):
        sounding = (note for note in notes if note.start < begin + steps and note.start + note.length > begin)
        yield [RollNote(note.pitch, note.start - begin, note.length) for note in sounding]


def _labels(drawn: Drawn) -> list[str]:
    return [numbered(index) for index in drawn.indices]


def _zip(row: Row, drawn: Drawn) -> bytes:
    """The piece or every window as MIDI and picture, and the JSON without what differs from call to call."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:

        def add(name: str, data: bytes) -> None:
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = _READABLE
            archive.writestr(entry, data)

        if drawn.joined:
            add("piece.mid", _midi(row, drawn))
            add("piece.png", _png(row, drawn))
        else:
            for place, index in enumerate(drawn.indices):
                add(f"{numbered(index)}.mid", _midi(row, drawn, place))
                add(f"{numbered(index)}.png", roll_png(drawn.windows[place], lowest_pitch=drawn.lowest_pitch))
        told = described(row, drawn).model_dump(mode="json", exclude={"id", "created_at"})
        add("sample.json", json.dumps(told, indent=1).encode())
    return stream.getvalue()


_WRITERS: Final[Mapping[Form, Callable[[Row, Drawn], bytes]]] = {
    Form.MIDI: _midi,
    Form.PNG: _png,
    Form.SVG: _svg,
    Form.ZIP: _zip,
}
