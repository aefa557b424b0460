"""Windows learnt from in a second: each family's preset `default` against the thesis's network of that family.

    python bench/training.py [--data FOLDER] [--quick] [--threads N] [--batch N] [--processor-time]

All take turns in one process, on the same windows and with at most the same threads; a turn is as many windows for
everyone, --batch of them, which are one step of the thesis's loop and several of ours, whose batches are smaller. Ours
compute as the trainer's measurement at the start of a run chooses, theirs as torch does by itself. The preset
`thesis`, which has the thesis's own layers, is measured beside: there 1 or more means that ours is no slower. On busy
cores --processor-time, with --threads 1, tells more than the wall clock.
"""

import os
import statistics
from collections.abc import Callable
from typing import Final

import common
from contestants import CLOCKS, Clock, Contestant, Ours, ThesisGan, ThesisVae
from windows import packed_windows

from pianola_trainer.batches import split
from pianola_trainer.windows import PackedWindows

FAMILIES: Final = {"vae": ThesisVae, "gan": ThesisGan}
GOAL: Final = 5.0
HELD_OUT: Final = 0.2


def turn(model: Contestant, windows: int) -> Callable[[], None]:
    """As many steps as it takes to learn from so many windows."""
    steps = max(1, windows // model.batch)

    def take() -> None:
        for _ in range(steps):
            model.step(0.0)

    return take


def times(turns: dict[str, Callable[[], None]], seconds: float, clock: Clock) -> dict[str, float]:
    """The median seconds of each one's turn. Rounds follow one another for about `seconds`, three at the least."""

    def timed(take: Callable[[], None]) -> float:
        began = clock()
        take()
        return clock() - began

    warm = sum(timed(take) for take in turns.values())
    rounds = max(3, min(41, int(seconds / warm)) // 2 * 2 + 1)
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds):
        for name in list(turns)[:: 1 if number % 2 == 0 else -1]:
            taken[name].append(timed(turns[name]))
    return {name: statistics.median(values) for name, values in taken.items()}


def family_ratio(family: str, windows: PackedWindows, threads: int, batch: int, seconds: float, clock: Clock) -> float:
    """How many times as many windows a second the preset `default` learns from; prints all there is to say."""
    sides = split(windows.file, HELD_OUT, 0)
    default = Ours(family, windows, sides, 0, 600.0, threads)
    same = Ours(family, windows, sides, 0, 600.0, threads, preset="thesis", batch=batch)
    theirs = FAMILIES[family](windows, sides, 0, threads, batch)
    models: dict[str, Contestant] = {"thesis.py": theirs, "preset thesis": same, "preset default": default}
    taken = times({name: turn(model, batch) for name, model in models.items()}, seconds, clock)
    # A turn of large batches may be more windows than asked for.
    speeds = {name: max(1, batch // model.batch) * model.batch / taken[name] for name, model in models.items()}
    ratios = {name: speed / speeds["thesis.py"] for name, speed in speeds.items()}
    for name, model in models.items():
        how = f" ({model.setup.name})" if isinstance(model, Ours) else ""
        print(f"{family} {name:15} {speeds[name]:8.1f} windows a second, {ratios[name]:6.2f} times{how}")
    return ratios["preset default"]


def main() -> None:
    given = common.arguments(
        __doc__ or "",
        threads={"type": int, "default": os.cpu_count(), "help": "CPU threads, at most, of all"},
        batch={"type": int, "default": 64, "help": "windows in a step of the thesis's, and in everyone's turn"},
        processor_time={"action": "store_true", "help": "count processor seconds, not those of the wall clock"},
    )
    windows = packed_windows(common.music(given.data, "small"))
    seconds, batch = (6.0, min(given.batch, 16)) if given.quick else (90.0, given.batch)
    clock = CLOCKS["processor" if given.processor_time else "wall"]
    ratios = [family_ratio(family, windows, given.threads, batch, seconds, clock) for family in FAMILIES]
    common.report("training", f"thesis.py's VAE and GAN, {given.threads} threads", min(ratios), GOAL)


if __name__ == "__main__":
    main()
