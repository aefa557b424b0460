"""What isolation costs: verdicts from the reading process against the same verdicts in this process.

    python bench/isolation.py [--data FOLDER] [--quick]

The files are those of `large`, read one after another; the two processes take turns, with one thread for numbers each.
Compared are processor seconds of both processes, which a busy machine changes less than the clock; what waiting for one
another adds on the clock is printed too. Holds when a file costs no more than 0.25 ms more: a mido loop takes 20 ms.
"""

import statistics
from collections.abc import Callable

from common import arguments, music, report, seconds
from processes import cpu_seconds

from pianola.codec.options import PRESETS
from pianola.codec.verdict import judge
from pianola_preprocess.reading.reader import Reader

MOST_MILLISECONDS = 0.25
ROUNDS = 15
QUICK_ROUNDS = 5
STARTS = 5


def main() -> None:
    given = arguments(__doc__ or "")
    options = PRESETS["piano"]
    files = [path.read_bytes() for path in music(given.data, "large")]
    ways: dict[str, list[tuple[float, float]]] = {"isolated": [], "direct": []}
    with Reader() as reader:
        reader.judge(files[0], options)
        for _ in range(QUICK_ROUNDS if given.quick else ROUNDS):
            ways["isolated"].append(costs(lambda: list(reader.judge_all(files, options))))
            ways["direct"].append(costs(lambda: [judge(data, options) for data in files]))
    per_file = {
        way: [statistics.median(column) / len(files) * 1000 for column in zip(*times, strict=True)]
        for way, times in ways.items()
    }
    for way, (clock, processor) in per_file.items():
        print(f"{way:8}  {clock:.3f} ms a file, of it {processor:.3f} ms of processor time; {len(files)} files")
    start = statistics.median(start_seconds() for _ in range(STARTS))
    print(f"a reading process gives its first verdict after {start:.2f} s")
    isolated, direct = per_file["isolated"][1], per_file["direct"][1]
    holds = isolated - direct <= MOST_MILLISECONDS
    report("isolation", "the codec without isolation", direct / isolated, 0.0, holds)


def costs(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and of processor time that `work` takes, of this process and those it has started."""
    before = cpu_seconds()
    clock = seconds(work)
    return clock, cpu_seconds() - before


def start_seconds() -> float:
    """From nothing to the first verdict."""
    with Reader() as reader:
        return seconds(lambda: reader.judge(b"", PRESETS["piano"]))


if __name__ == "__main__":
    main()
