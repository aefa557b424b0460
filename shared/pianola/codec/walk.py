"""The events of a MIDI file's tracks, found without a compiler's help.

Where an event ends depends on the event before it, so finding events is a walk. A table made by numpy for all bytes at
once says how long a plain channel event would be if one began there; the walk then costs one look-up an event, and only
what the table cannot say (meta events, sysex, long times, anything wrong) is parsed byte by byte. What the events say
is decoded by numpy, all together.
"""

from dataclasses import dataclass

import numpy as np

from pianola.codec.chunks import Chunks
from pianola.codec.unreadable import UnreadableMidi
from pianola.codec.window import Bytes, Integers, Mask

_LONGEST_NUMBER = 4
_END_OF_TRACK, _TEMPO, _METRE = 0x2F, 0x51, 0x58
_LARGEST_POWER = 7  # of 2, for the lower figure of a time signature to fit a byte
_NO_STATUS = 0
# An event at the last byte is looked up this far beyond it: a time of 2 bytes, a status and 2 data bytes.
_BEYOND = 5
_LONGEST_PLAIN = 2 + 3 + 127  # a time, then a meta event's status, type and length, and its content


@dataclass(frozen=True)
class Events:
    """What a file's tracks say, in the order of the file: note messages (see Score), tempos and time signatures.

    tempo: microseconds in a quarter note, int64. metre: uint8 [m, 2]. Only those that can be are there: a tempo above
    0, a numerator above 0 over 1 to 128, each in a message of the standard's length. unended, early: tracks without
    end_of_track, tracks with bytes after it.
    """

    tick: Integers
    track: Integers
    offset: Integers
    channel: Bytes
    pitch: Bytes
    velocity: Bytes
    strikes: Mask
    tempo_tick: Integers
    tempo: Integers
    metre_tick: Integers
    metre: Bytes
    unended: int
    early: int


def walk(data: bytes, chunks: Chunks, most_notes: int) -> Events:
    """The events of all tracks. Raises UnreadableMidi, also where there are more than `most_notes` notes."""
    code = np.frombuffer(data + b"\xff" * _BEYOND, np.uint8)
    found = _walk(data, chunks, _plain_lengths(code, len(data)))
    return _decode(code, found, most_notes)


@dataclass(frozen=True)
class _Found:
    """The first byte of every event of all tracks, the number of events in each track, and as in Events."""

    offsets: Integers
    counts: Integers
    unended: int
    early: int


def _plain_lengths(code: Bytes, size: int) -> tuple[Bytes, Bytes]:
    """For every byte: the length of the plain event that begins there, or 0: channel or meta events, meta events only.

    Plain: a time of 1 or 2 bytes, then either 2 data bytes, with or without a status that takes 2 (without one the walk
    must know that the running status takes 2), or a meta event of less than 128 bytes that is not end_of_track.
    """
    low = code < 0x80
    data_pair = low[:-1] & low[1:]
    status = ~low & (code < 0xF0) & ((code & 0xE0) != 0xC0)
    reach = size + 2
    meta = (code[:reach] == 0xFF) & (code[1 : reach + 1] != _END_OF_TRACK) & low[2 : reach + 2]
    meta_body = meta * (code[2 : reach + 2] + np.uint8(3))
    # At most one of the three is true of a byte.
    body = data_pair[:reach] * np.uint8(2) + (status[:reach] & data_pair[1 : reach + 1]) * np.uint8(3) + meta_body
    return _with_time(body, low, size), _with_time(meta_body, low, size)


def _with_time(body: Bytes, low: Mask, size: int) -> Bytes:
    """Lengths of events from lengths of their bodies (0: none): a time of 1 or 2 bytes comes before."""
    near, far = body[1 : size + 1], body[2 : size + 2]
    one, two = low[:size] & (near > 0), ~low[:size] & low[1 : size + 1] & (far > 0)
    return one * (near + np.uint8(1)) + two * (far + np.uint8(2))


def _walk(data: bytes, chunks: Chunks, lengths: tuple[Bytes, Bytes]) -> _Found:
    stops = [stop for _, stop in chunks.tracks if stop < len(data)]
    for table in lengths:
        # Here the next chunk begins: a 0 stops the walk without a second comparison an event.
        table[stops] = 0
    plain, meta = (table.tobytes() + bytes(_LONGEST_PLAIN) for table in lengths)
    begins = bytearray(len(data))
    unended = early = 0
    for start, stop in chunks.tracks:
        at = _walk_track(data, start, stop, plain, meta, begins)
        unended += at is None
        early += at is not None and at < stop
    offsets = np.flatnonzero(np.frombuffer(begins, np.bool_))
    counts = np.diff(np.searchsorted(offsets, [*(start for start, _ in chunks.tracks), len(data)]))
    return _Found(offsets, counts, unended, early)


def _walk_track(data: bytes, start: int, stop: int, plain: bytes, meta: bytes, begins: bytearray) -> int | None:
    """Mark the first byte of every event; return the byte after end_of_track, or None where there is none."""
    at, data_bytes = start, _NO_STATUS
    while at < stop:
        table = plain if data_bytes == 2 else meta
        while length := table[at]:
            begins[at] = True
            at += length
        if at >= stop:
            break
        begins[at] = True
        at, data_bytes, ended = _one_event(data, at, stop, data_bytes)
        if ended:
            return at
    if at > stop:
        raise _cut_event(begins.rfind(True, start, stop))
    return None


