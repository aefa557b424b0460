"""What each of two processes does that average what they found; each imports it by its name."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pianola.models.fleet import Fleet
from pianola.models.presets import resolve
from pianola.models.registry import create_learner

from .music import batch

WINDOWS = 11
"""Shares of 5 and 6."""


def in_a_process(rank: int, found: Callable[..., Any], folder: Path, *more: Any) -> None:
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    store = torch.distributed.FileStore(str(folder / "ranks"), 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    torch.save(found(Fleet(rank, 2, WINDOWS), *more), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def a_bit_of_all(fleet: Fleet) -> dict[str, Any]:
    # Both need them, the second share alone, and nobody.
    both, second, nobody = (nn.Parameter(torch.ones(2)) for _ in range(3))
    rows = torch.arange(float(WINDOWS))[fleet.share]
    loss = (rows[:, None] * both).sum(1).mean()
    if rows[0] > 0:
        loss = loss + (rows[:, None] * second).sum(1).mean()
    loss.backward()
    fleet.average_gradients([both, second, nobody])
    return {
        "windows": fleet.windows,
        "gradients": [both.grad, second.grad, nobody.grad],
        "means": fleet.means({"row": float(rows.mean())}),
        "said": fleet.tell(b"first" if fleet.rank == 0 else b"second"),
    }


def first_step(fleet: Fleet, free_bits: float) -> tuple[float, Tensor]:
    """The KL of a VAE's first step and the gradient that it goes down."""
    heavy = {"epochs": 1, "clip": 0.0, "kl_warmup_steps": 0, "kl_weight": 100.0, "free_bits": free_bits}
    learner = create_learner("vae", "default", resolve("vae", "default", heavy), 0, 0.02)
    learner.join(fleet)
    torch.manual_seed(1)
    with fleet.noise():
        told = learner.step(batch(WINDOWS)[fleet.share], 0.0)
    (trainee,) = learner.trainees
    found = [parameter.grad.flatten() for parameter in trainee.network.parameters() if parameter.grad is not None]
    return told["train_kl"], torch.cat(found)
