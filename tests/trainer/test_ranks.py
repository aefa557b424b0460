"""Several processes that train one run together do what one does with the whole batch."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from servers import wait_for
from torch.nn import functional
from trainer import making
from trainer.making import System, assert_same_weights, tensors

from pianola.models.fleet import Fleet
from pianola.records import leases, runs
from pianola_trainer.exits import Exit

FIRST = {
    "vae": ("train_loss", "train_reconstruction", "train_kl"),
    "gan": ("discriminator_loss", "accuracy_real", "accuracy_fake", "density"),
}
SMALL: dict[str, Any] = {"batch": 16, "epochs": 2, "evaluate_every_steps": 3}
"""Five steps of 36 training windows."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[System]:
    """A system whose attempts have two processes."""
    with making.system(tmp_path, PIANOLA_PROCESSES="2") as made:
        yield made


def trained(system: System, dataset: str, family: str = "vae", **options: Any) -> str:
    run_id = making.submit(system, dataset, family, **{**SMALL, **options})
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        assert process.wait(240) == 0, process.last_words()
    return run_id


def series(system: System, run_id: str) -> list[dict[str, float]]:
    with system.records.read() as session:
        return [
            {name: value for name, value in point.values.items() if name != "windows_per_second"}
            for point in runs.metrics(session, run_id)
        ]


# Shares of 5 and 6 windows, and of a group each.
@pytest.mark.parametrize(("family", "batch"), [("vae", 11), ("gan", 16)])
def test_two_processes_have_the_loss_curve_of_one(pair: System, family: str, batch: int) -> None:
    dataset = making.built_dataset(pair)
    few = {"epochs": 1, "evaluate_every_steps": 1, "batch": batch}
    together = trained(pair, dataset, family, **few)
    pair.settings["PIANOLA_PROCESSES"] = "1"
    alone = trained(pair, dataset, family, **few)
    curves = series(pair, together), series(pair, alone)
    assert len(curves[0]) == len(curves[1]) > 2
    # The first step is the same but for the order of sums; then Adam makes much of gradients that are nearly zero.
    assert {name: curves[0][0][name] for name in FIRST[family]} == pytest.approx(
        {name: curves[1][0][name] for name in FIRST[family]}, rel=1e-4
    )
    for one, other in zip(*curves, strict=True):
        assert one == pytest.approx(other, rel=0.03, abs=0.01)
    processes = [(pair.run(run_id).setup or {})["processes"] for run_id in (together, alone)]
    assert processes == [2, 1]


def test_a_resumed_run_of_two_processes_ends_with_the_same_weights(pair: System) -> None:
    dataset = making.built_dataset(pair)
    whole = trained(pair, dataset)
    run_id = making.submit(pair, dataset, **SMALL)
    number = making.claim(pair, run_id)
    with making.attempt(pair, run_id, number) as process:
        wait_for(lambda: pair.checkpoints(run_id), 120, "a checkpoint")
        process.tell("release")
        assert process.wait(60) in (Exit.RELEASED, Exit.FINISHED), process.last_words()
        assert_gone(process.pid)
    if pair.state(run_id) == "running":
        with pair.records.write() as session:
            leases.stopped(session, run_id, number, "released")
        with making.attempt(pair, run_id, making.claim(pair, run_id)) as process:
            assert process.wait(240) == 0, process.last_words()
    ends = [pair.checkpoints(one)[-1] for one in (whole, run_id)]
    assert_same_weights(*[tensors(pair, end) for end in ends])


@pytest.mark.parametrize("victim", ["other", "first"])
def test_when_one_process_dies_so_does_the_attempt(pair: System, victim: str) -> None:
    dataset = making.built_dataset(pair)
    run_id = making.submit(pair, dataset, **{**SMALL, "epochs": 10_000})
    with making.attempt(pair, run_id, making.claim(pair, run_id)) as process:
        wait_for(lambda: pair.checkpoints(run_id), 120, "a checkpoint")
        (other,) = making.children_of(process.pid)
        os.kill(other if victim == "other" else process.pid, signal.SIGKILL)
        code = process.wait(60)
        # Whichever sees it first: the exchange of gradients, or the watch over the process.
        assert code in ((1, Exit.RANK_LOST) if victim == "other" else (-signal.SIGKILL,)), process.last_words()
        wait_for(lambda: not making.alive(other), 30, "the other process's end")


def test_a_batch_of_fewer_windows_than_processes_is_refused(pair: System) -> None:
    run_id = making.submit(pair, making.built_dataset(pair), **{**SMALL, "batch": 1})
    with making.attempt(pair, run_id, making.claim(pair, run_id)) as process:
        assert process.wait(120) == Exit.REFUSED, process.last_words()
        assert "2 processes" in process.refusal()


def assert_gone(pid: int) -> None:
    assert not making.alive(pid)


@pytest.mark.parametrize(("batch", "size"), [(16, 2), (24, 2), (11, 2), (16, 4), (5, 5), (64, 3)])
def test_shares_are_the_whole_batch(batch: int, size: int) -> None:
    fleets = [Fleet(rank, size, batch) for rank in range(size)]
    assert [row for fleet in fleets for row in range(batch)[fleet.share]] == list(range(batch))
    assert all(fleet.windows > 0 for fleet in fleets)
    assert sum(fleet.weight for fleet in fleets) == pytest.approx(1)
    if batch % 8 == 0 and batch >= 8 * size:
        assert all(fleet.windows % 8 == 0 for fleet in fleets)


def draws(n: int) -> list[torch.Tensor]:
    """What learners draw for n windows, in every way they know."""
    torch.manual_seed(3)
    return [
        torch.randn(n, 4),
        torch.randn((n, 2)),
        torch.rand(n),
        torch.randint(-6, 6, (n,)),
        torch.randn_like(torch.zeros(n, 1, 3, 3)),
        functional.dropout(torch.full((n, 5), 2.0), 0.4, True),
        torch.nn.Dropout(0.4)(torch.full((n, 5), 2.0)),
        # Numbers are drawn in the order of memory, here that of a recurrent layer's output.
        functional.dropout(torch.ones(6, n, 5).transpose(0, 1), 0.4, True),
    ]


def test_a_share_gets_the_noise_of_its_windows() -> None:
    whole = draws(16)
    for rank in (0, 1):
        fleet = Fleet(rank, 2, 16)
        with fleet.noise():
            found = draws(8)
        for one, all_of_them in zip(found, whole, strict=True):
            assert torch.equal(one, all_of_them[fleet.share])


def test_what_is_not_for_windows_is_drawn_alike() -> None:
    torch.manual_seed(1)
    wanted = torch.randn(3, 8)
    torch.manual_seed(1)
    with Fleet(1, 2, 16).noise():
        assert torch.equal(torch.randn(3, 8), wanted)
