"""What every benchmark shares: arguments, the rival's module, alternating runs, and the JSON line at the end.

A benchmark runs ours and the rival in turn in one process run, so both meet the same machine in the same mood, and
compares medians. Its last line of output is one JSON object with the keys bench, rival, ratio, goal, holds, machine.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

_CHORALES = 30
REPOSITORY = Path(__file__).resolve().parent.parent


def arguments(description: str, **extra: dict[str, object]) -> argparse.Namespace:
    """Parse --data FOLDER (default: PIANOLA_DATA, else ../shared/data) and --quick (under 45 s).

    `extra` adds options: name, with _ for -, -> keywords of `add_argument`, for a benchmark that needs one more.
    """
    parser = argparse.ArgumentParser(description=description)
    default = Path(os.environ.get("PIANOLA_DATA", REPOSITORY.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default, help="folder with the data sets small, medium, large")
    parser.add_argument("--quick", action="store_true", help="a smaller measurement that ends within 45 s")
    for name, keywords in extra.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **keywords)  # type: ignore[arg-type]  # argparse's keywords are not typed
    return parser.parse_args()


def music(data: Path, name: str) -> list[Path]:
    """The MIDI files of the data set `name` under `data`, of `data` itself, or, where neither has any, of the demo.

    Which of them it is, is printed. The demo's chorales stay in a temporary folder, so that child processes find them.
    """
    for folder in (data / name, data):
        if files := sorted(folder.rglob("*.mid")):
            return files
    folder = Path(tempfile.gettempdir()) / "pianola-bench-chorales"
    print(f"no MIDI files in {data}: measuring on {_CHORALES} Bach chorales of the demo, in {folder}")
    if len(list(folder.glob("*.mid"))) < _CHORALES:
        # Music21 is large: a child that measures its memory finds the files written.
        from pianola_cli.demo import write_chorales

        folder.mkdir(exist_ok=True)
        write_chorales(folder, _CHORALES)
    return sorted(folder.rglob("*.mid"))


def peer(name: str) -> ModuleType:
    """Import a rival's module by name from the folder PIANOLA_PEERS (default ../shared/peers).

    Raises SystemExit with a sentence when it is not there.
    """
    folder = Path(os.environ.get("PIANOLA_PEERS", REPOSITORY.parent / "shared" / "peers"))
    file = folder / f"{name}.py"
    if not file.is_file():
        raise SystemExit(f"The rival {file} is missing: set PIANOLA_PEERS to the folder that holds {name}.py.")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file} is not a Python module.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(ours: Callable[[], object], rival: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of ours and of the rival over `rounds` rounds; who goes first changes every round."""
    times: dict[Callable[[], object], list[float]] = {ours: [], rival: []}
    for number in range(rounds):
        for work in (ours, rival) if number % 2 == 0 else (rival, ours):
            times[work].append(seconds(work))
    return statistics.median(times[ours]), statistics.median(times[rival])


def machine() -> str:
    """The machine in words: processor, cores, Python."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}"


def report(bench: str, rival: str, ratio: float, goal: float, holds: bool | None = None) -> None:
    """Print the last line: `ratio` says how many times better than the rival, `goal` the least it must be.

    `holds` is ratio >= goal unless given: a benchmark with a second condition prints that before, and gives it here.
    """
    line = {
        "bench": bench,
        "rival": rival,
        "ratio": round(ratio, 2),
        "goal": goal,
        "holds": ratio >= goal if holds is None else holds,
        "machine": machine(),
    }
    print(json.dumps(line))
