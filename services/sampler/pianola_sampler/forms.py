"""A sample in its forms. The same sample gives the same bytes; of MIDI, PNG and zip so does the same seed."""

import io
import json
import zipfile
from typing import Final

from pianola.codec.roll import Note as RollNote
from pianola.codec.roll import decode_notes
from pianola.codec.writer import MidiOptions, write_midi
from pianola.evaluation.pictures import grid_png, roll_png
from pianola.records.tables import Sample as Row
from pianola_sampler.drawing import Drawn
from pianola_sampler.negotiation import Form
from pianola_sampler.schemas import Note, Options, Sample, Window

_GRID_COLUMNS: Final = 4
# A zip keeps a time for every file: always the first it can hold, so that it does not depend on the clock.
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o644 << 16


def described(row: Row, drawn: Drawn) -> Sample:
    """The sample's JSON form, with the windows that were drawn."""
    windows = [
        Window(
            index=index,
            z=z.tolist(),
            notes=[Note(pitch=note.pitch, start=note.start, length=note.length) for note in _notes(drawn, place)],
            empty=not window.any(),
        )
        for place, (index, z, window) in enumerate(zip(drawn.indices, drawn.z, drawn.windows, strict=True))
    ]
    return Sample(
        id=row.id,
        model=row.model,
        checkpoint=row.checkpoint,
        family=drawn.family,
        seed=row.seed,
        n=row.n,
        options=Options(**row.options | {"threshold": drawn.threshold}),
        windows=windows,
        created_at=row.created_at,
    )


def written(form: Form, row: Row, drawn: Drawn) -> bytes:
    """The sample's bytes as MIDI (one window), PNG or zip."""
    if form == Form.MIDI:
        return _midi(row, drawn, 0)
    if form == Form.PNG:
        return _png(drawn)
    return _zip(row, drawn)


def numbered(index: int) -> str:
    """What files of a window are called, counted from 1 as people do: 001, 002 ..."""
    return f"{index + 1:03}"


def _notes(drawn: Drawn, place: int) -> list[RollNote]:
    return decode_notes(drawn.windows[place : place + 1], drawn.lowest_pitch)


def _midi(row: Row, drawn: Drawn, place: int) -> bytes:
    options = MidiOptions(
        tempo=row.options["tempo"],
        numerator=row.options["numerator"],
        denominator=row.options["denominator"],
        program=row.options["program"],
        track_name=f"Pianola, seed {row.seed}, window {drawn.indices[place]}",
    )
    return write_midi(_notes(drawn, place), options)


def _png(drawn: Drawn) -> bytes:
    if len(drawn.windows) == 1:
        return roll_png(drawn.windows[0], lowest_pitch=drawn.lowest_pitch)
    labels = [numbered(index) for index in drawn.indices]
    return grid_png(drawn.windows, _GRID_COLUMNS, lowest_pitch=drawn.lowest_pitch, labels=labels)


def _zip(row: Row, drawn: Drawn) -> bytes:
    """For every window its MIDI file and its picture, and the sample's JSON without what differs from call to call."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:

        def add(name: str, data: bytes) -> None:
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = _READABLE
            archive.writestr(entry, data)

        for place, index in enumerate(drawn.indices):
            add(f"{numbered(index)}.mid", _midi(row, drawn, place))
            add(f"{numbered(index)}.png", roll_png(drawn.windows[place], lowest_pitch=drawn.lowest_pitch))
        told = described(row, drawn).model_dump(mode="json", exclude={"id", "created_at"})
        add("sample.json", json.dumps(told, indent=1).encode())
    return stream.getvalue()
