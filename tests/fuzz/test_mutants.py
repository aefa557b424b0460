"""Twenty thousand broken files and every bomb, read as a worker reads them: in a process that they may take down."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pianola.codec import native
from pianola.codec.verdict import Verdict
from pianola_preprocess.reading.reader import Reader

from .bombs import BOMBS
from .mutants import Source, mutant, mutants
from .properties import OPTIONS, assert_both_draw_the_same, assert_both_read_the_same, assert_in_order, holds
from .seeds import sources

MUTANTS = 20_000
# Without the compiled half a file takes ten times as long: these are read in four ways, those in one.
COMPARED = 2_000
SEED = 20_260_713
MOST_SECONDS = 10.0
MOST_BYTES = 300 * 10**6


class Watched:
    """A reading process, with the longest time a file took and the most memory the process had."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.seconds = 0.0
        self.resident_bytes = 0

    def judge(self, data: bytes, number: int) -> Verdict:
        """Read the bytes with one of OPTIONS, and hold what comes back to the properties."""
        options = OPTIONS[number % len(OPTIONS)]
        started = time.perf_counter()
        verdict, windows = self._reader.judge(data, options)
        self.seconds = max(self.seconds, time.perf_counter() - started)
        assert_in_order(data, options, verdict, windows)
        assert self._reader.pid is not None
        self.resident_bytes = max(self.resident_bytes, _most_resident(self._reader.pid))
        return verdict


@pytest.fixture(scope="module")
def files() -> list[Source]:
    return sources()


@pytest.fixture
def watched(capsys: pytest.CaptureFixture[str]) -> Iterator[Watched]:
    """Fails afterwards where a file took too long or the process too much; says how much in any case."""
    with Reader() as reader:
        yield (watched := Watched(reader))
    with capsys.disabled():
        print(f"\n  slowest file {watched.seconds:.2f} s, most memory {watched.resident_bytes / 1e6:.0f} MB")
    assert watched.seconds < MOST_SECONDS
    assert watched.resident_bytes < MOST_BYTES


def test_twenty_thousand_mutants_each_get_a_verdict(files: list[Source], watched: Watched) -> None:
    codes: Counter[str | None] = Counter()
    for number, data in enumerate(mutants(files, SEED, MUTANTS)):
        codes[watched.judge(data, number).code] += 1
    assert codes.total() == MUTANTS
    assert codes[None] > MUTANTS / 4, "most mutants should get past the reader, or what follows is not tried"
    assert len(codes) > 20


def test_mutants_are_the_same_with_and_without_the_compiled_half(
    files: list[Source], capsys: pytest.CaptureFixture[str]
) -> None:
    for number, data in enumerate(mutants(files, SEED + 1, COMPARED)):
        assert_both_read_the_same(data)
        assert_both_draw_the_same(data, OPTIONS[number % len(OPTIONS)])
    if native.module is None:
        with capsys.disabled():
            print("\n  no compiled half is installed here: the Python one was compared with itself")


@pytest.mark.parametrize("number", range(len(OPTIONS)))
def test_every_bomb_is_drawn_or_refused(watched: Watched, number: int) -> None:
    for bomb, (make, code) in BOMBS.items():
        verdict = watched.judge(make(), number)
        if number == 0:
            assert verdict.code == code, bomb


def test_every_bomb_is_the_same_with_and_without_the_compiled_half() -> None:
    for make, _ in BOMBS.values():
        holds(make())


def test_a_mutant_is_known_by_its_seed_and_number(files: list[Source]) -> None:
    again = mutant(files, random.Random(f"{SEED}:3"))
    assert list(mutants(files, SEED, 4))[3] == again
    assert list(mutants(files, SEED + 1, 4))[3] != again


def _most_resident(pid: int) -> int:
    """The most memory a process has had, in bytes; where the system does not tell, what it has now."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return int(psutil.Process(pid).memory_info().rss)
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024
