"""Ingestion: `large` from files to committed shards in one process, against a plain mido loop that stops at windows.

Ours reads every file, judges it, packs its windows, stores the shards durably in a local directory and last the
manifest; the rival only reads and draws. Holds when ours is at least 8 times as fast and its peak memory, measured in a
process of its own, stays under 300 MB.
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from common import alternate, arguments, music, peer, report

from pianola.codec.options import PRESETS
from pianola.codec.shards import Manifest, ShardWriter, manifest_bytes, manifest_digest
from pianola.codec.verdict import judge
from pianola.codec.windows import unpack
from pianola.objects.local import LocalStore

GOAL = 8.0
MOST_MEGABYTES = 300
# Every 8th file of `large` keeps the quick run well under 45 s on a slow machine.
QUICK_SHARE = 8


def ingest(files: list[Path], folder: Path) -> Manifest:
    """Build a dataset of the files in a store under `folder`, as the preprocess service does."""
    options = PRESETS["piano"]
    store = LocalStore(folder)
    writer = ShardWriter(store.put)
    digests, counts, report_lines, notes = [], [], [], 0
    for position, file in enumerate(files):
        data = file.read_bytes()
        verdict, windows = judge(data, options)
        writer.add(position, unpack(windows.lit))
        digests.append(hashlib.sha256(data).hexdigest())
        counts.append(verdict.windows)
        notes += verdict.notes
        report_lines.append(json.dumps({"name": file.name, **verdict.to_json()}))
    manifest = Manifest(options.to_json(), tuple(digests), tuple(counts), notes, tuple(writer.close()))
    store.put("report.jsonl", "\n".join(report_lines).encode())
    store.put(f"manifest-{manifest_digest(manifest)}.json", manifest_bytes(manifest))
    return manifest


def main() -> None:
    parsed = arguments(__doc__ or "", child={"action": "store_true", "help": "ingest once and print the peak memory"})
    files = music(parsed.data, "large")
    if parsed.quick:
        files = files[::QUICK_SHARE]
    with tempfile.TemporaryDirectory() as folder:
        if parsed.child:
            print(json.dumps({"windows": ingest(files, Path(folder)).windows, "megabytes": peak_megabytes()}))
        else:
            compare(files, Path(folder))


def peak_megabytes() -> float:
    """The largest memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def compare(files: list[Path], folder: Path) -> None:
    """Run both in turn and print the figures; every round of ours writes to a folder of its own."""
    # First, while this process is small: Linux counts what a child's parent held at the fork as the child's own.
    child = subprocess.run([sys.executable, *sys.argv, "--child"], check=True, capture_output=True, text=True)
    measured = json.loads(child.stdout.splitlines()[-1])
    rival = peer("mido_loop")
    rounds = iter(range(1_000))
    ours_seconds, rival_seconds = alternate(
        lambda: ingest(files, folder / str(next(rounds))),
        lambda: [rival.windows(rival.song_roll(file)) for file in files],
        rounds=3,
    )
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    print(f"{len(files)} files, {megabytes:.2f} MB, {measured['windows']:,} windows")
    print(f"ours   {ours_seconds:8.3f} s  {megabytes / ours_seconds:6.2f} MB/s  to committed shards")
    print(f"rival  {rival_seconds:8.3f} s  {megabytes / rival_seconds:6.2f} MB/s  to windows in memory")
    print(f"peak memory of ours, whole process: {measured['megabytes']:.0f} MB (goal: under {MOST_MEGABYTES})")
    ratio = rival_seconds / ours_seconds
    holds = ratio >= GOAL and measured["megabytes"] < MOST_MEGABYTES
    report("ingest", "mido_loop", ratio, GOAL, holds)


if __name__ == "__main__":
    main()
