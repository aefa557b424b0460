"""`python -I -m pianola_preprocess.reading`: reads files from standard input and answers on standard output."""

import dataclasses
import functools
import json
import os
import struct
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Final

from pianola.codec.options import PRESETS, CodecOptions
from pianola.codec.verdict import Verdict, judge
from pianola.codec.windows import Windows
from pianola_preprocess.reading import sandbox, wire
from pianola_preprocess.reading.wire import REQUEST, Part

# One quarter note on middle C.
_SMALLEST: Final = bytes.fromhex("4d546864 00000006 0000 0001 000c 4d54726b 0000000c 00903c40 0c803c00 00ff2f00")


def main() -> int:
    """Answer one request after another until standard input ends."""
    try:
        _warm_up()
        sandbox.lock()
    except OSError as error:
        _say(wire.fault_head(f"it could not be locked in ({error}); run the worker as an ordinary user"))
        return 1
    _say(wire.READY_HEAD)
    while (request := _request()) is not None:
        try:
            answers = _answers(*request)
        except MemoryError:
            # What else is in memory now is anybody's guess: the parent starts another process.
            _say(wire.MEMORY_HEAD)
            return 1
        except Exception:
            # A fault in the codec, which promises not to raise: said to the worker's log.
            _say(wire.fault_head(traceback.format_exc()))
            return 1
        _write(answers)
    return 0


def _request() -> tuple[bytes, Iterator[bytes]] | None:
    """Options and files; None at the end of standard input."""
    numbers = _read(REQUEST.size)
    if len(numbers) < REQUEST.size:
        return None
    options_bytes, files = REQUEST.unpack(numbers)
    options = _read(options_bytes)
    sizes = struct.unpack(f"<{files}I", _read(4 * files))
    # All of them are taken from the pipe, also those that get no answer in this go.
    contents = [_read(size) for size in sizes]
    return options, iter(contents)


def _answers(options: bytes, files: Iterator[bytes]) -> list[Part]:
    """Answers to the first files, as many as are held at once."""
    judged: list[tuple[Verdict, Windows]] = []
    held = 0
    for data in files:
        judged.append(judge(data, _options(options)))
        held += judged[-1][1].lit.nbytes
        if held >= wire.BATCH_BYTES:
            break
    following = range(len(judged) - 1, -1, -1)
    return [
        part
        for (verdict, windows), left in zip(judged, following, strict=True)
        for part in wire.answer_parts(verdict, windows, left)
    ]


@functools.lru_cache(maxsize=4)
def _options(written: bytes) -> CodecOptions:
    return CodecOptions.from_json(json.loads(written))


def _warm_up() -> None:
    """Import whatever the first file would: later nothing can be opened."""
    options = dataclasses.replace(PRESETS["piano"], velocity=True, hop=12)
    wire.answer_parts(*judge(_SMALLEST, options))
    wire.answer_parts(*judge(b"", options))
    wire.fault_head("".join(traceback.format_exception(ValueError())))


def _say(head: bytes) -> None:
    _write([wire.ANSWER.pack(len(head), 0, 0) + head])


def _read(size: int) -> bytes:
    """So many bytes; fewer at the end of standard input."""
    return sys.stdin.buffer.read(size)


def _write(parts: Sequence[Part]) -> None:
    left = wire.unwritten(parts, 0)
    while left:
        left = wire.unwritten(left, os.writev(sys.stdout.fileno(), left))


if __name__ == "__main__":
    sys.exit(main())
