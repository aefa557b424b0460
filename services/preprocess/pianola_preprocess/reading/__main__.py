"""`python -I -m pianola_preprocess.reading`: reads files from standard input and answers on standard output."""

import dataclasses
import functools
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from pianola.codec.options import PRESETS, CodecOptions
from pianola.codec.verdict import judge
from pianola_preprocess.reading import sandbox, wire
from pianola_preprocess.reading.wire import LENGTHS, Part

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
    while (lengths := _read(LENGTHS.size)) is not None:
        options_bytes, file_bytes = LENGTHS.unpack(lengths)
        options, data = _read(options_bytes), _read(file_bytes)
        if options is None or data is None:
            break
        try:
            answer = wire.answer_parts(*judge(data, _options(options)))
        except MemoryError:
            # What else is in memory now is anybody's guess: the parent starts another process.
            _say(wire.MEMORY_HEAD)
            return 1
        except Exception:
            # A fault in the codec, which promises not to raise: said to the worker's log.
            _say(wire.fault_head(traceback.format_exc()))
            return 1
        _write(answer)
    return 0


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
    _write([LENGTHS.pack(len(head), 0), head])


def _read(size: int) -> bytes | None:
    """Exactly so many bytes; None at the end of standard input."""
    read = sys.stdin.buffer.read(size)
    return read if len(read) == size else None


def _write(parts: Sequence[Part]) -> None:
    left = wire.unwritten(parts, 0)
    while left:
        left = wire.unwritten(left, os.writev(sys.stdout.fileno(), left))


if __name__ == "__main__":
    sys.exit(main())
