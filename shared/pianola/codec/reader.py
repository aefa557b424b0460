"""A strict reader of MIDI files: every length is checked, and what is wrong is said with its byte."""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pianola.codec import native
from pianola.codec.chunks import Chunks, find_chunks
from pianola.codec.unreadable import UnreadableMidi
from pianola.codec.walk import Events, walk
from pianola.codec.window import Bytes, Integers, Mask

_MICROSECONDS_PER_MINUTE: Final = 60_000_000


@dataclass(frozen=True)
class Limits:
    """The largest file that is read. The defaults pass all of 2,348 real files (largest seen in brackets)."""

    bytes: int = 2**20  # (280 KB)
    steps: int = 196_608  # (56,198)
    notes: int = 100_000  # (20,450)
    tracks: int = 256  # (26)


LIMITS: Final = Limits()


@dataclass(frozen=True)
class Score:
    """Every note_on and note_off of a file: arrays of one length, track after track, in the order of the file.

    tick: since the beginning of the track, with the time of every other message counted in. strikes: note_on with a
    velocity above 0; all else is note_off. velocity: as in the message. offset: the byte where the message's time
    begins. size: bytes of the file.

    Two shorter lists, of all tracks together and in the order of time, say what holds from a tick on: `tempo`, float32
    quarter notes a minute, from `tempo_tick`; `metre`, uint8 [m, 2] numerator and denominator, from `metre_tick`.
    """

    ticks_per_quarter: int
    tracks: int
    tick: Integers
    track: Integers
    channel: Bytes
    pitch: Bytes
    strikes: Mask
    velocity: Bytes
    offset: Integers
    tempo_tick: Integers
    tempo: npt.NDArray[np.float32]
    metre_tick: Integers
    metre: Bytes
    warnings: tuple[str, ...]
    size: int


def read_midi(data: bytes, limits: Limits = LIMITS) -> Score:
    """Read the notes of a type 0 or type 1 file. Raises UnreadableMidi with one of CODES.

    `limits.steps` is left to the roll: only there is it known which notes are kept.
    """
    if len(data) > limits.bytes:
        message = f"The file has {len(data):,} bytes; the most that is read is {limits.bytes:,}."
        raise UnreadableMidi("too_big", limits.bytes, message)
    chunks = find_chunks(data, limits.tracks)
    events = _compiled_walk(data, chunks, limits.notes) or walk(data, chunks, limits.notes)
    by_tempo, by_metre = np.argsort(events.tempo_tick, kind="stable"), np.argsort(events.metre_tick, kind="stable")
    return Score(
        ticks_per_quarter=chunks.ticks_per_quarter,
        tracks=len(chunks.tracks),
        tick=events.tick,
        track=events.track,
        channel=events.channel,
        pitch=events.pitch,
        strikes=events.strikes,
        velocity=events.velocity,
        offset=events.offset,
        tempo_tick=events.tempo_tick[by_tempo],
        tempo=(_MICROSECONDS_PER_MINUTE / events.tempo[by_tempo]).astype(np.float32),
        metre_tick=events.metre_tick[by_metre],
        metre=events.metre[by_metre],
        warnings=(*chunks.warnings, *_warnings(events, len(chunks.tracks))),
        size=len(data),
    )


def _compiled_walk(data: bytes, chunks: Chunks, most_notes: int) -> Events | None:
    """The events as read in C; None without it, and where it finds a fault."""
    if native.module is None:
        return None
    ranges = struct.pack(f"={2 * len(chunks.tracks)}q", *(edge for track in chunks.tracks for edge in track))
    found = native.module.read(data, ranges, most_notes)
    if found is None:
        return None
    columns, unended, early = found
    tick, track, offset, channel, pitch, velocity, strikes, tempo_tick, tempo, metre_tick, metre = columns
    return Events(
        tick=np.frombuffer(tick, np.int64),
        track=np.frombuffer(track, np.int64),
        offset=np.frombuffer(offset, np.int64),
        channel=np.frombuffer(channel, np.uint8),
        pitch=np.frombuffer(pitch, np.uint8),
        velocity=np.frombuffer(velocity, np.uint8),
        strikes=np.frombuffer(strikes, np.bool_),
        tempo_tick=np.frombuffer(tempo_tick, np.int64),
        tempo=np.frombuffer(tempo, np.int64),
        metre_tick=np.frombuffer(metre_tick, np.int64),
        metre=np.frombuffer(metre, np.uint8).reshape(-1, 2),
        unended=unended,
        early=early,
    )


def _warnings(events: Events, tracks: int) -> tuple[str, ...]:
    unended = f"Without an end_of_track event: {events.unended} of {tracks} tracks; each is read to its last byte."
    early = f"Bytes after the end_of_track event in {events.early} of {tracks} tracks are ignored."
    return (unended,) * bool(events.unended) + (early,) * bool(events.early)
