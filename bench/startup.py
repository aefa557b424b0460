"""How long the command line takes to import, and `pianola up` to be ready.

The rivals are goals: 300 ms for the import (`import mido`, one small MIDI library, is timed in turn as a measure of the
machine), and 5 s from a fresh home to the ready line, which comes when /readyz says 200. The ratio in the last line is
the smaller of the two goal / measured: 1 or more holds.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import alternate, arguments, report

IMPORT_GOAL_S = 0.3
READY_GOAL_S = 5.0
READY = "Pianola is ready at "


def run_python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def up_seconds(home: Path) -> float:
    """Seconds from starting `pianola up` to its ready line; it is stopped in order afterwards."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "pianola_cli.main", "up", "--home", str(home), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ)
    ) as up:
        assert up.stdout is not None
        said = []
        for line in up.stdout:
            if line.startswith(READY):
                ready = time.perf_counter() - start
                up.send_signal(signal.SIGTERM)
                up.wait(30)
                return ready
            said.append(line)
    raise SystemExit("pianola up did not get ready:\n" + "".join(said))


def main() -> None:
    options = arguments(__doc__ or "")
    imports, ups = (5, 2) if options.quick else (15, 5)
    ours, rival = alternate(lambda: run_python("import pianola_cli.main"), lambda: run_python("import mido"), imports)
    print(f"import pianola_cli.main: {ours:.3f} s (goal {IMPORT_GOAL_S:g}); import mido: {rival:.3f} s")
    times = []
    for _ in range(ups):
        with tempfile.TemporaryDirectory(prefix="pianola-bench-") as home:
            times.append(up_seconds(Path(home)))
    ready = statistics.median(times)
    print(f"pianola up ready: {ready:.2f} s (goal {READY_GOAL_S:g}); {', '.join(f'{one:.2f}' for one in times)}")
    report("startup", "goals: import 300 ms, ready 5 s", min(IMPORT_GOAL_S / ours, READY_GOAL_S / ready), 1.0)


if __name__ == "__main__":
    main()
