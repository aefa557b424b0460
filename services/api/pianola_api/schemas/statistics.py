"""The shape of a dataset's statistics, as the build's last task writes them."""

from pydantic import Field

from pianola_api.schemas.common import Resource


class FilesByWindows(Resource):
    """`files[i]` have `from[i]` to `from[i + 1] - 1` windows."""

    from_: list[int] = Field(alias="from")
    files: list[int]


class FileCounts(Resource):
    """Files of the dataset."""

    total: int
    accepted: int
    refused: int
    windows_in_file: FilesByWindows


class Semitones(Resource):
    """From the lowest note of a window to its highest: `windows[s]` span s semitones."""

    mean: float | None
    windows: list[int]


class PitchRange(Resource):
    """Lowest and highest MIDI pitch; null where there is no note."""

    lowest: int | None
    highest: int | None
    semitones: Semitones


class WindowHistogram(Resource):
    """`windows[i]` have values from i x `bar` on, below the next bar's."""

    mean: float | None
    bar: float
    windows: list[int]


class Polyphony(Resource):
    """Pitches at once: the mean over steps with any; `steps[p]` have p of them."""

    mean: float | None
    steps: list[int]


class NoteHistogram(Resource):
    """`notes[v]` have the value v."""

    mean: float | None
    notes: list[int]


class Tempo(Resource):
    """Quarter notes a minute at the windows' first steps."""

    median: int | None
    bar: float
    windows: list[int]


class LabelCounts(Resource):
    """Windows by a field's values, and those that have none."""

    values: dict[str, int]
    unlabelled: int


class Statistics(Resource):
    """What the windows of a built dataset hold, counted exactly over all that are kept; zeros at a histogram's end are
    left away. A note is a run of lit steps in one row of one window. Null is the mean of nothing.
    """

    windows: int
    held_out: int = Field(description="windows")
    silent: int = Field(description="windows without a note")
    notes: int
    files: FileCounts
    note_frequency: list[float] = Field(description="of each MIDI pitch, the share of all lit steps", min_length=128)
    pitch_range: PitchRange
    density: WindowHistogram = Field(description="share of lit cells")
    polyphony: Polyphony
    onset_positions: list[float] = Field(
        description="share of the notes that begin so many steps, 1/12 quarter note each, after a beat", min_length=12
    )
    notes_in_window: WindowHistogram
    note_lengths: NoteHistogram = Field(description="in steps, cut at the window's edge")
    tempo: Tempo
    metres: dict[str, int] = Field(description="windows by time signature")
    velocity: NoteHistogram | None = Field(description="null where the dataset keeps no velocities")
    labels: dict[str, LabelCounts] = Field(description="by field")
