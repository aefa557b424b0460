"""Two processes average what one would have found of the whole batch."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pianola.models.fleet import Fleet
from pianola.models.presets import resolve
from pianola.models.registry import create_learner

from .music import batch

WINDOWS = 11
"""Shares of 5 and 6."""


def on_both(found: Any, folder: Path, *more: Any) -> list[Any]:
    """What `found(fleet, *more)` returned in each of two processes that reach one another."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=in_a_process, args=(rank, found, folder, *more)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def in_a_process(rank: int, found: Any, folder: Path, *more: Any) -> None:
    torch.set_num_threads(1)
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


@pytest.mark.slow
def test_unequal_shares_count_by_their_windows(tmp_path: Path) -> None:
    first, second = on_both(a_bit_of_all, tmp_path)
    assert (first["windows"], second["windows"]) == (5, 6)
    for one in (first, second):
        both, of_second, nobody = one["gradients"]
        torch.testing.assert_close(both, torch.full((2,), 5.0))  # the mean of 0..10
        torch.testing.assert_close(of_second, torch.full((2,), 45 / 11))  # 5 + ... + 10 of 11 windows
        assert nobody is None
        assert one["means"] == {"row": pytest.approx(5.0)}
        assert one["said"] == b"first"


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


@pytest.mark.slow
def test_free_bits_are_for_the_mean_of_the_whole_batch(tmp_path: Path) -> None:
    alone, _ = first_step(Fleet(batch=WINDOWS), 0.0)
    # One share has more, the other has less: of the whole batch the KL is free.
    free_bits = alone * 1.001
    kl, gradient = first_step(Fleet(batch=WINDOWS), free_bits)
    for of_rank, found in on_both(first_step, tmp_path, free_bits):
        assert of_rank == pytest.approx(kl, rel=1e-4)
        assert float((found - gradient).norm() / gradient.norm()) < 1e-3
