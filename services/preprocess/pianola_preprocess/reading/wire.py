"""What goes through the pipes between a worker and its reading process; numbers are uint32, little-endian.

A request: the bytes of the codec options and the number of files; the options as JSON; each file's size; the files.
Answers come for the first of them, at least one, in one go: fewer switches between the processes, in bounded memory. An
answer: the bytes of its head and body, and how many more answers follow; a head as JSON; a body of the windows' arrays
one after another, packed as in a shard. The worker trusts nothing of an answer: lengths, types and ranges are checked,
and no byte of it is ever executed.
"""

import dataclasses
import functools
import json
import math
import struct
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pianola.codec.options import CodecOptions
from pianola.codec.verdict import VERDICT_CODES, Verdict
from pianola.codec.window import SIDE
from pianola.codec.windows import Velocities, Windows

REQUEST: Final = struct.Struct("<II")
ANSWER: Final = struct.Struct("<III")
BATCH_BYTES: Final = 4 * 2**20
"""Answers are sent as soon as their windows take so much."""
MOST_HEAD_BYTES: Final = 2**16
MOST_BODY_BYTES: Final = 32 * 2**20
"""A file of 196,608 steps in windows that begin every 12 makes 19 MB, and 3 MB of velocities."""
MEMORY_HEAD: Final = b'{"failed":"memory"}'
"""The answer of a reader that ran out of memory: ready-made, as there is none to make it with."""
READY_HEAD: Final = b'{"ready":true}'

_MOST_TEXT: Final = 2_000
_FIELDS: Final = frozenset(field.name for field in dataclasses.fields(Verdict))

Part: TypeAlias = bytes | memoryview


class BadAnswer(ValueError):
    """An answer that no reader in order gives."""


def request_parts(options: CodecOptions, files: Sequence[bytes]) -> list[Part]:
    """A request as pieces to be written one after another."""
    written = _written(options)
    sizes = struct.pack(f"<{len(files)}I", *map(len, files))
    return [REQUEST.pack(len(written), len(files)) + written + sizes, *files]


def answer_parts(verdict: Verdict, windows: Windows, following: int = 0) -> list[Part]:
    """An answer as pieces to be written one after another, without a copy of the arrays."""
    velocity = windows.velocity
    arrays: list[npt.NDArray[Any]] = [windows.lit, windows.start, windows.tempo, windows.metre]
    if velocity is not None:
        arrays += [velocity.ends, velocity.values]
    body = [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays if array.size]
    velocities = None if velocity is None else len(velocity.values)
    head = json.dumps({"verdict": verdict.to_json(), "velocities": velocities}).encode("ascii")
    return [ANSWER.pack(len(head), sum(map(len, body)), following) + head, *body]


def read_answer(head: bytes, body: bytes | bytearray) -> tuple[Verdict, Windows]:
    """The verdict and windows of an answer. Raises BadAnswer."""
    match _json(head):
        case {"verdict": dict(said), "velocities": None | int() as velocities}:
            verdict = _verdict(said)
            return verdict, _windows(body, verdict.windows, velocities)
    raise BadAnswer("its head is no verdict")


def unwritten(parts: Sequence[Part], written: int) -> list[memoryview]:
    """What is left of `parts` after the first `written` bytes."""
    left = []
    for part in parts:
        if written < len(part):
            left.append(memoryview(part)[written:])
        written = max(0, written - len(part))
    return left


def failure(head: bytes) -> str | None:
    """What a reader says of its own failure: "memory", or a fault's description; None for a verdict."""
    match _json(head):
        case {"failed": str(failed)}:
            return failed[:_MOST_TEXT]
    return None


def fault_head(description: str) -> bytes:
    """The head of an answer that tells of a fault in the reader; the end of `description` is kept."""
    return json.dumps({"failed": description[-_MOST_TEXT:]}).encode("ascii")


@functools.lru_cache(maxsize=4)
def _written(options: CodecOptions) -> bytes:
    return json.dumps(options.to_json()).encode("ascii")


def _json(head: bytes) -> Any:
    try:
        return json.loads(head)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("its head is not JSON") from error


def _verdict(said: dict[str, Any]) -> Verdict:
    if said.keys() != _FIELDS:
        raise BadAnswer("the verdict has other fields")
    verdict = Verdict(**said)
    accepted = type(verdict.accepted) is bool and all(map(_is_count, (verdict.windows, verdict.notes)))
    left_out = isinstance(verdict.left_out, dict) and all(_is_count(count) for count in verdict.left_out.values())
    warnings = isinstance(verdict.warnings, list) and all(map(_is_text, verdict.warnings))
    if verdict.accepted:
        why = verdict.code is None and verdict.offset is None and verdict.reason is None
    else:
        why = verdict.code in VERDICT_CODES and _is_count(verdict.offset) and _is_text(verdict.reason)
    if not (accepted and left_out and warnings and why):
        raise BadAnswer("the verdict's values are none a reader gives")
    return verdict


def _windows(body: bytes | bytearray, count: int, velocities: int | None) -> Windows:
    take = _Take(body)
    lit = take(np.uint8, count, SIDE, SIDE // 8)
    start, tempo, metre = take(np.int32, count), take(np.float32, count), take(np.uint8, count, 2)
    velocity = None
    if velocities is not None:
        ends = take(np.int64, count)
        velocity = Velocities(take(np.uint8, velocities), ends)
        if np.any(np.diff(ends, prepend=0) < 0) or (ends[-1] if count else 0) != velocities:
            raise BadAnswer("the velocities do not fit the windows")
    if take.left or not np.all(np.isfinite(tempo)):
        raise BadAnswer("the windows' arrays do not fit the verdict")
    return Windows(lit, start, tempo, metre, velocity)


class _Take:
    """Arrays from the front of a buffer, as views of it. Raises BadAnswer where it is too short."""

    def __init__(self, body: bytes | bytearray) -> None:
        self._body, self._at = body, 0

    @property
    def left(self) -> int:
        return len(self._body) - self._at

    def __call__(self, kind: type[Any], *shape: int) -> Any:
        count = math.prod(shape)
        size = count * np.dtype(kind).itemsize
        if not 0 <= size <= self.left:
            raise BadAnswer("the windows' arrays do not fit the verdict")
        # An answer of a refused file has no byte, and numpy refuses to look at none.
        array = np.frombuffer(self._body, kind, count, self._at) if count else np.zeros(0, kind)
        self._at += size
        return array.reshape(shape)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MOST_TEXT
