"""Runs that end before their time, and the checkpoint that plays of those that went on for too long."""

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from servers import wait_for
from sqlalchemy import update
from trainer import making
from trainer.making import PlannedFile, System, assert_same_weights, tensors

from pianola.records import evaluations, events, leases, models, runs
from pianola.records.best import playing
from pianola.records.tables import Checkpoint, Metric, Run
from pianola_trainer.errors import Collapsed
from pianola_trainer.exits import Exit
from pianola_trainer.stopping import check_sound, is_exhausted

HASTY = {"evaluate_every_steps": 4, "learning_rate": 0.01}
"""A VAE that soon knows its windows by heart: 27 steps, seven points."""


@pytest.mark.parametrize(
    ("losses", "patience", "exhausted"),
    [
        ([], 1, False),
        ([3.0], 1, False),
        ([3.0, 4.0], 1, True),
        ([3.0, 3.0], 1, True),  # as good is not better
        ([3.0, 4.0, 2.0], 1, False),
        ([3.0, 4.0, 3.5], 2, True),
        ([3.0, 4.0, 3.5], 3, False),
        ([3.0, 2.0, 1.0], 2, False),
        ([3.0, 9.0, 9.0, 9.0], None, False),
    ],
)
def test_patience_counts_points_since_the_best(losses: list[float], patience: int | None, exhausted: bool) -> None:
    assert is_exhausted(losses, patience) is exhausted


def series(*densities: float | None) -> list[Metric]:
    """Points at steps 10, 20, ...; None: one that a pause left, where nothing was played."""
    return [
        Metric(step=10 * (index + 1), values={} if density is None else {"sample_density": density})
        for index, density in enumerate(densities)
    ]


@pytest.mark.parametrize(
    "densities",
    [(), (0.0, 0.0), (0.0, 0.0, 0.002), (0.0, 0.0, 0.0, 0.02), (0.0, 0.002, 0.0, 0.0), (0.0, None, 0.0)],
)
def test_what_plays_now_and_then_has_not_collapsed(densities: tuple[float | None, ...]) -> None:
    check_sound(series(*densities), 0.02, 3)


@pytest.mark.parametrize(
    ("densities", "steps", "good"),
    [
        ((0.0, 0.001, 0.0019), [10, 20, 30], None),
        ((0.02, 0.0, None, 0.0, 0.0), [20, 40, 50], 10),
        ((0.0, 0.02, 0.0, 0.0, 0.0, 0.0), [40, 50, 60], 20),
    ],
)
def test_three_silent_points_in_a_row_are_a_collapse(
    densities: tuple[float | None, ...], steps: list[int], good: int | None
) -> None:
    with pytest.raises(Collapsed) as caught:
        check_sound(series(*densities), 0.02, 3)
    assert ([step for step, _ in caught.value.heard], caught.value.good) == (steps, good)
    assert "the data's 2.00%" in str(caught.value)
    assert (f"the checkpoint of step {good} is the last that plays" in str(caught.value)) is (good is not None)


@dataclass(frozen=True)
class Long:
    """A HASTY run that trained to its end."""

    system: System
    dataset: str
    run: Run
    losses: dict[int, float]
    checkpoints: dict[int, Checkpoint]


@functools.cache
def long() -> Long:
    system = making.lasting()
    files = [PlannedFile(making.scales(index, 9)) for index in range(4)]
    # Other music, upside down and backwards: the surer the model is of the one, the more it is surprised by the other.
    files.append(PlannedFile(np.flip(making.scales(4, 9), (1, 2)).copy(), held_out=True))
    dataset = making.built(system, files, held_out=0.2)
    run_id = making.submit(system, dataset, model="hasty", **HASTY)
    train(system, run_id)
    checkpoints = {row.step: row for row in system.checkpoints(run_id)}
    with system.records.read() as session:
        losses = {point.step: point.values["validation_loss"] for point in runs.metrics(session, run_id)}
    return Long(system, dataset, system.run(run_id), losses, checkpoints)


def train(system: System, run_id: str, expected: Exit = Exit.FINISHED) -> str:
    """One attempt, to its end; what it said where it refused."""
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        assert process.wait(120) == expected, process.last_words()
        return process.refusal() if expected == Exit.REFUSED else ""


def kinds(system: System, run_id: str) -> list[str]:
    with system.records.read() as session:
        return [event.kind for event in events.after(session, run_id, 0, 1000)]


def stop_of(losses: dict[int, float], patience: int) -> int:
    """The step of the first point by which so many have brought nothing better."""
    steps = list(losses)
    best = 0
    for index in range(len(steps)):
        best = index if losses[steps[index]] < losses[steps[best]] else best
        if index - best == patience:
            return steps[index]
    raise AssertionError(f"never {patience} points without a better one: {losses}")


