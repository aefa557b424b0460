"""How even the dial of variations is, and what attributes change: a VAE that learns a folder of MIDI files for a while.

    python bench/resemblance.py FOLDER [--seconds 150]

The last fifth of the files, by name, is held out, and its windows are varied. What is changed is 1 - intersection /
union of pixels, and of where notes begin, of a window and its variation: the mean over 64 windows. Of attributes: how
far the mean of 128 samples moves, in standard deviations of the data's windows, when their positions are moved.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from pianola.codec.options import PRESETS
from pianola.codec.roll import encode
from pianola.codec.windows import run_begins, unpack
from pianola.models.attributes import ATTRIBUTES, measured
from pianola.models.generator import Generator
from pianola.models.presets import resolve
from pianola.models.registry import create_learner, load_generator, save_generator
from pianola.models.windows import Windows, noise_of

STRENGTHS = (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


def main() -> None:
    """Train, vary, move, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=150, help="processor seconds of training, on one thread")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    files = [
        unpack(encode(path.read_bytes(), PRESETS["piano"]).windows.lit) for path in sorted(asked.folder.rglob("*.mid"))
    ]
    cut = len(files) * 4 // 5
    plays = trained(np.concatenate(files[:cut]), asked.seconds)
    vary(plays, np.concatenate(files[cut:])[:64])
    move(plays)


def trained(windows: Windows, seconds: float) -> Generator:
    """A VAE of the default preset."""
    options = resolve("vae", "default", {})
    learner = create_learner("vae", "default", options, 0, float(windows.mean()))
    chosen, begun, step = np.random.default_rng(0), time.process_time(), 0
    while (spent := time.process_time() - begun) < seconds:
        torch.manual_seed(step)
        rows = chosen.integers(0, len(windows), options.batch)
        learner.step(torch.from_numpy(windows[rows]).float()[:, None], spent / seconds)
        step += 1
    learner.calibrate((torch.from_numpy(part).float()[:, None], None) for part in np.array_split(windows, 16))
    data = save_generator(learner, PRESETS["piano"].lowest_pitch)
    print(f"{len(windows)} windows, {step} steps; the generator's file has {len(data):,} bytes")
    return load_generator(data)


def vary(plays: Generator, windows: Windows) -> None:
    """The curve of the dial."""
    print("strength  pixels changed  onsets changed  the very window")
    for strength in STRENGTHS:
        varied = plays.vary(windows, strength, [noise_of(1, row) for row in range(len(windows))])[1]
        shares = f"{changed(windows, varied):15.2f} {onsets(windows, varied):15.2f}"
        same = int((varied == windows).all((1, 2)).sum())
        print(f"{strength:8.2f} {shares} {same:13d}/{len(windows)}")
    others = np.roll(windows, 17, 0)
    print(f"another of them {changed(windows, others):.2f}, {onsets(windows, others):.2f}")
    again = plays.windows(plays.encode(windows))
    print(f"reconstructions {changed(windows, again):.2f}, {onsets(windows, again):.2f}")


def changed(some: Windows, others: Windows) -> float:
    """Mean of 1 - intersection / union of what is lit."""
    a, b = some.astype(bool), others.astype(bool)
    return float((1 - (a & b).sum((1, 2)) / np.maximum((a | b).sum((1, 2)), 1)).mean())


def onsets(some: Windows, others: Windows) -> float:
    """The same of where notes begin."""
    return changed(run_begins(some), run_begins(others))


def move(plays: Generator) -> None:
    """What each attribute changes."""
    z = plays.positions(5, range(128))
    before = measured(plays.windows(z))
    print("attribute  a step is        R2    played at -2    -1     1     2 (in steps)")
    for one in plays.directions:
        column = list(ATTRIBUTES).index(one.name)
        moved = [
            np.nanmean(measured(plays.windows(z + plays.moved({one.name: amount})))[:, column] - before[:, column])
            / one.deviation
            for amount in (-2, -1, 1, 2)
        ]
        print(
            f"{one.name:10} {one.deviation:9.3f} {one.explained:9.2f}      ", *(f"{float(each):6.2f}" for each in moved)
        )


if __name__ == "__main__":
    main()
