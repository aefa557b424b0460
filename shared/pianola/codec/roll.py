"""From a score to windows, and from windows to notes.

Row 0 is the highest pitch: row r of a window holds pitch lowest_pitch + 95 - r. The steps of a file are counted to the
end of its last note that is kept, rounded as the options say, whether or not that note is within the rows.
"""

import dataclasses
from dataclasses import dataclass
from typing import Final

import numpy as np

from pianola.codec.options import CodecOptions
from pianola.codec.reader import LIMITS, Limits, Score, read_midi
from pianola.codec.unreadable import UnreadableMidi
from pianola.codec.window import SIDE, STEPS_PER_QUARTER, Bytes, Integers, Mask

_PERCUSSION: Final = 9  # channel 10 when counted from 1

_CELLS_AT_ONCE: Final = 2**18


@dataclass(frozen=True, order=True)
class Note:
    """A note on a roll: MIDI pitch, first step, number of steps."""

    pitch: int
    start: int
    length: int


@dataclass(frozen=True)
class LeftOut:
    """What of a file is not on its roll. The first five are notes: with those drawn they make all notes of the file.

    percussion: notes on channel 10. outside_rows: notes below or above the rows. vanished: notes rounded to no step.
    partial_window: notes that begin in the last, incomplete window when that is dropped. doubled: notes that begin on
    the same pitch and step as another. note_offs: note_off messages with nothing sounding.
    """

    percussion: int = 0
    outside_rows: int = 0
    vanished: int = 0
    partial_window: int = 0
    doubled: int = 0
    note_offs: int = 0

    def to_json(self) -> dict[str, int]:
        """The counts by name, without those that are 0."""
        return {name: count for name, count in dataclasses.asdict(self).items() if count}


@dataclass(frozen=True)
class Encoded:
    """A file's windows [n, 96, 96] of 0 and 1, with what was counted on the way.

    notes: different onsets (pitch and step) drawn. steps: to the end of the last note kept. never_closed, struck_again:
    notes, among all kept, without an end and ended by the next one.
    """

    windows: Bytes
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
    pitched = np.full(len(score.tick), True) if options.percussion else score.channel != _PERCUSSION
    pairs = _pair(score, options, pitched)
    steps = _steps(score, options, pairs.kept)
    too_late = np.flatnonzero(steps > most_steps)
    if too_late.size:
        raise _too_long(score, int(pairs.kept[too_late[0]]), most_steps)

    begins = steps[pairs.start]
    ends = np.maximum(steps[pairs.end], begins + options.shortest)
    total = int(ends.max(initial=0))
    row = options.lowest_pitch + SIDE - 1 - score.pitch[pairs.kept[pairs.start]].astype(np.int64)
    inside = (row >= 0) & (row < SIDE)
    lasts = inside & (ends > begins)
    windows, onsets, cut = _fill(row[lasts], begins[lasts], ends[lasts], total, options)

    left_out = LeftOut(
        percussion=int(np.count_nonzero(score.strikes & ~pitched)),
        outside_rows=int(np.count_nonzero(~inside)),
        vanished=int(np.count_nonzero(inside & ~lasts)),
        partial_window=cut,
        doubled=int(np.count_nonzero(lasts)) - cut - onsets,
        note_offs=int(np.count_nonzero(pitched)) - len(pairs.kept),
    )
    warnings = score.warnings
    if pairs.never_closed:
        notes = "1 note is" if pairs.never_closed == 1 else f"{pairs.never_closed:,} notes are"
        warnings += (f"{notes} never released; drawn to the last note event of the track.",)
    return Encoded(windows, onsets, total, left_out, pairs.never_closed, pairs.struck_again, warnings)


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


@dataclass(frozen=True)
class _Pairs:
    """`kept`: indices into the score. `start`, `end`: a note's first and last message, as indices into `kept`."""

    kept: Integers
    start: Integers
    end: Integers
    never_closed: int
    struck_again: int


