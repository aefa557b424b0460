"""A step of the VAE preset `thesis` against the same step of the thesis's own networks, on the same threads.

    python bench/training.py [--data FOLDER] [--quick] [--threads N] [--batch N]

Both train the same layers on the same windows with Adam, in float32, in turn and in one process. The ratio is the
rival's median time over ours: 1 or more means that ours is no slower.
"""

import os
from collections.abc import Callable
from pathlib import Path

import common
import numpy as np
import torch

from pianola.codec.options import codec_options
from pianola.codec.verdict import judge
from pianola.codec.windows import unpack
from pianola.models.presets import resolve
from pianola.models.registry import create_learner

GOAL = 1.0


def windows_of(files: list[Path], count: int) -> torch.Tensor:
    """The first `count` windows [count, 1, 96, 96] of the files, float32; repeated if there are fewer."""
    found: list[np.ndarray] = []
    for file in files:
        verdict, windows = judge(file.read_bytes(), codec_options("thesis", {}))
        if verdict.accepted:
            found.append(unpack(windows.lit))
        if sum(map(len, found)) >= count:
            break
    if not found:
        raise SystemExit("None of the MIDI files could be read: give --data a folder with music.")
    return torch.from_numpy(np.resize(np.concatenate(found), (count, 1, 96, 96))).float()


def their_step(batch: torch.Tensor) -> Callable[[], object]:
    thesis = common.peer("thesis")
    torch.manual_seed(0)
    model = thesis.Vae()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        logits, mean, log_variance = model(batch)
        loss = thesis.vae_loss(logits, batch, mean, log_variance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def our_step(batch: torch.Tensor) -> Callable[[], object]:
    learner = create_learner("vae", "thesis", resolve("vae", "thesis", {}), 0, float(batch.mean()))
    return lambda: learner.step(batch, 0.0)


def main() -> None:
    given = common.arguments(
        __doc__ or "",
        threads={"type": int, "default": os.cpu_count(), "help": "CPU threads of both"},
        batch={"type": int, "default": 64, "help": "windows in a step"},
    )
    torch.set_num_threads(given.threads)
    batch = windows_of(common.music(given.data, "small"), given.batch)
    ours, theirs = our_step(batch), their_step(batch)
    # Warming up tells how many rounds the time allows; an odd number, so that the median is one of the times.
    one_round = common.seconds(ours) + common.seconds(theirs)
    rounds = max(3, min(41, int((20 if given.quick else 120) / one_round)) // 2 * 2 + 1)
    our_time, their_time = common.alternate(ours, theirs, rounds)
    for name, time in (("thesis.py", their_time), ("pianola", our_time)):
        print(f"{name:10} {1000 * time:8.1f} ms a step, {given.batch / time:6.1f} windows a second")
    common.report("training", f"thesis.py's VAE, {given.threads} threads", their_time / our_time, GOAL)


if __name__ == "__main__":
    main()
