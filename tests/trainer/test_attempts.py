"""One attempt's own process: what it commits, what it refuses, and that it is fenced."""

import json

import pytest
import safetensors.numpy
from servers import wait_for
from sqlalchemy import update
from trainer import making
from trainer.making import PlannedFile, System, assert_same_weights, tensors

from pianola.models.registry import load_generator
from pianola.objects import verified
from pianola.records import leases, runs
from pianola.records.tables import Checkpoint, Metric, Run
from pianola_trainer.exits import Exit


@pytest.fixture
def system() -> System:
    return making.undisturbed().system


@pytest.fixture
def dataset() -> str:
    return making.undisturbed().dataset


@pytest.fixture
def final() -> Checkpoint:
    return making.undisturbed().final


def test_every_point_is_committed_whole(system: System, final: Checkpoint) -> None:
    rows = system.checkpoints(final.run_id)
    assert [(row.step, row.epoch, row.final) for row in rows] == [(12, 2, False), (24, 5, False), (27, 6, True)]
    for row in rows:
        assert len(verified(system.store, row.key, row.digest)) == row.size
        assert load_generator(verified(system.store, row.generator_key, row.generator_digest)).lowest_pitch == 17
        manifest = json.loads(system.store.get(row.manifest_key))
        assert manifest["checkpoint"]["sha256"] == row.digest
        assert manifest["held_out"] == {"by": "file", "windows": 9}
        assert (manifest["place"]["step"], manifest["place"]["cursor"]) == (row.step, row.step * 8 % 36)


def test_the_series_and_the_events_have_no_gap(system: System, final: Checkpoint) -> None:
    with system.records.read() as session:
        points = list(runs.metrics(session, final.run_id))
        run = runs.get(session, final.run_id)
    assert [point.step for point in points] == making.POINTS
    wanted = {"train_loss", "train_reconstruction", "train_kl", "validation_loss", "validation_reconstruction"}
    assert all(wanted | {"validation_kl", "windows_per_second"} <= set(point.values) for point in points)
    # created, started, set_up, one for each point, succeeded
    assert run.last_event == 3 + len(making.POINTS) + 1
    assert (run.step, run.epoch) == (27, 6)


def test_pictures_and_positions_are_kept(system: System, final: Checkpoint) -> None:
    with system.records.read() as session:
        kept = {row.name: row for row in runs.artefacts(session, final.run_id)}
    for step in making.POINTS:
        assert system.store.get(kept[f"samples-{step}.png"].key).startswith(b"\x89PNG")
        assert system.store.get(kept[f"latent-{step}.png"].key).startswith(b"\x89PNG")
    table = safetensors.numpy.load(system.store.get(kept["latent-27.safetensors"].key))
    assert table["positions"].shape == (45, 32)
    assert table["file"].tolist() == [file for file in range(5) for _ in range(9)]
    assert table["index"].tolist() == list(range(45))


def test_an_attempt_whose_lease_was_taken_commits_nothing(system: System, dataset: str) -> None:
    run_id = making.submit(system, dataset, "gan", "default", evaluate_every_steps=3)
    first = making.claim(system, run_id, lease_seconds=0.1)
    with making.attempt(system, run_id, first) as zombie:
        wait_for(lambda: len(system.checkpoints(run_id)) == 1, 120, "a checkpoint")
        with system.records.write() as session:
            assert leases.reap(session) == [(run_id, "train")]
        second = making.claim(system, run_id)
        committed = len(system.checkpoints(run_id))
        assert zombie.wait(120) == Exit.STALE, zombie.last_words()
    run = system.run(run_id)
    assert (run.state, run.attempt, second) == ("running", 2, 2)
    assert len(system.checkpoints(run_id)) == committed
    with system.records.read() as session:
        assert len(runs.metrics(session, run_id)) == committed


def again(system: System, run_id: str) -> list[tuple[int, int]]:
    """Put a finished run back into the queue and let another attempt finish it; its checkpoints."""
    with system.records.write() as session:
        session.execute(update(Run).where(Run.id == run_id).values(state="queued"))
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        assert process.wait(120) == Exit.FINISHED, process.last_words()
    assert system.state(run_id) == "succeeded"
    return [(row.attempt, row.step) for row in system.checkpoints(run_id)]


def test_a_run_that_died_between_its_last_checkpoint_and_its_success_succeeds(
    system: System, final: Checkpoint
) -> None:
    assert again(system, final.run_id) == [(1, 12), (1, 24), (1, 27)]


def test_an_attempt_goes_on_from_the_newest_checkpoint_that_is_whole(system: System, final: Checkpoint) -> None:
    """Two are damaged, the one before is not: the run ends with the same weights all the same."""
    _, second, third = system.checkpoints(final.run_id)
    system.damage(second.key)
    system.store.delete(third.key)
    assert again(system, final.run_id) == [(1, 12), (1, 24), (3, 24), (1, 27), (3, 27)]
    newest = system.checkpoints(final.run_id)[-1]
    assert_same_weights(tensors(system, newest), making.undisturbed().weights)
    assert newest.generator_digest == final.generator_digest
    with system.records.read() as session:
        assert [point.step for point in runs.metrics(session, final.run_id)] == making.POINTS
        assert [attempt.first_step for attempt in runs.attempts(session, final.run_id)] == [0, 27, 12]


def test_a_loss_that_is_no_number_ends_the_run_with_advice(system: System, dataset: str) -> None:
    run_id = making.submit(system, dataset, "vae", "thesis", learning_rate=1.0, loss="sum", evaluate_every_steps=1)
    number = making.claim(system, run_id)
    with making.attempt(system, run_id, number) as process:
        assert process.wait(120) == Exit.REFUSED, process.last_words()
        assert "lower learning_rate (now 1)" in process.refusal()
    # What was good is kept.
    rows = system.checkpoints(run_id)
    assert all(not row.final for row in rows)
    with system.records.read() as session:
        values = [point.values for point in session.query(Metric).filter_by(run_id=run_id)]
    assert len(values) == len(rows)


def test_an_attempt_ends_with_its_supervisor(system: System, dataset: str) -> None:
    run_id = making.submit(system, dataset)
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        process.close_orders()
        assert process.wait(10) == Exit.ORPHANED
        assert not (system.folder / f"{run_id}-a1").exists()


def test_the_datasets_own_hold_out_is_what_is_held_out(system: System) -> None:
    files = [PlannedFile(making.scales(index, 9), held_out=index in (1, 3)) for index in range(5)]
    run_id = making.submit(system, making.built(system, files, held_out=0.4), epochs=1)
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        assert process.wait(120) == Exit.FINISHED, process.last_words()
    manifest = json.loads(system.store.get(system.checkpoints(run_id)[-1].manifest_key))
    assert manifest["held_out"] == {"by": "dataset", "windows": 18}


@pytest.mark.parametrize(("held_out", "side"), [((False, False), "held-out"), ((True, True), "training")])
def test_a_hold_out_with_nothing_on_one_side_is_refused(system: System, held_out: tuple[bool, ...], side: str) -> None:
    files = [PlannedFile(making.scales(index, 2), held_out=out) for index, out in enumerate(held_out)]
    run_id = making.submit(system, making.built(system, files, held_out=0.25, held_out_seed=3))
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        assert process.wait(120) == Exit.REFUSED, process.last_words()
        assert f"has no window on its {side} side (held_out 0.25, held_out_seed 3)" in process.refusal()