def _pair(score: Score, options: CodecOptions, pitched: Mask) -> _Pairs:
    """Which messages are kept, and the notes they make."""
    candidates = np.flatnonzero(pitched)
    voice = score.track[candidates] << 7 | score.pitch[candidates]
    if options.sounding == "channel":
        voice = voice << 4 | score.channel[candidates]
    strikes = score.strikes[candidates]

    # One voice after another, each in the order of time. In a voice every strike ends what sounds, and a note_off is
    # kept only after a strike: after another note_off nothing sounds.
    order = np.argsort(voice, kind="stable")
    followed = voice[order[1:]] == voice[order[:-1]]
    struck = strikes[order]
    keep = struck.copy()
    keep[1:] |= struck[:-1] & followed
    is_kept = np.zeros(len(candidates), np.bool_)
    is_kept[order[keep]] = True
    kept, place = candidates[is_kept], np.cumsum(is_kept) - 1

    at = np.flatnonzero(struck)
    start, closed = order[at], np.append(followed, False)[at]
    after = order[np.minimum(at + 1, len(order) - 1)]
    last_of_track = np.zeros(score.tracks, np.int64)
    last_of_track[score.track[kept]] = np.arange(len(kept))
    end = np.where(closed, place[after], last_of_track[score.track[candidates[start]]])
    never_closed, struck_again = np.count_nonzero(~closed), np.count_nonzero(closed & strikes[after])
    return _Pairs(kept, place[start], end, int(never_closed), int(struck_again))


def _steps(score: Score, options: CodecOptions, kept: Integers) -> Integers:
    """The step of every kept message."""
    tick, track = score.tick[kept], score.track[kept]
    if options.rounding == "absolute":
        return _rounded(tick, score.ticks_per_quarter)
    begins = np.flatnonzero(np.diff(track, prepend=-1))
    since = np.diff(tick, prepend=0)
    since[begins] = tick[begins]
    step = np.cumsum(_rounded(since, score.ticks_per_quarter))
    before: Integers = np.repeat(np.append(0, step)[begins], np.diff(begins, append=len(kept)))
    return step - before


def _rounded(ticks: Integers, ticks_per_quarter: int) -> Integers:
    """Ticks as steps, half to even, in integers: no tie is decided by a float's last bit."""
    whole = ticks * STEPS_PER_QUARTER // ticks_per_quarter
    twice = 2 * (ticks * STEPS_PER_QUARTER - whole * ticks_per_quarter)
    up: Mask = (twice > ticks_per_quarter) | ((twice == ticks_per_quarter) & (whole & 1 == 1))
    return whole + up


def _fill(row: Integers, begins: Integers, ends: Integers, total: int, options: CodecOptions) -> tuple[Bytes, int, int]:
    """Draw notes on windows: the windows, how many different onsets they show, how many notes the dropped window took.

    The cost is bounded by the notes and by the area, never by their product: the rows are laid end to end on one line,
    overlapping notes joined, and every stretch that is left is filled once.
    """
    count = total // SIDE if options.partial == "drop" else -(-total // SIDE)
    width = count * SIDE
    # The step before every onset, also before one that begins the dropped window.
    dark = (row * width + begins - 1)[(begins > 0) & (begins <= width)]
    on_line = begins < width
    row, begins, ends = row[on_line], begins[on_line], np.minimum(ends[on_line], width)
    order = np.argsort(row * width + begins, kind="stable")
    first, reach = (row * width + begins)[order], np.maximum.accumulate((row * width + ends)[order])
    opens = first >= _former(reach)
    closes = np.append(opens, True)[1:]
    cells = np.zeros(SIDE * width, np.uint8)
    _light(cells, first[opens], reach[closes])

    onsets = first[first != _former(first)]
    if options.restrike == "gap":
        # A step at which a note begins stays lit: the shortest note keeps its only step.
        cells[dark] = 0
        cells[onsets] = 1
    roll = cells.reshape(SIDE, count, SIDE)
    if total < width and not roll[:, -1].any():
        roll = roll[:, :-1]
    return np.ascontiguousarray(roll.transpose(1, 0, 2)), len(onsets), int(np.count_nonzero(~on_line))


def _former(values: Integers) -> Integers:
    """The value before each, and -1 before the first."""
    return np.append(-1, values)[:-1]


def _light(cells: Bytes, begins: Integers, ends: Integers) -> None:
    """Set stretches of cells that do not overlap to 1, a bounded number of cells at a time."""
    lengths = ends - begins
    cuts = np.searchsorted(np.cumsum(lengths), np.arange(_CELLS_AT_ONCE, lengths.sum(), _CELLS_AT_ONCE))
    for begin, length in zip(np.split(begins, cuts), np.split(lengths, cuts), strict=True):
        shift = np.repeat(begin - (np.cumsum(length) - length), length)
        cells[shift + np.arange(len(shift))] = 1


def _too_long(score: Score, message: int, most_steps: int) -> UnreadableMidi:
    most = f"{most_steps:,} steps ({most_steps // STEPS_PER_QUARTER:,} quarter notes)"
    text = f"The music goes on for longer than {most}. A wrong time in the file can cause that."
    return UnreadableMidi("too_long", int(score.offset[message]), text)
