"""Two processes average what one would have found of the whole batch."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from models.fleets import WINDOWS, a_bit_of_all, first_step, in_a_process

from pianola.models.fleet import Fleet


def on_both(found: Callable[..., Any], folder: Path, *more: Any) -> list[Any]:
    """What `found(fleet, *more)` returned in each of two processes that reach one another."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=in_a_process, args=(rank, found, folder, *more)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


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


@pytest.mark.slow
def test_free_bits_are_for_the_mean_of_the_whole_batch(tmp_path: Path) -> None:
    alone, _ = first_step(Fleet(batch=WINDOWS), 0.0)
    # One share has more, the other has less: of the whole batch the KL is free.
    free_bits = alone * 1.001
    kl, gradient = first_step(Fleet(batch=WINDOWS), free_bits)
    for of_rank, found in on_both(first_step, tmp_path, free_bits):
        assert of_rank == pytest.approx(kl, rel=1e-4)
        assert float((found - gradient).norm() / gradient.norm()) < 1e-3
