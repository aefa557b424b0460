"""What isolation costs: verdicts from the reading process against the same verdicts in this process.

    python bench/isolation.py [--data FOLDER] [--quick]

The files are those of `large`, read one after another by one thread; the two processes take turns.
Holds when a file read in isolation takes no more than 0.5 ms longer: a mido loop takes some 20 ms for it.
"""

import statistics

from common import alternate, arguments, music, report, seconds

from pianola.codec.options import PRESETS
from pianola.codec.verdict import judge
from pianola_preprocess.reading.reader import Reader

MOST_MILLISECONDS = 0.5
ROUNDS = 7
QUICK_ROUNDS = 3
STARTS = 5


def main() -> None:
    given = arguments(__doc__ or "")
    options = PRESETS["piano"]
    files = [path.read_bytes() for path in music(given.data, "large")]
    rounds = QUICK_ROUNDS if given.quick else ROUNDS
    with Reader() as reader:
        reader.judge(files[0], options)
        isolated, direct = alternate(
            lambda: [reader.judge(data, options) for data in files],
            lambda: [judge(data, options) for data in files],
            rounds,
        )
    cost = (isolated - direct) / len(files) * 1000
    print(
        f"{len(files)} files, ms a file: {isolated / len(files) * 1000:.3f} in isolation, "
        f"{direct / len(files) * 1000:.3f} without"
    )
    print(
        f"isolation costs {cost:.3f} ms a file; a reading process is ready after "
        f"{statistics.median(start_seconds() for _ in range(STARTS)):.2f} s"
    )
    report("isolation", "the codec without isolation", direct / isolated, 0.0, cost <= MOST_MILLISECONDS)


def start_seconds() -> float:
    """From nothing to the first verdict."""
    with Reader() as reader:
        return seconds(lambda: reader.judge(b"", PRESETS["piano"]))


if __name__ == "__main__":
    main()
