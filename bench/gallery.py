"""The pictures of docs/models.md: windows of the data beside what each family plays after some minutes of training.

    python bench/gallery.py [--data FOLDER] [--size small] [--seconds 300] [--seed 0] [--threads N] [--out docs/models]
        [--quick]

Trains the presets `default` of `vae` and `gan` for --seconds of steps each and draws, with the pictures and plots of
evaluations: data.png, vae.png, gan.png (windows of one seed, not chosen; the data's are evenly spaced), vae-way.png
(windows on the way between two positions) and frequency.png. No rival: what is played is measured by quality.py.
"""

import os
from pathlib import Path
from typing import Final

import common
from contestants import CLOCKS, Contestant, Ours, train
from windows import packed_windows

from pianola.codec.window import Bytes
from pianola.evaluation.metrics import count
from pianola.evaluation.pictures import grid_png
from pianola.evaluation.report_plots import frequency_plot
from pianola_sampler.drawing import between
from pianola_trainer.batches import by_file, evenly, split

GRID: Final = 12
COLUMNS: Final = 6
PLAYED: Final = 500
LOOK_EVERY: Final = 30.0


def trained(model: Contestant, seconds: float) -> Contestant:
    """After so many seconds of steps, at its best moment."""

    def told(elapsed: float, nats: float | None) -> bool:
        print(f"  {elapsed:5.0f} s, step {model.steps}" + ("" if nats is None else f", {nats:.1f} nats"), flush=True)
        return False

    train(model, seconds, CLOCKS["wall"], LOOK_EVERY, told)
    model.settle()
    return model


def way_between(model: Ours, steps: int) -> Bytes:
    """Windows from the first position of the seed to the second, evenly."""
    generator = model.generator()
    first, last = generator.positions(model.seed, range(2)).tolist()
    return generator.way(between(first, last, steps, "slerp"))


def main() -> None:
    given = common.arguments(
        __doc__ or "",
        size={"default": "small", "help": "data set"},
        seconds={"type": float, "default": 300.0, "help": "to train each family for"},
        seed={"type": int, "default": 0, "help": "of training and of what is played"},
        threads={"type": int, "default": os.cpu_count(), "help": "CPU threads"},
        out={"type": Path, "default": common.REPOSITORY / "docs" / "models", "help": "folder for the pictures"},
    )
    seconds, played = (2.0, 48) if given.quick else (given.seconds, PLAYED)
    windows = packed_windows(common.music(given.data, given.size))
    given.out.mkdir(parents=True, exist_ok=True)
    low = windows.lowest_pitch
    frequency = {"data": count(windows.blocks()).note_frequency(low).tolist()}

    def keep(name: str, data: bytes) -> None:
        (given.out / name).write_bytes(data)
        print(given.out / name)

    keep("data.png", grid_png(windows.of(evenly(by_file(windows.file, given.seed), GRID)), COLUMNS, lowest_pitch=low))
    columns = []
    for family in ("vae", "gan"):
        print(f"{family}, {seconds:g} s")
        sides = split(windows.file, 0.2, given.seed)
        model = Ours(family, windows, sides, given.seed, seconds, given.threads)
        trained(model, seconds)
        music = model.play(played)
        keep(f"{family}.png", grid_png(music[:GRID], COLUMNS, lowest_pitch=low))
        if family == "vae":
            keep("vae-way.png", grid_png(way_between(model, COLUMNS), COLUMNS, lowest_pitch=low))
        columns.append(
            (family, {"note_frequency": frequency | {"generated": count(music).note_frequency(low).tolist()}})
        )
    keep("frequency.png", frequency_plot(columns))


if __name__ == "__main__":
    main()