def test_the_best_checkpoint_plays_and_not_the_last() -> None:
    done = long()
    best = min(done.losses, key=lambda step: done.losses[step])
    assert best < max(done.losses) == making.STEPS, "this run is to get worse"
    with done.system.records.read() as session:
        assert models.get(session, "hasty").checkpoint.id == done.checkpoints[best].id
        assert evaluations.newest(session, done.run.id).checkpoint_id == done.checkpoints[best].id
    assert done.checkpoints[making.STEPS].final and "stopped_early" not in kinds(done.system, done.run.id)


@pytest.mark.parametrize("disturbed", [False, True])
def test_patience_stops_a_run_where_its_series_says_also_when_resumed(disturbed: bool) -> None:
    """And as long as it learns, it learns what a run without patience does."""
    done = long()
    patience = 2
    last = stop_of(done.losses, patience)
    assert last < making.STEPS
    run_id = making.submit(done.system, done.dataset, patience=patience, **HASTY)
    if disturbed:
        with making.attempt(done.system, run_id, making.claim(done.system, run_id)) as process:
            wait_for(lambda: len(done.system.checkpoints(run_id)) == 2, 120, "two points")
            process.tell("release")
            assert process.wait(60) == Exit.RELEASED, process.last_words()
        with done.system.records.write() as session:
            leases.stopped(session, run_id, 1, "released")
    train(done.system, run_id)
    run, final = done.system.run(run_id), done.system.checkpoints(run_id)[-1]
    assert (run.state, run.step, final.step, final.final) == ("succeeded", last, last, True)
    assert final.attempt == (2 if disturbed else 1)
    assert_same_weights(tensors(done.system, final), tensors(done.system, done.checkpoints[last]))
    with done.system.records.read() as session:
        chosen = playing(session, run)
        (stopped,) = [event for event in events.after(session, run_id, 0, 1000) if event.kind == "stopped_early"]
    best = min((step for step in done.losses if step <= last), key=lambda step: done.losses[step])
    assert chosen is not None and chosen.generator_digest == done.checkpoints[best].generator_digest
    assert stopped.data == {"step": last, "best_step": best, "patience": patience}
    assert kinds(done.system, run_id)[-2:] == ["stopped_early", "succeeded"]


def test_an_attempt_that_died_after_the_early_stop_leaves_a_run_that_succeeds() -> None:
    done = long()
    run_id = making.submit(done.system, done.dataset, patience=1, **HASTY)
    train(done.system, run_id)
    before = [row.id for row in done.system.checkpoints(run_id)]
    with done.system.records.write() as session:
        session.execute(update(Run).where(Run.id == run_id).values(state="queued"))
    train(done.system, run_id)
    assert [row.id for row in done.system.checkpoints(run_id)] == before
    assert kinds(done.system, run_id).count("stopped_early") == 1


def test_patience_needs_something_held_out() -> None:
    done = long()
    run_id = making.submit(done.system, making.built_dataset(done.system), patience=2, held_out=0.0)
    assert "patience 2 goes by the loss on held-out windows, and none is held out" in train(
        done.system, run_id, Exit.REFUSED
    )


def test_a_gan_that_falls_silent_fails_loudly_and_keeps_what_it_has() -> None:
    """The thesis's GAN on few windows plays black, as the thesis tells."""
    done = long()
    run_id = making.submit(done.system, done.dataset, "gan", "thesis", model="black", evaluate_every_steps=4)
    said = train(done.system, run_id, Exit.REFUSED)
    assert said.startswith("the model fell silent: of what it plays are lit 0.00% at step ")
    assert "collapse_points null" in said
    with done.system.records.read() as session:
        densities = [point.values["sample_density"] for point in runs.metrics(session, run_id)]
    kept = done.system.checkpoints(run_id)
    assert len(densities) == len(kept) < 27 // 4, "what it was seen by is kept"
    assert densities[-3:] == [0.0, 0.0, 0.0]
    # The attempt died before it could tell: the next one tells the same, and trains no further.
    with done.system.records.write() as session:
        session.execute(update(Run).where(Run.id == run_id).values(state="queued"))
    assert train(done.system, run_id, Exit.REFUSED) == said
    assert [row.id for row in done.system.checkpoints(run_id)] == [row.id for row in kept]
    with done.system.records.write() as session:
        leases.fail(session, run_id, 2, said, "")
        models.point(session, "black", kept[0].id)
        assert models.get(session, "black").checkpoint.id == kept[0].id
    assert done.system.run(run_id).error == said


def test_a_gan_that_is_told_to_trains_on_in_silence() -> None:
    done = long()
    run_id = making.submit(
        done.system, done.dataset, "gan", "thesis", evaluate_every_steps=4, epochs=4, collapse_points=None
    )
    train(done.system, run_id)
    assert done.system.state(run_id) == "succeeded"
