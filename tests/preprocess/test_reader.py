"""The isolated reader: the codec's own verdicts, whatever a file does to the process that reads it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fuzz.bombs import BOMBS
from servers import wait_for

from pianola.codec.options import PRESETS, codec_options
from pianola.codec.verdict import Verdict, judge
from pianola.codec.windows import Windows
from pianola_preprocess.reading import wire
from pianola_preprocess.reading.reader import COMMAND, Reader, ReaderUnavailable

from .readers import misbehaving

PIANO = PRESETS["piano"]


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader() as reader:
        yield reader


def assert_same(found: tuple[Verdict, Windows], expected: tuple[Verdict, Windows]) -> None:
    assert found[0] == expected[0]
    for name in ("lit", "start", "tempo", "metre"):
        ours, theirs = getattr(found[1], name), getattr(expected[1], name)
        assert ours.dtype == theirs.dtype, name
        assert np.array_equal(ours, theirs), name
    velocities = (found[1].velocity, expected[1].velocity)
    if velocities[0] is None or velocities[1] is None:
        assert velocities == (None, None)
        return
    assert np.array_equal(velocities[0].values, velocities[1].values)
    assert np.array_equal(velocities[0].ends, velocities[1].ends)


def test_it_says_what_the_codec_says(reader: Reader, music: dict[str, bytes], dirty: dict[str, bytes]) -> None:
    started = set()
    for options in (PIANO, PRESETS["thesis"], codec_options("piano", {"velocity": True, "hop": 48})):
        for data in (*music.values(), *dirty.values()):
            assert_same(reader.judge(data, options), judge(data, options))
            started.add(reader.pid)
    assert len(started) == 1, "one process reads them all"


def test_many_files_at_once_get_the_verdicts_they_get_alone(
    reader: Reader, music: dict[str, bytes], dirty: dict[str, bytes]
) -> None:
    """Among them some whose answers do not fit into one go."""
    options = codec_options("piano", {"velocity": True, "hop": 12})
    files = [*music.values(), BOMBS["every row lit to the limit"][0](), *dirty.values(), *music.values()]
    judged = list(reader.judge_all(iter(files), options))
    assert len(judged) == len(files)
    for data, found in zip(files, judged, strict=True):
        assert_same(found, judge(data, options))


@pytest.mark.parametrize("doing", ["time.sleep(60)", "os._exit(0)", "os.write(1, wire_of_many)", "bytearray(2**30)"])
def test_a_bad_file_among_many_is_found_and_the_others_are_read(music: dict[str, bytes], doing: str) -> None:
    doing = doing.replace("wire_of_many", "(1000).to_bytes(4, 'little') * 3 + b'x' * 2000")
    files = [*music.values(), b"bad", *music.values()]
    with Reader(misbehaving(doing), seconds=1) as reader:
        codes = [verdict.code for verdict, _ in reader.judge_all(files, PIANO)]
    assert [code is None for code in codes] == [data != b"bad" for data in files]


def test_a_process_is_let_go_after_its_share(music: dict[str, bytes]) -> None:
    (data, *_) = music.values()
    with Reader(files=2) as reader:
        pids = []
        for _ in range(4):
            assert reader.judge(data, PIANO)[0].accepted
            pids.append(reader.pid)
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize(
    ("doing", "code"),
    [
        ("time.sleep(60)", "reader_slow"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "reader_crashed"),
        ("os._exit(0)", "reader_crashed"),
        ("raise ValueError('a fault in the codec')", "reader_crashed"),
        ("os.write(1, b'x' * 100)", "reader_crashed"),
        ("bytearray(2**30)", "reader_memory"),
        ("raise MemoryError", "reader_memory"),
    ],
)
def test_a_file_that_takes_the_process_down_is_refused_and_the_next_is_read(
    music: dict[str, bytes], doing: str, code: str
) -> None:
    (good, *_) = music.values()
    with Reader(misbehaving(doing), seconds=1) as reader:
        verdicts = [reader.judge(b"bad", PIANO) for _ in range(2)]
        assert_same(reader.judge(good, PIANO), judge(good, PIANO))
    (verdict, windows), again = verdicts
    assert again[0] == verdict, "the report must not change from one build to the next"
    assert (verdict.accepted, verdict.code, verdict.offset, len(windows)) == (False, code, 0, 0)
    assert verdict.reason


def test_a_process_ended_from_outside_is_not_the_files_fault(music: dict[str, bytes]) -> None:
    """One that has read a file before hangs, and is killed, as by a system out of memory; a fresh one reads on."""
    data = b"bad" + next(iter(music.values()))
    with Reader(misbehaving("reading.seen > 1 and time.sleep(60)")) as reader:
        reader.judge(b"", PIANO)
        first = reader.pid
        assert first is not None
        killer = threading.Timer(0.5, os.kill, (first, signal.SIGKILL))
        killer.start()
        assert_same(reader.judge(data, PIANO), judge(data, PIANO))
        killer.join()
        assert reader.pid != first


def test_it_ends_with_its_parent() -> None:
    program = """
