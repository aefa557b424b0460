"""From notes to packed windows, in C or, without it, in numpy."""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pianola.codec import native
from pianola.codec.options import CodecOptions
from pianola.codec.pairing import Notes, pair_notes
from pianola.codec.reader import Score
from pianola.codec.window import SIDE, Bytes, Integers, Mask
from pianola.codec.windows import PACKED, run_begins, unpack

_CELLS_AT_ONCE: Final = 2**18
_ROW: Final = np.dtype((np.void, PACKED))  # of a packed window, copied as one piece
_WINDOWS_AT_ONCE: Final = _CELLS_AT_ONCE // SIDE**2


class Drawn(NamedTuple):
    """All windows of a file, before any is left out, and what was counted.

    lit: uint8 [n, 96, 12], packed. onsets: int32, the step of every different onset (row and step). seen: int32 [n],
    the runs of lit steps that each window shows, and velocities: uint8, one for each of those (see Velocities); empty
    where the options ask for neither. notes: those with a row that last at least a step. The rest: see Notes and
    LeftOut.
    """

    lit: Bytes
    onsets: npt.NDArray[np.int32]
    seen: npt.NDArray[np.int32]
    velocities: Bytes
    notes: int
    total: int
    percussion: int
    outside_rows: int
    vanished: int
    partial_window: int
    note_offs: int
    never_closed: int
    struck_again: int


def draw_windows(score: Score, options: CodecOptions, most_steps: int) -> Drawn:
    """Draw a score's notes. Raises UnreadableMidi (too_long) beyond `most_steps`.

    Time and memory are bounded by the notes and by the area of the windows, never by their product.
    """
    return _draw_compiled(score, options, most_steps) or _draw(pair_notes(score, options, most_steps), options)


def _draw_compiled(score: Score, options: CodecOptions, most_steps: int) -> Drawn | None:
    """The windows as drawn in C; None without it, and where the music is too long."""
    if native.module is None:
        return None
    found = native.module.draw(
        (score.tick, score.track, score.channel, score.pitch, score.strikes, score.velocity),
        score.ticks_per_quarter,
        most_steps,
        options.rounding == "delta",
        options.sounding == "track",
        options.lowest_pitch,
        options.shortest,
        options.restrike == "gap",
        options.partial == "drop",
        options.percussion,
        options.hop,
        options.least_notes > 0,
        options.velocity,
    )
    if found is None:
        return None
    (lit, onsets, seen), velocities, counts = found
    return Drawn(
        np.frombuffer(lit, np.uint8).reshape(-1, SIDE, PACKED),
        np.frombuffer(onsets, np.int32),
        np.frombuffer(seen, np.int32),
        np.frombuffer(velocities, np.uint8),
        *counts,
    )


class _Roll(NamedTuple):
    """The rows of a roll laid end to end on one line, `width` cells of 0 and 1 each.

    places: of the different onsets on the line, in order. loudest: the loudest strike at each.
    """

    cells: Bytes
    width: int
    places: Integers
    loudest: Bytes


def _draw(notes: Notes, options: CodecOptions) -> Drawn:
    count = _count_windows(notes.total, options)
    roll = _fill(notes, (count - 1) * options.hop + SIDE if count else 0, options.restrike == "gap")
    rows = roll.cells.reshape(SIDE, roll.width)
    if notes.total < roll.width and not rows[:, -SIDE:].any():
        count -= 1
    lit = _cut(rows, count, options.hop)
    seen, velocities = np.zeros(0, np.int32), np.zeros(0, np.uint8)
    if options.least_notes or options.velocity:
        seen, velocities = _runs(lit, roll, options)
    return Drawn(
        lit=lit,
        onsets=(roll.places % max(roll.width, 1)).astype(np.int32),
        seen=seen,
        velocities=velocities,
        notes=len(notes.row),
        total=notes.total,
        percussion=notes.percussion,
        outside_rows=notes.outside_rows,
        vanished=notes.vanished,
        partial_window=int(np.count_nonzero(notes.begins >= roll.width)),
        note_offs=notes.note_offs,
        never_closed=notes.never_closed,
        struck_again=notes.struck_again,
    )


def _count_windows(total: int, options: CodecOptions) -> int:
    """Windows up to the first that reaches the end of the music; a partial one is dropped or padded."""
    drop = options.partial == "drop"
    if total < SIDE:
        return int(total > 0 and not drop)
    return (total - SIDE + (0 if drop else options.hop - 1)) // options.hop + 1


def _fill(notes: Notes, width: int, gap: bool) -> _Roll:
    """Draw notes: overlapping ones are joined, and every stretch that is left is filled once."""
    begin, end = notes.row * width + notes.begins, notes.row * width + np.minimum(notes.ends, width)
    # The step before every onset, also before one that begins what is dropped.
    dark = (begin - 1)[(notes.begins > 0) & (notes.begins <= width)]
    shown = np.flatnonzero(notes.begins < width)
    order = shown[np.argsort(begin[shown], kind="stable")]
    first, reach = begin[order], np.maximum.accumulate(end[order])
    opens = first >= _former(reach)
    closes = np.append(opens, True)[1:]
    cells = np.zeros(SIDE * width, np.uint8)
    _light(cells, first[opens], reach[closes])

    begins_anew = np.flatnonzero(first != _former(first))
    places = first[begins_anew]
    loudest = np.maximum.reduceat(notes.velocity[order], begins_anew) if len(places) else np.zeros(0, np.uint8)
    if gap:
        # A step at which a note begins stays lit: the shortest note keeps its only step.
        cells[dark] = 0
        cells[places] = 1
    return _Roll(cells, width, places, loudest)


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


def _cut(rows: Bytes, count: int, hop: int) -> Bytes:
    """`count` packed windows of a roll [96, width], one every `hop` steps."""
    lit = np.empty((count, SIDE), _ROW)
    # Windows that begin at the same bit of a byte are cut from the same packed roll: every 8th at the latest.
    phases = 8 // math.gcd(hop, 8)
    for phase in range(min(phases, count)):
        packed = np.packbits(rows[:, phase * hop :], axis=1)
        some = lit[phase::phases]
        some[:] = np.ndarray(some.shape, _ROW, packed, strides=(phases * hop // 8, packed.shape[1]))
    return lit.view(np.uint8).reshape(count, SIDE, PACKED)


def _runs(lit: Bytes, roll: _Roll, options: CodecOptions) -> tuple[npt.NDArray[np.int32], Bytes]:
    """How many runs each window shows, and their velocities, a bounded number of windows at a time."""
    # A run of the roll begins at an onset after a dark step, or at one on a row's first step.
    opens: Mask = (roll.places % max(roll.width, 1) == 0) | (roll.cells[roll.places - 1] == 0)
    places, loudest = roll.places[opens], roll.loudest[opens]
    seen = np.zeros(len(lit), np.int32)
    velocities = []
    for at in range(0, len(lit), _WINDOWS_AT_ONCE):
        begins = run_begins(unpack(lit[at : at + _WINDOWS_AT_ONCE]))
        seen[at : at + len(begins)] = begins.sum(axis=(1, 2))
        if options.velocity:
            window, row, step = np.nonzero(begins)
            place = row * roll.width + (at + window) * options.hop + step
            velocities.append(loudest[np.searchsorted(places, place, side="right") - 1])
    return seen, np.concatenate([np.zeros(0, np.uint8), *velocities])
