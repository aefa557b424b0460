"""From note messages to notes on steps, without a compiler's help."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pianola.codec.options import CodecOptions
from pianola.codec.reader import Score
from pianola.codec.unreadable import UnreadableMidi
from pianola.codec.window import SIDE, STEPS_PER_QUARTER, Bytes, Integers, Mask, rounded_steps

_PERCUSSION: Final = 9  # channel 10 when counted from 1
_FEW_TRACKS: Final = 32  # their voices are numbers of 16 bits, which numpy sorts without comparing


@dataclass(frozen=True)
class Notes:
    """The notes that have a row and last: row, first step, end and velocity, and counts of the rest (see LeftOut).

    total: the end of the last note that is kept, be it on the rows or not.
    """

    row: Integers
    begins: Integers
    ends: Integers
    velocity: Bytes
    total: int
    percussion: int
    outside_rows: int
    vanished: int
    note_offs: int
    never_closed: int
    struck_again: int


def pair_notes(score: Score, options: CodecOptions, most_steps: int) -> Notes:
    """Pair the messages to notes and place them on steps. Raises UnreadableMidi (too_long) beyond `most_steps`."""
    pitched = np.full(len(score.tick), True) if options.percussion else score.channel != _PERCUSSION
    pairs = _pair(score, options, pitched)
    steps = _steps(score, options, pairs.kept)
    too_late = np.flatnonzero(steps > most_steps)
    if too_late.size:
        raise _too_long(score, int(pairs.kept[too_late[0]]), most_steps)

    begins = steps[pairs.start]
    ends = np.maximum(steps[pairs.end], begins + options.shortest)
    strikes = pairs.kept[pairs.start]
    row = options.lowest_pitch + SIDE - 1 - score.pitch[strikes].astype(np.int64)
    inside = (row >= 0) & (row < SIDE)
    lasts = inside & (ends > begins)
    return Notes(
        row=row[lasts],
        begins=begins[lasts],
        ends=ends[lasts],
        velocity=score.velocity[strikes][lasts],
        total=int(ends.max(initial=0)),
        percussion=int(np.count_nonzero(score.strikes & ~pitched)),
        outside_rows=int(np.count_nonzero(~inside)),
        vanished=int(np.count_nonzero(inside & ~lasts)),
        note_offs=int(np.count_nonzero(pitched)) - len(pairs.kept),
        never_closed=pairs.never_closed,
        struck_again=pairs.struck_again,
    )


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
    order = np.argsort(voice.astype(np.uint16) if score.tracks <= _FEW_TRACKS else voice, kind="stable")
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
        return rounded_steps(tick, score.ticks_per_quarter)
    begins = np.flatnonzero(np.diff(track, prepend=-1))
    since = np.diff(tick, prepend=0)
    since[begins] = tick[begins]
    step = np.cumsum(rounded_steps(since, score.ticks_per_quarter))
    before: Integers = np.repeat(np.append(0, step)[begins], np.diff(begins, append=len(kept)))
    return step - before


def _too_long(score: Score, message: int, most_steps: int) -> UnreadableMidi:
    most = f"{most_steps:,} steps ({most_steps // STEPS_PER_QUARTER:,} quarter notes)"
    text = f"The music goes on for longer than {most}. A wrong time in the file can cause that."
    return UnreadableMidi("too_long", int(score.offset[message]), text)
