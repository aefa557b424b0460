"""What holds for any bytes at all, whatever the options."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pianola.codec import native
from pianola.codec.options import CodecOptions, codec_options
from pianola.codec.reader import LIMITS, Limits, Score, read_midi
from pianola.codec.unreadable import UnreadableMidi
from pianola.codec.verdict import VERDICT_CODES, Verdict, judge
from pianola.codec.window import SIDE
from pianola.codec.windows import PACKED, Windows, run_begins, unpack

OPTIONS: Final = (
    codec_options("piano", {}),
    codec_options("thesis", {}),
    codec_options("piano", {"hop": 12, "velocity": True, "metres": ("4/4", "3/4", "6/8"), "least_notes": 2}),
    codec_options("thesis", {"percussion": True, "lowest_pitch": 32, "hop": 60, "velocity": True, "partial": "pad"}),
)
"""Between them every choice of every option."""

READER_CODES: Final = frozenset(code for code in VERDICT_CODES if code.startswith("reader_"))
"""Codes that only a process around the codec gives: bytes that need one of them have got past the codec's limits."""

_SOME: Final = 64
"""Windows unpacked at once."""


def holds(data: bytes, limits: Limits = LIMITS) -> None:
    """Fails unless every property holds for the bytes with each of OPTIONS."""
    assert_both_read_the_same(data, limits)
    for options in OPTIONS:
        assert_both_draw_the_same(data, options, limits)


def check(data: bytes, options: CodecOptions, limits: Limits = LIMITS) -> tuple[Verdict, Windows]:
    """Judge the bytes; fails when that raises, or the verdict and the windows do not go together."""
    verdict, windows = judge(data, options, limits)
    assert_in_order(data, options, verdict, windows)
    return verdict, windows


def assert_both_read_the_same(data: bytes, limits: Limits = LIMITS) -> None:
    """The compiled reader and the one in Python make the same score of the bytes, or say the same is wrong with them.

    Where there is no compiled reader this reads twice with the one in Python.
    """
    with python_alone():
        ours = _read(data, limits)
    theirs = _read(data, limits)
    if isinstance(ours, Score) and isinstance(theirs, Score):
        for field in dataclasses.fields(Score):
            assert _equal(getattr(ours, field.name), getattr(theirs, field.name)), field.name
    else:
        assert ours == theirs


def assert_both_draw_the_same(data: bytes, options: CodecOptions, limits: Limits = LIMITS) -> None:
    """The same verdict, word by word, and the same windows with and without the compiled half of the codec."""
    with python_alone():
        verdict, windows = check(data, options, limits)
    other_verdict, other_windows = check(data, options, limits)
    assert verdict == other_verdict
    assert same(windows, other_windows)


@contextlib.contextmanager
def python_alone() -> Iterator[None]:
    """Within it the compiled half of the codec is not used, as with PIANOLA_PURE_READER=1."""
    there, native.module = native.module, None
    try:
        yield
    finally:
        native.module = there


def assert_in_order(data: bytes, options: CodecOptions, verdict: Verdict, windows: Windows) -> None:
    """A verdict has what its kind has, and the windows are as many, as large and as many-voiced as the options say."""
    assert verdict.accepted == (verdict.code is None)
    assert len(windows) == verdict.windows
    assert (windows.velocity is not None) == options.velocity
    assert min(verdict.left_out.values(), default=1) > 0
    if verdict.accepted:
        assert verdict.reason is None
        assert verdict.offset is None
        assert verdict.notes > 0
        assert len(windows) > 0
    else:
        assert verdict.code in VERDICT_CODES
        assert verdict.code not in READER_CODES, verdict.reason
        assert verdict.reason
        assert verdict.offset is not None
        assert 0 <= verdict.offset <= len(data)
        assert len(windows) == 0
    _assert_shapes(windows)
    _assert_places(windows, options)
    _assert_contents(windows, options)


def same(ours: Windows, theirs: Windows) -> bool:
    """Whether two files' windows are the same, byte for byte."""
    fields = ("lit", "start", "tempo", "metre")
    pairs = [(getattr(ours, field), getattr(theirs, field)) for field in fields]
    if ours.velocity is not None and theirs.velocity is not None:
        pairs += [(ours.velocity.values, theirs.velocity.values), (ours.velocity.ends, theirs.velocity.ends)]
    return (ours.velocity is None) == (theirs.velocity is None) and all(_equal(*pair) for pair in pairs)


def _read(data: bytes, limits: Limits) -> Score | tuple[str, int, str]:
    try:
        return read_midi(data, limits)
    except UnreadableMidi as error:
        return error.code, error.offset, error.message


def _equal(one: object, two: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()
    return one == two


def _assert_shapes(windows: Windows) -> None:
    count = len(windows)
    _assert_is(windows.lit, "uint8", count, SIDE, PACKED)
    _assert_is(windows.start, "int32", count)
    _assert_is(windows.tempo, "float32", count)
    _assert_is(windows.metre, "uint8", count, 2)
    if windows.velocity is not None:
        _assert_is(windows.velocity.values, "uint8", len(windows.velocity.values))
        _assert_is(windows.velocity.ends, "int64", count)


def _assert_is(array: npt.NDArray[Any], kind: str, *shape: int) -> None:
    assert array.dtype.name == kind
    assert array.shape == shape


def _assert_places(windows: Windows, options: CodecOptions) -> None:
    assert (windows.start % options.hop == 0).all()
    assert (windows.start >= 0).all()
    assert (windows.start <= LIMITS.steps).all()
    assert (np.diff(windows.start) > 0).all()
    assert np.isfinite(windows.tempo).all()
    assert (windows.tempo > 0).all()
    assert (windows.metre > 0).all()
    if options.metres:
        found = {f"{numerator}/{denominator}" for numerator, denominator in windows.metre.tolist()}
        assert found <= set(options.metres)


def _assert_contents(windows: Windows, options: CodecOptions) -> None:
    """Of the first and the last windows: least notes, and a velocity for each run of lit steps."""
    count = len(windows)
    for some in (slice(0, _SOME), slice(max(_SOME, count - _SOME), count)):
        runs = run_begins(unpack(windows.lit[some])).reshape(-1, SIDE * SIDE).sum(1)
        assert (runs >= options.least_notes).all()
        if windows.velocity is not None:
            ends = windows.velocity.ends
            assert np.array_equal(runs, np.diff(ends, prepend=0)[some])
    if windows.velocity is not None:
        values = windows.velocity.values
        assert len(values) == (windows.velocity.ends[-1] if count else 0)
        assert ((values > 0) & (values < 128)).all()
