"""What a build says of a file, and `pianola inspect` too: accepted, or refused with a code, a byte and a sentence."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from pianola.codec.options import CodecOptions
from pianola.codec.reader import LIMITS, Limits, Score, read_midi
from pianola.codec.roll import Encoded, LeftOut, draw
from pianola.codec.unreadable import CODES, UnreadableMidi
from pianola.codec.window import SIDE, STEPS_PER_QUARTER
from pianola.codec.windows import Windows, no_windows

VERDICT_CODES: Final = (
    *CODES,
    "no_notes",  # a MIDI file in order, in which no note is struck
    "all_left_out",  # it has notes, and none that these options draw
    "too_short",  # shorter than a window, and these options drop incomplete windows
    "all_filtered",  # no note begins in a window that these options keep: another metre, or too few notes
    "reader_slow",  # reading took longer than a build waits for one file
    "reader_memory",  # reading took more memory than a build gives to one file
    "reader_crashed",  # the process that read the file died of it
)
"""Every code of a refusal. Codes are stable: programs may rely on them."""


@dataclass(frozen=True)
class Verdict:
    """A file's line in the dataset's report.

    Accepted: windows, notes (different onsets drawn), counts of what was left out by name, warnings. Refused: a code of
    VERDICT_CODES, the byte it is about, and the reason in words a musician understands.
    """

    accepted: bool
    windows: int = 0
    notes: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    code: str | None = None
    offset: int | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        """Every field by name, as JSON values."""
        # Not `asdict`, which copies all within: a build does this twice for every file.
        return dict(vars(self))


def judge(data: bytes, options: CodecOptions, limits: Limits = LIMITS) -> tuple[Verdict, Windows]:
    """A verdict on any bytes, and their windows (none when refused). No bytes make it raise."""
    nothing = no_windows(options.velocity)
    try:
        score = read_midi(data, limits)
        encoded = draw(score, options, limits.steps)
    except UnreadableMidi as error:
        return Verdict(False, code=error.code, offset=error.offset, reason=error.message), nothing
    left_out, warnings = encoded.left_out.to_json(), list(encoded.warnings)
    if not encoded.notes:
        code, offset, reason = _without_notes(score, encoded)
        return Verdict(False, 0, 0, left_out, warnings, code, offset, reason), nothing
    return Verdict(True, len(encoded.windows), encoded.notes, left_out, warnings), encoded.windows


def _without_notes(score: Score, encoded: Encoded) -> tuple[str, int, str]:
    """Code, byte and reason for a file that can be read and of which nothing is kept."""
    struck = np.flatnonzero(score.strikes)
    if not len(struck):
        return "no_notes", score.size, "The file is in order, but no note is played in it."
    if encoded.left_out.filtered:
        reason = f"No note begins in a window that these options keep; left out: {_filters(encoded.left_out)}."
        return "all_filtered", int(score.offset[struck[0]]), reason
    if encoded.left_out.partial_window and encoded.steps < SIDE:
        beats, least = encoded.steps / STEPS_PER_QUARTER, SIDE // STEPS_PER_QUARTER
        reason = f"The music is {beats:.3g} quarter notes long, and these options leave out what does not fill {least}."
        return "too_short", int(score.offset[-1]), reason
    return "all_left_out", int(score.offset[struck[0]]), f"None of its notes can be drawn: {_listed(encoded.left_out)}."


def _filters(left_out: LeftOut) -> str:
    parts = {
        "not wholly in one of the time signatures asked for": left_out.other_metre,
        "with fewer notes than asked for": left_out.few_notes,
    }
    return ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)


def _listed(left_out: LeftOut) -> str:
    parts = {
        "on the percussion channel": left_out.percussion,
        "outside the 96 rows": left_out.outside_rows,
        "shorter than one step": left_out.vanished,
        "in a last window that is not full": left_out.partial_window,
    }
    return ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
