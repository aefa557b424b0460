"""Ingestion: `large` from MIDI bytes to committed shards, against other ways from MIDI files to windows.

    python bench/ingest.py [--data FOLDER] [--quick]

Ours is the service's own path in one worker process: records in SQLite, objects in a folder, files judged in the
isolated reading process, shards and report stored durably, verdicts and manifest committed; once with the codec's
compiled half and once in Python alone. The rivals only read and draw, in memory, without a store and without limits: a
plain mido loop, pypianoroll, and symusic with numpy; our codec by itself is timed beside them. Every contender has a
process of its own, in turn, with one thread for numbers; ours starts its reading process before the clock, as a worker
does once in some thousand files. --quick measures one round instead of three.

Processor seconds are those of all processes of a contender, the system's work for them included. Holds when the mido
loop needs at least 15 times the processor seconds of ours, and no process of ours held more than 300 MB.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from common import arguments, music, report
from processes import cpu_seconds, peak_megabytes
from rivals import RIVALS, installed

from pianola.codec import native
from pianola.codec.options import PRESETS
from pianola.codec.verdict import judge
from pianola.codec.windows import Windows

GOAL = 15.0
AIM = 40.0
MOST_MEGABYTES = 300
ROUNDS = 3
OURS = "pianola"
PURE = "pianola, Python alone"
CODEC = "its codec in memory"
AGAINST = "mido_loop"

Measured = dict[str, float]


def main() -> None:
    parsed = arguments(__doc__ or "", contender={"help": "run this one only, and print its figures as JSON"})
    files = music(parsed.data, "large")
    if parsed.contender:
        measured = ingest(files) if parsed.contender in (OURS, PURE) else read(parsed.contender, files)
        print(json.dumps(measured))
    else:
        compare(files, 1 if parsed.quick else ROUNDS)


def ingest(files: Sequence[Path]) -> Measured:
    """Build a dataset of the files as a worker does, and commit it."""
    from workshop import Workshop

    from pianola_preprocess.reading.reader import Reader

    with (
        tempfile.TemporaryDirectory(prefix="pianola-bench-") as folder,
        Workshop(Path(folder)) as workshop,
        Reader() as reader,
    ):
        contents = [(file.name, file.read_bytes()) for file in files]
        # A first build loads what a worker has loaded after its first, and starts the reading process.
        workshop.build_here(workshop.upload("one", contents[:1]), reader)
        dataset_id = workshop.upload("large", contents)
        cpu, start = cpu_seconds(), time.perf_counter()
        workshop.build_here(dataset_id, reader)
        seconds, spent = time.perf_counter() - start, cpu_seconds() - cpu
        dataset = workshop.dataset(dataset_id)
        assert reader.pid is not None
        return {
            "seconds": seconds,
            "cpu_seconds": spent,
            "windows": dataset.windows,
            "refused": dataset.files_refused,
            "megabytes": peak_megabytes(psutil.Process()),
            "reader_megabytes": peak_megabytes(psutil.Process(reader.pid)),
        }


def read(name: str, files: Sequence[Path]) -> Measured:
    """Let a rival, or our codec alone, read and draw the files; those it cannot read are counted."""
    windows_of = _windows if name == CODEC else RIVALS[name]()
    windows = refused = 0
    windows_of(files[0])
    cpu, start = cpu_seconds(), time.perf_counter()
    for file in files:
        try:
            windows += len(windows_of(file))
        except Exception:  # whatever a library raises on a file
            refused += 1
    seconds, spent = time.perf_counter() - start, cpu_seconds() - cpu
    megabytes = peak_megabytes(psutil.Process())
    return {
        "seconds": seconds,
        "cpu_seconds": spent,
        "windows": windows,
        "refused": refused,
        "megabytes": megabytes,
        "reader_megabytes": 0,
    }


def compare(files: Sequence[Path], times: int) -> None:
    """Every contender in turn, so many times; print the medians."""
    contenders = [OURS, PURE, CODEC, *installed()]
    rounds: dict[str, list[Measured]] = {name: [] for name in contenders}
    for number in range(times):
        for name in contenders if number % 2 == 0 else reversed(contenders):
            rounds[name].append(_in_its_own_process(name))
    medians = {
        name: {figure: statistics.median(one[figure] for one in found) for figure in found[0]}
        for name, found in rounds.items()
    }
    size = sum(file.stat().st_size for file in files) / 1e6
    against = medians[AGAINST]
    print(f"{len(files)} files, {size:.2f} MB; x: times as fast as {AGAINST}")
    print(f"{'':22}   wall s    cpu s    MB/s  wall x   cpu x  windows  refused  peak MB (+ reading process)")
    for name, one in medians.items():
        peaks = f"{one['megabytes']:.0f}" + (f" + {one['reader_megabytes']:.0f}" if one["reader_megabytes"] else "")
        print(
            f"{name:22} {one['seconds']:8.3f} {one['cpu_seconds']:8.3f} {size / one['seconds']:7.2f}"
            f" {against['seconds'] / one['seconds']:7.1f} {against['cpu_seconds'] / one['cpu_seconds']:7.1f}"
            f" {one['windows']:8,.0f} {one['refused']:8.0f} {peaks}"
        )
    if not _is_compiled():
        print(f"the codec's compiled half is not installed here: {OURS} is Python alone too")
    ratio = against["cpu_seconds"] / medians[OURS]["cpu_seconds"]
    largest = max(
        one[figure] for name in (OURS, PURE) for one in rounds[name] for figure in one if "megabytes" in figure
    )
    print(
        f"goal {GOAL:g}, aim {AIM:g}; the largest process of ours held {largest:.0f} MB (goal: under {MOST_MEGABYTES})"
    )
    report("ingest", AGAINST, ratio, GOAL, ratio >= GOAL and largest < MOST_MEGABYTES)


def _in_its_own_process(name: str) -> Measured:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if name == PURE:
        environment["PIANOLA_PURE_READER"] = "1"
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", *sys.argv, "--contender", name],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: Measured = json.loads(ended.stdout.splitlines()[-1])
    return measured


def _windows(file: Path) -> Windows:
    return judge(file.read_bytes(), PRESETS["piano"])[1]


def _is_compiled() -> bool:
    return native.module is not None


if __name__ == "__main__":
    main()
