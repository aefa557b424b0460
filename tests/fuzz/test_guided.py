"""Coverage-guided fuzzing for as long as PIANOLA_FUZZ_SECONDS says (60): what it finds stays as a fixture."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = int(os.environ.get("PIANOLA_FUZZ_SECONDS", "60"))
FIXTURES = Path(__file__).parents[1] / "codec" / "fixtures"


def test_nothing_is_found_that_breaks_the_codec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tmp_path / "found"
    found.mkdir()
    ended = subprocess.run(
        [sys.executable, Path(__file__).with_name("guided.py"), str(SECONDS), found],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=SECONDS + 120,
        check=False,
    )
    kept = [_keep(case.read_bytes()) for case in found.iterdir()]
    said = ended.stdout.splitlines()
    with capsys.disabled():
        # Which of the two fuzzed, and how many inputs.
        told = ("seed ", "executed_units", "examples")
        print("", *(line for line in said if any(word in line for word in told)), sep="\n  ")
    assert not kept, "\n".join(["kept in tests/codec/fixtures; say there what each must give:", *kept, *said[-60:]])
    assert ended.returncode == 0, "\n".join(said[-60:])


def _keep(case: bytes) -> str:
    """Make the bytes a fixture, named by their sha256."""
    name = f"{hashlib.sha256(case).hexdigest()[:16]}.mid"
    (FIXTURES / name).write_bytes(case)
    return name
