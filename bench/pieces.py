"""Longer pieces: do they hang together as music does, over the seams of their windows and from beginning to end?

    python bench/pieces.py [--data FOLDER] [--size small] [--seconds 300] [--seed 0] [--threads 1] [--pieces 24]
        [--generator FILE] [--out docs/models/piece.png] [--quick]

Trains the VAE for --seconds of processor time, or takes the generating half of a checkpoint, and plays pieces of 8
windows at five settings of drift. Beside them: the data's own music, 8 consecutive windows of a file at a time; and the
rival, windows of the same model put one after another. Of each:

seam, within: the bar before and the bar after a seam (where what is new begins; of the rival where windows meet), and
    a place between two seams. classes: cosine of their pitch-class histograms. onsets: cosine of when, in the bar,
    notes begin. held: notes that sound on over it.
apart: cosine of the pitch-class histograms of windows 1, 2, 4 and 7 apart. notes: of the first, the middle, the last
    window. like the data: mean overlapped area (0 to 1) of six musical figures of windows and of the data's, for the
    windows as they are and for windows cut at another place, each across seams. away: how far positions are from the
    piece's first, as a share of how far any two of the model's are apart.

The last line's ratio is ours, at drift 0.5, to the rival's: pitch classes over a seam.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import common
import numpy as np
from contestants import CLOCKS, Ours, train
from numpy.typing import NDArray
from windows import packed_windows

from pianola.evaluation.features import features
from pianola.evaluation.overlap import overlapped_area
from pianola.evaluation.pictures import lines_png
from pianola.models.generator import Generator
from pianola.models.registry import load_generator, save_generator
from pianola.models.windows import noise_of
from pianola_trainer.batches import split
from pianola_trainer.windows import PackedWindows

Roll = NDArray[np.uint8]
"""[96, steps]"""

WINDOWS: Final = 8
BAR: Final = 48
SIDE: Final = 96
DRIFTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
APART: Final = (1, 2, 4, 7)
GOAL: Final = 1.15


@dataclass(frozen=True)
class Music:
    """Rolls of WINDOWS windows each; something new begins every `every` steps, the first time at `first`.

    away: how far positions are from the first, as a share of how far any two of the model's are apart.
    """

    name: str
    rolls: list[Roll]
    first: int
    every: int
    away: float | None = None

    def places(self, shift: int) -> Iterator[tuple[Roll, int]]:
        """Every seam, moved by `shift` steps, that has a bar before and a bar after it."""
        for roll in self.rolls:
            for step in range(self.first + shift, roll.shape[1] - BAR + 1, self.every):
                yield roll, step

    def windows(self, shift: int) -> Roll:
        """Windows [n, 96, 96] cut `shift` steps later than they are."""
        cut = [roll[:, shift : roll.shape[1] - (SIDE - shift) % SIDE] for roll in self.rolls]
        return np.concatenate([part.reshape(SIDE, -1, SIDE).transpose(1, 0, 2) for part in cut])


def piece(generator: Generator, seed: int, drift: float) -> tuple[Roll, float]:
    """As the sampler composes it, and how far its positions are from its first, on average."""
    home = generator.positions(seed, [0])
    begun = generator.windows(home)[0]
    halves, away = [begun[:, :BAR], begun[:, BAR:]], []
    for step in range(1, 2 * WINDOWS - 1):
        z, window = generator.go_on(halves[-1], home[0], drift, noise_of(seed, step))
        halves.append(window[:, BAR:])
        away.append(float(np.linalg.norm(z - home[0])))
    return np.concatenate(halves, axis=1), float(np.mean(away))


def spread(generator: Generator) -> float:
    """How far any two positions of a generator are apart, on average."""
    one, other = generator.positions(0, range(500)), generator.positions(1, range(500))
    return float(np.linalg.norm(one - other, axis=1).mean())


def joined(windows: Roll) -> Roll:
    return windows.transpose(1, 0, 2).reshape(SIDE, -1)


def of_data(windows: PackedWindows) -> list[Roll]:
    """WINDOWS windows of a file after one another, as often as files have so many."""
    found = []
    for file in np.unique(windows.file):
        rows = np.flatnonzero(windows.file == file)
        found += [joined(windows.of(rows[n : n + WINDOWS])) for n in range(0, len(rows) - WINDOWS + 1, WINDOWS)]
    return found


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size else float("nan")


def classes(part: Roll, lowest_pitch: int) -> NDArray[np.float64]:
    pitches = lowest_pitch + SIDE - 1 - np.arange(SIDE)
    return np.bincount(pitches % 12, part.sum(1), 12).astype(np.float64)


def onsets(part: Roll) -> NDArray[np.float64]:
    """How many notes begin at each step."""
    before = np.pad(part, ((0, 0), (1, 0)))[:, :-1]
    counts: NDArray[np.float64] = (part & ~before & 1).sum(0).astype(np.float64)
    return counts


def at(music: Music, shift: int, low: int) -> list[float]:
    """Classes, onsets and held at the seams, moved by `shift`."""
    found = []
    for roll, step in music.places(shift):
        one, other = roll[:, step - BAR : step], roll[:, step : step + BAR]
        held = float((roll[:, step - 1] & roll[:, step]).sum())
        found.append((cosine(classes(one, low), classes(other, low)), cosine(onsets(one), onsets(other)), held))
    means: list[float] = np.nanmean(found, axis=0).tolist()
    return means


def apart(music: Music, low: int) -> list[float]:
    """How alike windows so far apart are in their pitch classes."""
    histograms = [
        [classes(roll[:, n * SIDE : (n + 1) * SIDE], low) for n in range(roll.shape[1] // SIDE)] for roll in music.rolls
    ]
    return [
        float(np.nanmean([cosine(one[n], one[n + gap]) for one in histograms for n in range(len(one) - gap)]))
        for gap in APART
    ]


def notes(music: Music) -> list[float]:
    """Notes of the first, the middle and the last window, on average."""
    return [
        float(np.mean([onsets(roll[:, n * SIDE : (n + 1) * SIDE]).sum() for roll in music.rolls]))
        for n in (0, WINDOWS // 2, WINDOWS - 1)
    ]


def like(windows: Roll, data: Roll, low: int) -> float:
    ours, theirs = features(windows, low).figures, features(data, low).figures
    areas = [overlapped_area(ours[name], theirs[name]) for name in ours]
    return float(np.mean([area for area in areas if area is not None]))


def line(music: Music, data: Music, low: int) -> tuple[str, float]:
    """The table's line, and how alike pitch classes are over a seam."""
    seam, within = at(music, 0, low), at(music, music.every // 2, low)
    areas = [like(music.windows(shift), data.windows(0), low) for shift in (0, BAR // 2)]
    parts = [" ".join(f"{value:5.2f}" for value in values) for values in (seam, within, apart(music, low))]
    counted = " ".join(f"{value:4.0f}" for value in notes(music))
    away = "" if music.away is None else f"{music.away:4.2f}"
    told = " | ".join([f"{music.name:12}", *parts, counted, " ".join(f"{area:4.2f}" for area in areas), away])
    return told, seam[0]


def trained(windows: PackedWindows, seconds: float, seed: int, threads: int) -> tuple[Ours, Generator]:
    """The VAE after so many seconds of processor time, and what of it plays."""
    model = Ours("vae", windows, split(windows.file, 0.2, seed), seed, seconds, threads)
    train(model, seconds, CLOCKS["processor"], 30.0)
    model.settle()
    return model, load_generator(save_generator(model.learner, windows.lowest_pitch))


def main() -> None:
    given = common.arguments(
        __doc__ or "",
        size={"default": "small", "help": "data set"},
        seconds={"type": float, "default": 300.0, "help": "of processor time to train for"},
        generator={"type": Path, "help": "a checkpoint's generating half, instead of training"},
        seed={"type": int, "default": 0, "help": "of training; pieces have the seeds after it"},
        threads={"type": int, "default": 1, "help": "CPU threads"},
        pieces={"type": int, "default": 24, "help": "pieces of each setting"},
        out={"type": Path, "help": "file for the picture of the first piece at drift 0.5"},
    )
    seconds, pieces = (5.0, 3) if given.quick else (given.seconds, given.pieces)
    windows = packed_windows(common.music(given.data, given.size))
    low = windows.lowest_pitch
    if given.generator is None:
        _, generator = trained(windows, seconds, given.seed, given.threads)
    else:
        generator = load_generator(given.generator.read_bytes())
    seeds = range(given.seed + 1, given.seed + 1 + pieces)
    data = Music("data", of_data(windows), BAR, BAR)
    if not data.rolls:
        sys.exit(f"No file has {WINDOWS} windows: give --data a folder with longer music.")
    rival = Music(
        "windows", [joined(generator.windows(generator.positions(n, range(WINDOWS)))) for n in seeds], SIDE, SIDE
    )
    ours = []
    for drift in DRIFTS:
        rolls, away = zip(*(piece(generator, n, drift) for n in seeds), strict=True)
        ours.append(Music(f"drift {drift:g}", list(rolls), SIDE, BAR, float(np.mean(away)) / spread(generator)))
    origin = given.generator or f"{seconds:g} s of training"
    print(f"{given.size}: {len(data.rolls)} stretches of data, {pieces} pieces of each, {origin}")
    print(f"{'':12} | seam: classes, onsets, held | within: the same | {APART} apart | notes | like the data | away")
    over = {}
    for music in (data, *ours, rival):
        told, over[music.name] = line(music, data, low)
        print(told)
    if given.out is not None:
        roll = ours[DRIFTS.index(0.5)].rolls[0]
        given.out.write_bytes(lines_png(roll.reshape(SIDE, -1, SIDE).transpose(1, 0, 2), lowest_pitch=low))
    ratio = over["drift 0.5"] / over["windows"]
    common.report("pieces", "windows put one after another", ratio, GOAL)


if __name__ == "__main__":
    main()
