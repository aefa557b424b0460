"""Why a file cannot be read: one error with a stable code."""

from typing import Final

CODES: Final = (
    "too_big",  # more bytes than the limit
    "empty_file",
    "not_midi",  # no MThd, nor a RIFF wrapper of kind RMID around one
    "bad_header",  # MThd is shorter than its 6 bytes, or goes past the end
    "unknown_type",  # neither type 0, 1 nor 2
    "type_2",  # independent sequences: there is no one roll of them
    "smpte_time",  # time in film frames: there is no quarter note
    "no_time_unit",  # 0 ticks in a quarter note
    "bad_chunk",  # bytes that are no chunk before all tracks were found
    "cut_off",  # a chunk goes past the end of the file
    "no_tracks",
    "too_many_tracks",
    "bad_time",  # a number of variable length with more than 4 bytes
    "cut_event",  # an event goes past the end of its track
    "no_status",  # data before any status byte
    "bad_status",  # F1..F6 or F8..FE, which belong on a cable and not in a file
    "bad_data",  # a data byte above 127
    "too_many_notes",
    "too_long",  # more steps than the limit
)
"""Every code of UnreadableMidi. Codes are stable: programs may rely on them."""


class UnreadableMidi(ValueError):
    """The bytes are no MIDI file that Pianola reads; `offset` is the byte where reading stopped."""

    def __init__(self, code: str, offset: int, message: str) -> None:
        super().__init__(f"{message} ({code}, byte {offset})")
        self.code = code
        self.offset = offset
        self.message = message
