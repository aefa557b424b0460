"""The codec alone: MIDI bytes to stored shards with their statistics, in this process and one thread.

    python bench/codec.py [--data FOLDER] [--quick]

No service around it (bench/ingest.py has that): files are judged, shards written to a folder. Once with the codec's
compiled half and once in Python alone, against a plain mido loop that stops at windows in memory. Processor seconds,
which a busy machine changes least; medians of rounds in turn. Holds when what is
installed is at least 15 times as fast.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from common import arguments, music, peer, report

from pianola.codec import native
from pianola.codec.options import PRESETS
from pianola.codec.verdict import judge
from pianola.dataset.shard_writer import ShardWriter
from pianola.objects import LocalStore

GOAL = 15.0
ROUNDS = 3
QUICK_SHARE = 8


def shards(files: Sequence[Path], folder: Path, half: ModuleType | None) -> None:
    """Judge the files with this compiled half, or with Python alone, and store their shards under `folder`."""
    native.module = half
    writer = ShardWriter(LocalStore(folder).put)
    for position, file in enumerate(files):
        _, windows = judge(file.read_bytes(), PRESETS["piano"])
        writer.add(position, windows)
    writer.close()


def processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parsed = arguments(__doc__ or "")
    files = music(parsed.data, "large")[:: QUICK_SHARE if parsed.quick else 1]
    compiled, rival = native.module, peer("mido_loop")
    with tempfile.TemporaryDirectory() as folder:
        contenders: dict[str, Callable[[], object]] = {
            "compiled": lambda: shards(files, Path(folder), compiled),
            "Python alone": lambda: shards(files, Path(folder), None),
            "mido_loop": lambda: [rival.windows(rival.song_roll(file)) for file in files],
        }
        if compiled is None:
            print("installed without a C compiler: there is no compiled half to measure")
            del contenders["compiled"]
        rounds = [{name: processor_seconds(work) for name, work in contenders.items()} for _ in range(ROUNDS)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in contenders}
    for name, seconds in medians.items():
        print(f"{name:14s}{seconds:8.3f} s  {medians['mido_loop'] / seconds:6.1f} times as fast as mido_loop")
    report("codec", "mido_loop", medians["mido_loop"] / next(iter(medians.values())), GOAL)


if __name__ == "__main__":
    main()