import sys, time
from pianola.codec.options import PRESETS
from pianola_preprocess.reading.reader import Reader
reader = Reader(tuple(sys.argv[1:]))
reader.judge(b"", PRESETS["piano"])
print(reader.pid, flush=True)
reader.judge(b"bad", PRESETS["piano"])
"""
    command = [sys.executable, "-c", program, *misbehaving("time.sleep(60)")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    wait_for(lambda: not alive(pid), 5, "the end of a busy process without a parent")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_holds_no_secret(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIANOLA_S3_SECRET_KEY", "do not tell")
    inherited = os.pipe()
    for descriptor in inherited:
        os.set_inheritable(descriptor, True)
    try:
        reader.judge(b"", PIANO)
        process = Path(f"/proc/{reader.pid}")
        assert set(process.joinpath("environ").read_bytes().split(b"\0")) == {
            b"OPENBLAS_NUM_THREADS=1",
            b"OMP_NUM_THREADS=1",
            b"",
        }
        assert sorted(int(path.name) for path in process.joinpath("fd").iterdir()) == [0, 1, 2]
    finally:
        for descriptor in inherited:
            os.close(descriptor)


def test_a_program_that_does_not_start_is_nobodys_file(music: dict[str, bytes]) -> None:
    (data, *_) = music.values()
    for command in (("/does/not/exist",), (sys.executable, "-c", "raise SystemExit(3)")):
        with Reader(command) as reader, pytest.raises(ReaderUnavailable, match=r"cannot be started|code 3"):
            reader.judge(data, PIANO)


def test_a_process_that_cannot_be_locked_in_reads_nothing(music: dict[str, bytes]) -> None:
    program = """
import sys
from pianola_preprocess.reading import __main__ as reading
def refused():
    raise PermissionError(1, "Operation not permitted")
reading.sandbox.lock = refused
sys.exit(reading.main())
"""
    with Reader((sys.executable, "-I", "-c", program)) as reader:
        with pytest.raises(ReaderUnavailable, match="run the worker as an ordinary user"):
            reader.judge(next(iter(music.values())), PIANO)
        assert reader.pid is None


def test_what_no_reader_says_is_refused(music: dict[str, bytes]) -> None:
    verdict, windows = judge(next(iter(music.values())), PIANO)
    first, *body = wire.answer_parts(verdict, windows)
    head, arrays = bytes(first)[wire.ANSWER.size :], b"".join(body)
    assert_same(wire.read_answer(head, arrays), (verdict, windows))
    wrong = [
        (head, arrays[:-1]),
        (head, arrays + b"x"),
        (b"[" * 50_000, arrays),
        (b"{}", arrays),
        (head.replace(b'"accepted": true', b'"accepted": 1'), arrays),
        (head.replace(b'"windows": ', b'"windows": -'), arrays),
        (head.replace(b'"windows": ', b'"windows": 1'), arrays),
        (head.replace(b'"code": null', b'"code": "no_such_code"'), arrays),
        (head.replace(b'"notes"', b'"nodes"'), arrays),
        (head.replace(b'"velocities": null', b'"velocities": 7'), arrays),
    ]
    for bad_head, bad_body in wrong:
        assert (bad_head, bad_body) != (head, arrays)
        with pytest.raises(wire.BadAnswer):
            wire.read_answer(bad_head, bad_body)


def test_the_process_is_the_one_the_package_installs() -> None:
    ended = subprocess.run(COMMAND, input=b"", capture_output=True, timeout=30, check=True, env={})
    assert ended.stdout.endswith(wire.READY_HEAD)
    assert ended.stderr == b""


def alive(pid: int | None) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("pure", [False, True], ids=["compiled", "python"])
def test_no_legal_file_is_too_large_for_it(pure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bomb, overlapping eightfold and with velocities, gets the codec's own verdict and not the reader's."""
    if pure:
        monkeypatch.setenv("PIANOLA_PURE_READER", "1")
    options = codec_options("piano", {"hop": 12, "velocity": True})
    pids = set()
    with Reader() as reader:
        for name, (make, code) in BOMBS.items():
            verdict, _ = reader.judge(make(), options)
            assert verdict.code == code, name
            pids.add(reader.pid)
    assert len(pids) == 1, "none of them took the process down, not even once"
