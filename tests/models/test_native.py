"""The writer in C against the one in torch."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import pianola
from pianola.models.notes import native
from pianola.models.notes.native import writer_of
from pianola.models.notes.writer import NoteWriter

from .decoders import SIZES, at_random, busy, compiled, tensors

SOURCES = Path(pianola.__path__[0]).parent / "native" / "writer"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.mark.slow
@pytest.mark.parametrize("seed, threshold, temperature", [(0, 0.5, 1.0), (1, 0.3, 0.6), (2, 0.7, 3.0), (3, 0.5, 0.05)])
def test_c_writes_what_torch_writes(seed: int, threshold: float, temperature: float) -> None:
    network, (z, dice) = busy(seed), at_random(12, seed)
    in_c, in_torch = compiled(network), NoteWriter(network)
    written = in_torch.write(z, threshold, temperature, dice)
    assert np.array_equal(in_c.write(z, threshold, temperature, dice), written)
    # Going on from crowded columns, which no dice write, and by the dice of another window.
    opening = (np.random.default_rng(seed).random((12, 96, 30)) < 0.15).astype(np.uint8)
    going_on = [writer.write(z, threshold, temperature, dice, opening) for writer in (in_c, in_torch)]
    assert np.array_equal(*going_on)
    others = at_random(12, seed + 100)[0]
    found = [writer.dice_that_write(written, others, threshold, temperature, dice) for writer in (in_c, in_torch)]
    np.testing.assert_allclose(*found, rtol=0, atol=1e-13)
    assert np.array_equal(in_c.write(others, threshold, temperature, found[0]), written)


def test_c_writes_each_window_the_same_whatever_is_written_beside_it() -> None:
    writer, (z, dice) = compiled(busy(1)), at_random(5, 1)
    together = writer.write(z, 0.5, 1.0, dice)
    alone = [writer.write(z[i : i + 1], 0.5, 1.0, dice[i : i + 1])[0] for i in range(5)]
    assert np.array_equal(together, alone)
    assert writer.write(z[:0], 0.5, 1.0, dice[:0]).shape == (0, 96, 96)


def test_c_takes_no_arrays_that_do_not_go_together() -> None:
    network, (z, dice) = busy(1), at_random(2, 1)
    writer = compiled(network)
    for wrong in ((z[:, :3], dice), (z, dice[:1]), (z, dice[:, :95])):
        with pytest.raises(ValueError, match="there should be"):
            writer.write(wrong[0], 0.5, 1.0, wrong[1])
    with pytest.raises(ValueError, match="there should be"):
        writer.write(z, 0.5, 1.0, dice, np.zeros((2, 95, 4), np.uint8))
    with pytest.raises(RuntimeError, match="not the weights"):
        writer_of(SIZES, tensors(network) | {"rows.bias": np.zeros(96, np.float32)})


def test_without_a_compiler_torch_writes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network, (z, dice) = busy(1), at_random(3, 1)
    expected = compiled(network).write(z, 0.5, 1.0, dice)
    monkeypatch.setattr(native, "module", None)
    writer = writer_of(SIZES, tensors(network))
    assert isinstance(writer, NoteWriter)
    assert np.array_equal(writer.write(z, 0.5, 1.0, dice), expected)


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sanitizer() -> str | None:
    """The address sanitizer's library, where the compiler has one."""
    found = "" if COMPILER is None else run(COMPILER, "-print-file-name=libasan.so").strip()
    return found if Path(found).is_absolute() else None


@pytest.mark.slow
@pytest.mark.skipif(sanitizer() is None, reason="there is no C compiler with an address sanitizer here")
def test_no_weights_and_no_dice_make_c_touch_what_is_not_its_own(tmp_path: Path) -> None:
    """Built with the address and undefined behaviour sanitizers, which end the process at the first wrong access.

    And without any vector units: to the last bit, what is written does not depend on these.
    """
    library = tmp_path / "_writer.abi3.so"
    flags = ("-O1", "-g", "-std=c11", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-shared", "-fPIC")
    flags += ("-DPIANOLA_PLAIN", f"-I{sysconfig.get_path('include')}")
    run(str(COMPILER), *flags, *sorted(SOURCES.glob("*.c")), "-o", library)
    environment = {"LD_PRELOAD": str(sanitizer()), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    wild, installed = Path(__file__).with_name("wild_writer.py"), native.module
    assert installed is not None and installed.__file__ is not None
    assert run(sys.executable, wild, library, **environment) == run(sys.executable, wild, installed.__file__)
