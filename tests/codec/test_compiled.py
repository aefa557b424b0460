"""The compiled half of the codec does what the Python half does, and an installation without it works all the same.

Where Pianola was installed without a compiler there is nothing to compare; tests/fuzz compares the two on more.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
from corpus import midi_files
from fuzz.mutants import mutants, taken_apart
from fuzz.properties import OPTIONS, assert_both_draw_the_same, assert_both_read_the_same, python_alone
from hypothesis import given, settings
from hypothesis import strategies as st
from mido_oracle import ORACLE_OPTIONS

import pianola.codec
from pianola.codec import native
from pianola.codec.reader import LIMITS, read_midi
from pianola.codec.unreadable import UnreadableMidi

from .music import END, midi

SHARED = Path(__file__).resolve().parents[2] / "shared"
SOURCES = sorted((SHARED / "native" / "codec").glob("*.c"))
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

compiled = pytest.mark.skipif(not pianola.codec.compiled, reason="installed without a compiler: Python does it all")
compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler here")


@pytest.mark.slow
@compiled
@pytest.mark.parametrize("name", ["small", "medium", "large", "dirty"])
def test_every_real_file_gives_the_same_score_verdict_and_windows(name: str) -> None:
    for number, file in enumerate(midi_files(name)):
        data = file.read_bytes()
        assert_both_read_the_same(data)
        # Each file with one set of options, each set with many files.
        options = [*ORACLE_OPTIONS, *OPTIONS]
        assert_both_draw_the_same(data, options[number % len(options)])


def python_reads(data: bytes) -> bool:
    with python_alone():
        try:
            read_midi(data)
        except UnreadableMidi:
            return False
    return True


def c_reads(data: bytes, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the compiled half reads the file, and does not hand it back."""

    def handed_back(*_: object) -> None:
        raise UnreadableMidi("handed_back", 0, "")

    with monkeypatch.context() as patched:
        patched.setattr("pianola.codec.reader.walk", handed_back)
        try:
            read_midi(data)
        except UnreadableMidi:
            return False
    return True


@compiled
def test_the_compiled_half_reads_itself_what_python_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [file.read_bytes() for name in ("small", "dirty") for file in midi_files(name)]
    broken = mutants([taken_apart(data) for data in files], seed=3, count=300)
    found = [(python_reads(data), c_reads(data, monkeypatch)) for data in (*files, *broken)]
    assert set(found) == {(True, True), (False, False)}


@compiled
@settings(deadline=None)
@given(st.one_of(st.binary(), st.binary().map(lambda events: midi([events], end=END))))
def test_any_bytes_give_the_same(data: bytes) -> None:
    assert_both_read_the_same(data)
    for options in OPTIONS:
        assert_both_draw_the_same(data, options)


@compiled
@pytest.mark.parametrize("column", range(6))
def test_columns_that_do_not_fit_together_are_refused_and_not_read_past_their_end(column: int) -> None:
    score = read_midi(midi_files("small")[0].read_bytes())
    columns = [score.tick, score.track, score.channel, score.pitch, score.strikes, score.velocity]
    columns[column] = columns[column][1:]
    assert native.module is not None
    with pytest.raises(ValueError, match="columns"):
        native.module.draw(
            tuple(columns), 480, LIMITS.steps, *(False, False, 17, 1, True, False, False), *(96, False, False)
        )


@compiled
def test_windows_are_counted_only_with_a_first_step_each() -> None:
    lit, start = np.zeros((2, 96, 12), np.uint8), np.zeros(2, np.int32)
    assert native.module is not None
    with pytest.raises(ValueError, match="2 windows have 1 first steps"):
        native.module.tally(lit, start[1:])
    with pytest.raises(ValueError, match="2303 bytes are not packed windows"):
        native.module.tally(lit.reshape(-1)[1:], start)
    with pytest.raises(ValueError, match="does not hold aligned elements of 4"):
        native.module.tally(lit, start.view(np.uint8)[1:])


def run(*command: str | Path, **environment: str) -> str:
    """The command's output; fails with it when the command does."""
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_environment_chooses_the_python_half() -> None:
    asked = "import pianola.codec; print(pianola.codec.compiled)"
    assert run(sys.executable, "-c", asked, PIANOLA_PURE_READER="1") == "False\n"
    assert run(sys.executable, "-c", asked, PIANOLA_PURE_READER="") == f"{pianola.codec.compiled}\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the distribution's sources, with nothing built."""
    built = shutil.ignore_patterns("*.so", "build", "*.egg-info", "__pycache__")
    return Path(shutil.copytree(SHARED, tmp_path / "shared", ignore=built))


def wheel_of(source: Path, folder: Path, **environment: str) -> list[str]:
    """The names in the wheel that pip makes of the sources."""
    build = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    run(*build, **environment)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.mark.slow
@compiler
def test_a_wheel_holds_the_compiled_half(source: Path, tmp_path: Path) -> None:
    names = wheel_of(source, tmp_path / "wheels")
    assert "pianola/codec/_native.abi3.so" in names
    assert "pianola/codec/_native.pyi" in names
    assert "pianola/models/notes/_writer.abi3.so" in names


@pytest.mark.slow
def test_without_a_compiler_it_installs_and_reads_all_the_same(source: Path, tmp_path: Path) -> None:
    names = wheel_of(source, tmp_path / "wheels", CC="/bin/false", CXX="/bin/false")
    assert "pianola/codec/reader.py" in names
    assert not [name for name in names if name.endswith(".so")]
    target, (wheel,) = tmp_path / "target", (tmp_path / "wheels").glob("*.whl")
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel)
    (file, *_) = midi_files("small")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import pathlib, pianola.codec; from pianola.codec.verdict import judge\n"
        "from pianola.codec.options import PRESETS\n"
        "verdict, windows = judge(pathlib.Path(sys.argv[2]).read_bytes(), PRESETS['piano'])\n"
        "print(pianola.codec.__file__, pianola.codec.compiled, verdict.accepted, len(windows) == verdict.windows)"
    )
    printed = run(sys.executable, "-c", script, target, file).split()
    assert Path(printed[0]).is_relative_to(target)
    assert printed[1:] == ["False", "True", "True"]


def sanitizer() -> str | None:
    """The address sanitizer's library, where the compiler has one."""
    if COMPILER is None:
        return None
    found = run(COMPILER, "-print-file-name=libasan.so").strip()
    return found if Path(found).is_absolute() else None


@pytest.mark.slow
@pytest.mark.skipif(sanitizer() is None, reason="there is no C compiler with an address sanitizer here")
def test_no_mutant_makes_the_compiled_half_touch_what_is_not_its_own(tmp_path: Path) -> None:
    """Built with the address and undefined behaviour sanitizers, which end the process at the first wrong access."""
    library = tmp_path / "_native.abi3.so"
    flags = ("-O1", "-g", "-std=c11", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-shared", "-fPIC")
    include = sysconfig.get_path("include")
    run(str(COMPILER), *flags, f"-I{include}", *SOURCES, "-o", library)
    seed = os.environ.get("PIANOLA_SANITIZE_SEED", "1")
    count = os.environ.get("PIANOLA_SANITIZE_MUTANTS", "400")
    environment = {
        "LD_PRELOAD": str(sanitizer()),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
    }
    printed = run(sys.executable, "-m", "codec.sanitized", library, seed, count, **environment)
    assert int(printed.split()[0]) >= int(count)
