"""An evaluation, from its claim to its report, in a process of its own."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import update
from trainer import making
from trainer.making import System

from pianola.dataset import shard_writer
from pianola.queue import create_celery
from pianola.records import evaluations, runs
from pianola.records.best import playing
from pianola.records.tables import Checkpoint, Evaluation
from pianola.settings import TrainerSettings
from pianola.spool import Spool
from pianola_trainer.tasks import Tasks

BEGINNINGS = {"png": b"\x89PNG", "svg": b"<?xml"}


def evaluate(system: System, run_id: str, tmp_path: Path, samples: int) -> Evaluation:
    """Run the task on the run's newest evaluation, made one of so many samples."""
    with patch.dict(os.environ, system.environment):
        settings = TrainerSettings()
        spool = Spool(tmp_path / "spool")
        tasks = Tasks(settings, system.records, create_celery(settings), spool)
        with system.records.write() as session:
            evaluation = evaluations.newest(session, run_id)
            session.execute(update(Evaluation).where(Evaluation.id == evaluation.id).values(samples=samples))
        with spool.open():
            tasks.evaluate_run(evaluation.id)
    with system.records.read() as session:
        return evaluations.newest(session, run_id)


def measured(system: System, run_id: str, step: int) -> dict[str, float]:
    """What the run measured at the step."""
    with system.records.read() as session:
        return next(point.values for point in runs.metrics(session, run_id) if point.step == step)


@pytest.mark.parametrize(
    ("model", "stems"),
    [
        (("vae", "default"), ("honesty", "latent-scatter", "loss", "music", "note-frequency")),
        (("gan", "default"), ("accuracy", "honesty", "loss", "music", "note-frequency")),
    ],
)
def test_an_evaluation_compares_the_checkpoint_with_the_dataset(
    tmp_path: Path, model: tuple[str, str], stems: tuple[str, ...]
) -> None:
    system, run_id = making.undisturbed(*model).system, making.undisturbed(*model).final.run_id
    with system.records.read() as session:
        checkpoint = playing(session, runs.get(session, run_id))
    assert checkpoint is not None
    done = evaluate(system, run_id, tmp_path, samples=40)
    assert done.state == "succeeded", done.error
    assert done.report is not None
    assert (done.report["samples"], done.report["checkpoint"]) == (40, checkpoint.generator_digest)
    assert (done.report["generated"]["windows"], done.report["data"]["windows"]) == (40, 45)
    assert sum(done.report["note_frequency"]["data"]) == pytest.approx(1)
    assert done.report["music"]["windows"] == {"generated": 40, "data": 45, "halves": [18, 27]}
    assert done.report["fidelity"]["generated"]["windows"] == 40
    assert done.report["copying"]["windows"] == {"generated": 40, "held_out": 9, "training": 36}
    assert "40 windows on a side" in done.report["missing"]["two_sample.generated"]
    if model[0] == "vae":
        # The learner is the one that was trained: the run measured the same windows, with another draw of noise.
        trained = measured(system, run_id, checkpoint.step)["validation_loss"]
        assert done.report["likelihood"]["bound"] == pytest.approx(trained, rel=0.15)
    else:
        assert done.report["likelihood"] is None
    curves = [f"evaluation-{stem}.{media}" for stem in stems for media in BEGINNINGS]
    assert sorted(done.plots) == sorted(["evaluation-sample-grid.png", *curves])
    with system.records.read() as session:
        for name in done.plots:
            row = runs.artefact(session, run_id, name)
            assert system.store.get(row.key).startswith(BEGINNINGS[name.rpartition(".")[2]])


def test_a_dataset_of_many_shards_is_compared_by_an_excerpt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 6 * 96 * 12)
    with making.system(tmp_path) as system:
        many = making.built_dataset(system, (6,) * 24)
        run_id = making.submit(system, many, "vae", "thesis", epochs=1, evaluate_every_steps=1000)
        with making.attempt(system, run_id, making.claim(system, run_id)) as process:
            assert process.wait(240) == 0, process.last_words()
        done = evaluate(system, run_id, tmp_path, samples=40)
    assert done.state == "succeeded", done.error
    assert done.report is not None
    # Of 20 shards that are trained on 16, and the four that are held out.
    assert done.report["data"]["windows"] == (16 + 4) * 6
    assert done.report["copying"]["windows"] == {"generated": 40, "held_out": 4 * 6, "training": 16 * 6}
    assert done.report["likelihood"]["windows"] == 4 * 6


def test_a_checkpoint_that_is_not_what_it_was_fails_its_evaluation(tmp_path: Path) -> None:
    system, run_id = making.undisturbed().system, making.undisturbed().final.run_id
    with system.records.write() as session:
        evaluation = evaluations.request(session, run_id, 40, 7)
        checkpoint = session.get_one(Checkpoint, evaluation.checkpoint_id)
    good = system.store.get(checkpoint.generator_key)
    system.damage(checkpoint.generator_key)
    try:
        done = evaluate(system, run_id, tmp_path, samples=40)
    finally:
        system.store.put(checkpoint.generator_key, good)
    assert (done.id, done.state, done.attempt) == (evaluation.id, "failed", 1)
    assert done.error is not None and checkpoint.generator_digest in done.error