def _one_event(data: bytes, at: int, stop: int, data_bytes: int) -> tuple[int, int, bool]:
    """Parse one event of any kind, strictly.

    Returns the byte after it, how many data bytes the running status takes (which survives meta and sysex events),
    and whether it was end_of_track.
    """
    lead = _after_number(data, at, stop, at)
    if lead >= stop:
        raise _cut_event(at)
    status = data[lead]
    if status >= 0xF0:
        after, ended = _system_event(data, at, lead, stop)
        return after, data_bytes, ended
    first = lead
    if status >= 0x80:
        data_bytes, first = (1 if 0xC0 <= status < 0xE0 else 2), lead + 1
    elif data_bytes == _NO_STATUS:
        raise UnreadableMidi(
            "no_status", lead, "The track begins in the middle of an event: nothing says what these data are."
        )
    after = first + data_bytes
    if after > stop:
        raise _cut_event(at)
    for position in range(first, after):
        if data[position] >= 0x80:
            message = f"An event has the value {data[position]} where at most 127 is possible."
            raise UnreadableMidi("bad_data", position, message)
    return after, data_bytes, False


def _system_event(data: bytes, at: int, lead: int, stop: int) -> tuple[int, bool]:
    """The byte after a meta or sysex event with its status at `lead`, and whether it was end_of_track."""
    status = data[lead]
    if status not in (0xF0, 0xF7, 0xFF):
        message = f"The status byte {status:02X} belongs on a cable between instruments and not in a file."
        raise UnreadableMidi("bad_status", lead, message)
    size_at = lead + (2 if status == 0xFF else 1)
    content = _after_number(data, size_at, stop, at)
    size = 0
    for byte in data[size_at:content]:
        size = size << 7 | byte & 0x7F
    if content + size > stop:
        raise _cut_event(at)
    return content + size, status == 0xFF and data[lead + 1] == _END_OF_TRACK


def _after_number(data: bytes, at: int, stop: int, event: int) -> int:
    """The byte after the number of variable length at `at`, part of the event that begins at `event`."""
    for position in range(at, at + _LONGEST_NUMBER):
        if position >= stop:
            raise _cut_event(event)
        if data[position] < 0x80:
            return position + 1
    raise UnreadableMidi("bad_time", at, "A time or a length has more than 4 bytes, which no MIDI file may have.")


def _cut_event(at: int) -> UnreadableMidi:
    return UnreadableMidi(
        "cut_event", at, "The event that begins here goes past the end of its track: something is missing."
    )


def _decode(code: Bytes, found: _Found, most_notes: int) -> Events:
    offset, per_track = found.offsets, found.counts
    delta, lead = _times(code, offset)
    first = code[lead]
    # A status holds until the next one: the position of the latest, carried forward. A track's first channel event
    # has one (the walk saw to it), so none is carried from one track into the next.
    speaks = (first >= 0x80) & (first < 0xF0)
    status = first[np.maximum.accumulate(np.where(speaks, np.arange(len(first)), 0))] if len(first) else first
    note = np.flatnonzero((first < 0xF0) & ((status & 0xE0) == 0x80))

    total = np.zeros(len(delta) + 1, np.int64)
    np.cumsum(delta, out=total[1:])
    tick = total[1:] - np.repeat(total[np.cumsum(per_track) - per_track], per_track)
    track = np.repeat(np.arange(len(found.counts)), per_track)

    pitch_at = lead[note] + speaks[note]
    status, velocity = status[note], code[pitch_at + 1]
    strikes = (status >= 0x90) & (velocity > 0)
    struck = np.flatnonzero(strikes)
    if len(struck) > most_notes:
        message = f"The file has {len(struck):,} notes; the most that is read is {most_notes:,}."
        raise UnreadableMidi("too_many_notes", int(offset[note[struck[most_notes]]]), message)
    meta = np.flatnonzero(first == 0xFF)
    return Events(
        tick[note],
        track[note],
        offset[note],
        status & np.uint8(0x0F),
        code[pitch_at],
        velocity,
        strikes,
        *_tempos(code, lead[meta], tick[meta]),
        *_metres(code, lead[meta], tick[meta]),
        found.unended,
        found.early,
    )


def _tempos(code: Bytes, lead: Integers, tick: Integers) -> tuple[Integers, Integers]:
    """Ticks and tempos, in microseconds a quarter note, of the meta events with their status at `lead`."""
    said = np.flatnonzero((code[lead + 1] == _TEMPO) & (code[lead + 2] == 3))
    high, middle, low = (code[lead[said] + place].astype(np.int64) for place in (3, 4, 5))
    tempo = high << 16 | middle << 8 | low
    can_be = tempo > 0
    return tick[said[can_be]], tempo[can_be]


def _metres(code: Bytes, lead: Integers, tick: Integers) -> tuple[Integers, Bytes]:
    """Ticks and time signatures [m, 2] of the meta events with their status at `lead`."""
    said = np.flatnonzero((code[lead + 1] == _METRE) & (code[lead + 2] == 4))
    metre = np.empty((len(said), 2), np.uint8)
    metre[:, 0], power = code[lead[said] + 3], code[lead[said] + 4]
    can_be = (metre[:, 0] > 0) & (power <= _LARGEST_POWER)
    metre[:, 1] = np.uint8(1) << np.minimum(power, _LARGEST_POWER)
    return tick[said[can_be]], metre[can_be]


def _times(code: Bytes, offset: Integers) -> tuple[Integers, Integers]:
    """The number of variable length at each offset, and the byte after it."""
    at, byte = offset.copy(), code[offset]
    delta = (byte & 0x7F).astype(np.int64)
    longer = np.flatnonzero(byte >= 0x80)
    while longer.size:
        at[longer] += 1
        byte = code[at[longer]]
        delta[longer] = delta[longer] << 7 | byte & 0x7F
        longer = longer[byte >= 0x80]
    return delta, at + 1
