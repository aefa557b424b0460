"""The memory that the worst legal files take: held to by the system, in a process of its own, with either half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .worst import WORST

MOST_MEGABYTES = 100
"""above what the interpreter, numpy, the codec and the file take: Python alone was measured at 61, compiled 30"""

SCRIPT = """
import pathlib, resource, sys
from codec.worst import WORST
from pianola.codec.options import codec_options
from pianola.codec.verdict import judge

data, options = WORST[sys.argv[1]](), codec_options("piano", {"hop": 12, "velocity": True})
judge(data[:20], options)
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + int(sys.argv[2]) * 10**6
resource.setrlimit(resource.RLIMIT_AS, (most, most))
verdict, windows = judge(data, options)
print(verdict.code, len(windows), windows.lit.nbytes + windows.velocity.values.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say what a process takes")
@pytest.mark.parametrize("half", ["compiled, where it is", "Python"])
@pytest.mark.parametrize("worst", WORST)
def test_the_worst_legal_files_are_read_within_the_limit(worst: str, half: str) -> None:
    environment = {**os.environ, "PIANOLA_PURE_READER": "1" if half == "Python" else "0"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-c", SCRIPT, worst, str(MOST_MEGABYTES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    code, windows, size = done.stdout.split()
    # 196,608 steps and a window every 12 of them: 19 MB that are asked for.
    assert (code, windows) == ("None", str((196_608 - 96) // 12 + 1))
    assert int(size) > 18e6
