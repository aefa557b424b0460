"""Attempts at runs that begin with a checkpoint's weights, and at runs that are told labels."""

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update
from trainer import making
from trainer.making import PlannedFile, System, tensors
from trainer.test_evaluation import evaluate

from pianola.models.conditions import Condition
from pianola.models.registry import load_generator
from pianola.records.tables import Checkpoint, Run
from pianola_trainer.exits import Exit

COMPOSERS = {"composer": ("Bach", "Satie")}


@pytest.fixture
def system() -> System:
    return making.undisturbed().system


@pytest.fixture(scope="module")
def source() -> Checkpoint:
    """Not the undisturbed run's, which tests of damage take objects from."""
    shared = making.undisturbed()
    return trained(shared.system, shared.dataset, "vae")


def trained(system: System, dataset: str, family: str = "gan") -> Checkpoint:
    """The checkpoint of a run of its own."""
    run_id = making.submit(system, dataset, family, epochs=1)
    train(system, run_id)
    return system.checkpoints(run_id)[-1]


def train(system: System, run_id: str, ends: Exit = Exit.FINISHED) -> str:
    """One attempt at the run; returns why it was refused, if it was."""
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        assert process.wait(120) == ends, process.last_words()
        return process.refusal() if ends == Exit.REFUSED else ""


def weights(system: System, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    found = tensors(system, checkpoint)
    return {name: found[name] for name in found if ".network." in name or ".average." in name}


def test_a_run_begins_with_the_weights_that_play_of_a_checkpoint(system: System, source: Checkpoint) -> None:
    run_id = making.submit(
        system, making.undisturbed().dataset, source=source, epochs=1, learning_rate=1e-9, weight_decay=0.0
    )
    train(system, run_id)
    [tuned] = system.checkpoints(run_id)
    assert (tuned.step, tuned.epoch) == (5, 1), "its steps are counted from 0"
    before, after = weights(system, source), weights(system, tuned)
    assert before.keys() == after.keys()
    for name in before:
        played = before[name.replace(".network.", ".average.")]
        np.testing.assert_allclose(after[name], played, atol=1e-6, err_msg=name)
    steps = [value for name, value in tensors(system, tuned).items() if ".optimizer.step." in name]
    assert {float(step) for step in steps} == {5.0}, "its optimizer is a new one"
    assert json.loads(system.store.get(tuned.manifest_key))["from_checkpoint"] == source.digest
    assert json.loads(system.store.get(source.manifest_key))["from_checkpoint"] is None


def test_an_attempt_with_a_checkpoint_of_its_own_needs_the_source_no_more(system: System) -> None:
    """It goes on from there, and ends with the weights of one that was never interrupted; a new run is refused."""
    dataset = making.undisturbed().dataset
    source = trained(system, dataset)
    run_id = making.submit(system, dataset, "gan", source=source, epochs=1, evaluate_every_steps=4)
    train(system, run_id)
    first, last = system.checkpoints(run_id)
    whole = tensors(system, last)
    for gone in (source.key, last.key):
        system.store.delete(gone)
    with system.records.write() as session:
        session.execute(update(Run).where(Run.id == run_id).values(state="queued"))
    train(system, run_id)
    newest = system.checkpoints(run_id)[-1]
    assert (first.step, newest.attempt, newest.step) == (4, 2, last.step)
    making.assert_same_weights(tensors(system, newest), whole)

    another = making.submit(system, dataset, "gan", source=source)
    assert f"checkpoint {source.digest} cannot be read" in train(system, another, Exit.REFUSED)


def test_weights_of_other_networks_end_the_run(system: System, source: Checkpoint) -> None:
    """As of another version, whose presets had other sizes: what can be known at submission was checked there."""
    run_id = making.submit(system, making.undisturbed().dataset, "vae", "thesis", source=source)
    assert "do not fit the networks of this version" in train(system, run_id, Exit.REFUSED)


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_a_run_is_told_a_label(system: System, family: str, tmp_path: Path) -> None:
    files = [PlannedFile(making.scales(20 * (index % 2), 9), labels=(index % 2,)) for index in range(4)]
    dataset = making.built(system, [*files, PlannedFile(making.scales(9, 9), labels=(-1,))], COMPOSERS)
    run_id = making.submit(system, dataset, family, condition="composer", epochs=1)
    train(system, run_id)
    [final] = system.checkpoints(run_id)
    generator = load_generator(system.store.get(final.generator_key))
    assert generator.condition == Condition("composer", ("Bach", "Satie"))
    labels = np.array([0, 1, 2])
    assert generator.windows(generator.positions(0, range(3), labels), labels=labels).shape == (3, 96, 96)

    done = evaluate(system, run_id, tmp_path, samples=20)
    assert done.state == "succeeded", done.error
    assert done.report is not None
    assert (done.report["likelihood"] is None) == (family == "gan")

    tuned = making.submit(system, dataset, family, condition="composer", epochs=1, source=final)
    train(system, tuned)
    assert system.state(tuned) == "succeeded"


def test_a_label_that_the_windows_do_not_have_ends_the_run(system: System) -> None:
    run_id = making.submit(system, making.undisturbed().dataset, condition="composer")
    refusal = train(system, run_id, Exit.REFUSED)
    assert "condition 'composer' is no label field of the dataset with at least two values" in refusal
