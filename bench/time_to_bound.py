"""How long the default VAE takes to reach the bound on held-out windows that the thesis's VAE has after half an hour.

    python bench/time_to_bound.py [--data FOLDER] [--thesis-seconds 1800] [--bound NATS] [--seed N] [--threads N]
        [--processor-time] [--quick]

Both learn from the data set `large`, split by file, with at most the same threads. On the clock is what a run does to
learn: steps, and for ours the measurement at its start that chooses how they are computed. Looking is not on it: every
minute at the thesis's, whose best look counts, and every second at ours, always at the same 512 held-out windows. Ours
is a run of the preset's own length, cut short where it gets there; --bound takes theirs from an earlier time.
"""

import os
from typing import Final

import common
from contestants import CLOCKS, Ours, ThesisVae, train
from windows import packed_windows

from pianola.models.presets import find_preset
from pianola_trainer.batches import split

GOAL: Final = 60.0
LOOKS: Final = 30


def main() -> None:
    given = common.arguments(
        __doc__ or "",
        thesis_seconds={"type": float, "default": 1800.0, "help": "time that the thesis's VAE has"},
        bound={"type": float, "help": "nats per window that it had, to spare training it again"},
        seed={"type": int, "default": 0, "help": "of both"},
        threads={"type": int, "default": os.cpu_count(), "help": "CPU threads, at most, of both"},
        processor_time={"action": "store_true", "help": "count processor seconds, not those of the wall clock"},
    )
    clock = CLOCKS["processor" if given.processor_time else "wall"]
    seconds = 6.0 if given.quick else given.thesis_seconds
    windows = packed_windows(common.music(given.data, "small" if given.quick else "large"))
    options = find_preset("vae", "default").options
    sides = split(windows.file, options.held_out, given.seed)
    print(f"{len(sides.training)} windows to learn from, {len(sides.held_out)} held out, split by {sides.by}")

    seen: list[float] = []

    def told(elapsed: float, nats: float | None) -> bool:
        assert nats is not None  # a VAE says how likely windows are
        seen.append(nats)
        print(f"  {elapsed:7.1f} s: {nats:.1f} nats per held-out window", flush=True)
        return False

    goal: float | None = given.bound
    if goal is None:
        print("thesis.py's VAE")
        train(ThesisVae(windows, sides, given.seed, given.threads), seconds, clock, seconds / LOOKS, told)
        goal = min(seen)
    bound: float = goal
    print(f"the default VAE, to {bound:.1f} nats")
    began = clock()
    ours = Ours("vae", windows, sides, given.seed, options.seconds or seconds, given.threads)
    preparing = clock() - began
    seen.clear()

    def arrived(elapsed: float, nats: float | None) -> bool:
        told(preparing + elapsed, nats)
        return min(seen) <= bound

    taken = preparing + train(ours, options.seconds or seconds, clock, 1.0, arrived)
    there = min(seen) <= bound
    print(f"{taken:.1f} s, {preparing:.1f} of them to prepare ({ours.setup.name})" + ("" if there else ": never there"))
    rival = f"thesis.py's VAE after {seconds:g} s, {given.threads} threads"
    common.report("time_to_bound", rival, seconds / taken, GOAL, there and seconds / taken >= GOAL)


if __name__ == "__main__":
    main()
