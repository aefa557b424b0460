"""From a score to windows, and from windows to notes.

Row 0 is the highest pitch: row r of a window holds pitch lowest_pitch + 95 - r. The steps of a file are counted to the
end of its last note that is kept, rounded as the options say, whether or not that note is within the rows.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pianola.codec.drawing import Drawn, draw_windows
from pianola.codec.options import CodecOptions
from pianola.codec.reader import LIMITS, Limits, Score, read_midi
from pianola.codec.signatures import metre_at, tempo_at, wholly_in
from pianola.codec.window import SIDE, Bytes, Mask
from pianola.codec.windows import Velocities, Windows

Starts: TypeAlias = npt.NDArray[np.int32]
"""First steps of windows, in order."""


@dataclass(frozen=True, order=True)
class Note:
    """A note on a roll: MIDI pitch, first step, number of steps."""

    pitch: int
    start: int
    length: int


@dataclass(frozen=True)
class LeftOut:
    """What of a file is not in its windows. The first six are notes: with those drawn they make all notes of the file.

    percussion: notes on channel 10. outside_rows: notes below or above the rows. vanished: notes rounded to no step.
    partial_window: notes that begin in the last, incomplete window when that is dropped. doubled: notes that begin on
    the same pitch and step as another. filtered: different onsets that only windows show which a filter left out.
    note_offs: note_off messages with nothing sounding. other_metre, few_notes: windows left out by the options `metres`
    and `least_notes`; one that both would leave out counts under the first.
    """

    percussion: int = 0
    outside_rows: int = 0
    vanished: int = 0
    partial_window: int = 0
    doubled: int = 0
    filtered: int = 0
    note_offs: int = 0
    other_metre: int = 0
    few_notes: int = 0

    def to_json(self) -> dict[str, int]:
        """The counts by name, without those that are 0."""
        return {name: count for name, count in vars(self).items() if count}


@dataclass(frozen=True)
class Encoded:
    """A file's windows, with what was counted on the way.

    notes: different onsets (pitch and step) that the windows show. steps: to the end of the last note kept.
    never_closed, struck_again: notes, among all kept, without an end and ended by the next one.
    """

    windows: Windows
    notes: int
    steps: int
    left_out: LeftOut
    never_closed: int
    struck_again: int
    warnings: tuple[str, ...]


def encode(data: bytes, options: CodecOptions, limits: Limits = LIMITS) -> Encoded:
    """Read a MIDI file and draw it. Raises UnreadableMidi. A file without a note gives 0 windows."""
    return draw(read_midi(data, limits), options, limits.steps)


def draw(score: Score, options: CodecOptions, most_steps: int = LIMITS.steps) -> Encoded:
    """Draw a score's notes as windows. Raises UnreadableMidi (too_long) beyond `most_steps`."""
    drawn = draw_windows(score, options, most_steps)
    start = np.arange(len(drawn.lit), dtype=np.int32) * np.int32(options.hop)
    other_metre, few_notes = _filtered(score, drawn, start, options)
    kept = ~(other_metre | few_notes)
    notes = len(drawn.onsets) if kept.all() else _shown(drawn.onsets, start[kept])
    left_out = LeftOut(
        percussion=drawn.percussion,
        outside_rows=drawn.outside_rows,
        vanished=drawn.vanished,
        partial_window=drawn.partial_window,
        doubled=drawn.notes - drawn.partial_window - len(drawn.onsets),
        filtered=len(drawn.onsets) - notes,
        note_offs=drawn.note_offs,
        other_metre=int(np.count_nonzero(other_metre)),
        few_notes=int(np.count_nonzero(few_notes)),
    )
    windows = _windows(score, drawn, start, kept, options)
    warnings = score.warnings
    if drawn.never_closed:
        never = "1 note is" if drawn.never_closed == 1 else f"{drawn.never_closed:,} notes are"
        warnings += (f"{never} never released; drawn to the last note event of the track.",)
    return Encoded(windows, notes, drawn.total, left_out, drawn.never_closed, drawn.struck_again, warnings)


def _filtered(score: Score, drawn: Drawn, start: Starts, options: CodecOptions) -> tuple[Mask, Mask]:
    """Which windows are in another metre, and which of the others show too few notes."""
    other_metre = few_notes = np.zeros(len(start), np.bool_)
    if options.metres:
        other_metre = ~wholly_in(score, start, drawn.total, options.metres)
    if options.least_notes:
        few_notes = ~other_metre & (drawn.seen < options.least_notes)
    return other_metre, few_notes


def _shown(onsets: npt.NDArray[np.int32], start: Starts) -> int:
    """How many of the onsets are on windows that begin at the steps `start`, which are in order."""
    latest = np.searchsorted(start, onsets, side="right") - 1
    return int(np.count_nonzero((latest >= 0) & (onsets < np.append(start, 0)[latest] + SIDE)))


def _windows(score: Score, drawn: Drawn, start: Starts, kept: Mask, options: CodecOptions) -> Windows:
    velocity = None
    if options.velocity:
        values, ends = drawn.velocities[np.repeat(kept, drawn.seen)], np.cumsum(drawn.seen[kept], dtype=np.int64)
        velocity = Velocities(values, ends)
    lit, start = (drawn.lit, start) if kept.all() else (drawn.lit[kept], start[kept])
    return Windows(lit, start, tempo_at(score, start), metre_at(score, start), velocity)


def decode_notes(windows: Bytes, lowest_pitch: int) -> list[Note]:
    """The notes on windows [n, 96, 96] put one after another, by start, then pitch.

    A note is a run of lit steps: a dark step ends it, the seam between two windows does not.
    """
    count = len(windows)
    lit = np.zeros((SIDE, count * SIDE + 2), np.int8)
    lit[:, 1:-1] = (np.asarray(windows) != 0).transpose(1, 0, 2).reshape(SIDE, count * SIDE)
    change = np.diff(lit, axis=1)
    row, begins = np.nonzero(change == 1)
    # Both come row by row in the order of time, so the n-th end belongs to the n-th beginning.
    lengths = np.nonzero(change == -1)[1] - begins
    pitch = lowest_pitch + SIDE - 1 - row
    order = np.lexsort((pitch, begins))
    return [Note(*values) for values in zip(*(part[order].tolist() for part in (pitch, begins, lengths)), strict=True)]
