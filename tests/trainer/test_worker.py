"""The trainer as it is deployed: a Celery worker on a real broker, its children, and what people do to its runs."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from subprocess import Popen
from typing import Any

import psutil
import pytest
import redis
import servers
from celery import Celery
from servers import wait_for
from trainer import making
from trainer.making import System, assert_same_weights, tensors

from pianola.queue import TRAIN_RUN, create_celery, send
from pianola.records import runs
from pianola.settings import TrainerSettings

MODEL = ("gan", "default")


class Deployment:
    """A system with a broker and one worker."""

    def __init__(self, system: System, celery: Celery, worker: "Popen[bytes]") -> None:
        self.system, self.celery, self.worker = system, celery, worker
        self.dataset = making.built_dataset(system)

    def send(self, run_id: str) -> None:
        assert send(self.celery, TRAIN_RUN, run_id)

    def started(self, **options: Any) -> str:
        """A run that the worker trains, past its first checkpoint."""
        run_id = making.submit(self.system, self.dataset, *MODEL, **options)
        self.send(run_id)
        wait_for(lambda: self.system.checkpoints(run_id), 120, "a checkpoint")
        return run_id

    def nursery(self) -> int:
        """The process that forks attempts."""
        children = psutil.Process(self.worker.pid).children()
        (pid,) = [child.pid for child in children if "pianola_trainer.forking" in child.cmdline()]
        return pid

    def child(self) -> int:
        """The attempt's process."""
        (pid,) = {*making.children_of(self.worker.pid)} - {self.nursery()}
        return pid


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with ExitStack() as stack:
        url = stack.enter_context(servers.valkey())
        told = {"PIANOLA_QUEUES": "train", "PIANOLA_WARM": "true"}
        system = stack.enter_context(making.system(tmp_path_factory.mktemp("worker"), **told))
        system.broker_url = url
        worker = stack.enter_context(making.worker(system))
        celery = create_celery(
            TrainerSettings(database_url="sqlite://", broker_url=url, objects_dir=system.folder / "objects")
        )
        yield Deployment(system, celery, worker)


def test_a_crashed_paused_and_resumed_run_ends_as_an_undisturbed_one(deployed: Deployment) -> None:
    system = deployed.system
    # How often it is evaluated changes nothing of what it learns.
    run_id = deployed.started(evaluate_every_steps=9)
    nursery = deployed.nursery()
    os.kill(deployed.child(), signal.SIGKILL)
    wait_for(lambda: len(system.checkpoints(run_id)) == 2, 120, "a checkpoint of a second attempt")
    assert deployed.nursery() != nursery, "what forked the first may have been at fault"
    with system.records.write() as session:
        runs.pause(session, run_id)
    paused = system.wait_for_state(run_id, "paused")
    assert system.checkpoints(run_id)[-1].step == paused.step
    with system.records.write() as session:
        runs.resume(session, run_id)
    deployed.send(run_id)
    system.wait_for_state(run_id, "succeeded")
    final = system.checkpoints(run_id)[-1]
    assert (final.attempt, final.step) == (3, making.STEPS)
    assert_same_weights(tensors(system, final), making.undisturbed(*MODEL).weights)
    with system.records.read() as session:
        steps = [point.step for point in runs.metrics(session, run_id)]
        outcomes = [attempt.outcome for attempt in runs.attempts(session, run_id)]
    assert steps == sorted({9, 18, 27, paused.step})
    assert outcomes == ["crashed", "released", "succeeded"]
    wait_for(lambda: not any(run_id in name for name in system.left_in_spool()), 10, "an empty spool")
    # Its evaluation waits for a worker of that queue.
    with redis.from_url(system.broker_url) as broker:
        assert broker.llen("evaluate") >= 1


def test_a_cancelled_run_stops_within_15_s_and_keeps_nothing_more(deployed: Deployment) -> None:
    system = deployed.system
    run_id = deployed.started(epochs=500, evaluate_every_steps=5)
    # The next one waits in the queue, where any other worker could take it.
    waiting = making.submit(system, deployed.dataset, *MODEL)
    deployed.send(waiting)
    wait_for(lambda: system.run(run_id).progress, 30, "progress")
    progress = system.run(run_id).progress
    assert progress is not None and set(progress) == {"fraction", "loss", "windows_per_second", "eta_seconds"}
    assert 0 < progress["fraction"] < 1 and progress["eta_seconds"] > 0
    with redis.from_url(system.broker_url) as broker:
        assert broker.llen("train") == 1
    assert system.state(waiting) == "queued"
    with system.records.write() as session:
        runs.cancel(session, waiting)
    child, committed = deployed.child(), len(system.checkpoints(run_id))
    with system.records.write() as session:
        runs.cancel(session, run_id)
    system.wait_for_state(run_id, "cancelled", seconds=15)
    assert not making.alive(child)
    # One may have been on its way.
    assert len(system.checkpoints(run_id)) <= committed + 1
    with system.records.read() as session:
        assert [attempt.outcome for attempt in runs.attempts(session, run_id)] == ["released"]


def test_a_run_that_cannot_succeed_fails_at_once_and_says_why(deployed: Deployment) -> None:
    system = deployed.system
    dataset_id = making.built_dataset(system)
    for shard in system.store.keys(f"datasets/{dataset_id}/shards/"):
        system.damage(shard)
    run_id = making.submit(system, dataset_id, *MODEL)
    deployed.send(run_id)
    failed = system.wait_for_state(run_id, "failed")
    assert failed.attempt == 1
    assert failed.error is not None and "build it again" in failed.error
    # A message that comes late, or twice, finds nothing to claim.
    deployed.send(run_id)
    time.sleep(0.5)
    assert (system.run(run_id).state, system.run(run_id).last_event) == ("failed", failed.last_event)


def test_a_run_whose_attempts_all_crash_fails_after_three_with_the_end_of_the_log(deployed: Deployment) -> None:
    system = deployed.system
    endless = {"epochs": None, "seconds": 600.0, "evaluate_every_steps": None, "evaluate_every_seconds": 600.0}
    run_id = making.submit(system, deployed.dataset, *MODEL, **endless)
    deployed.send(run_id)
    for number in (1, 2, 3):
        wait_for(
            lambda number=number: system.run(run_id).attempt == number and system.run(run_id).progress, 60, "steps"
        )
        os.kill(deployed.child(), signal.SIGKILL)
    error = str(system.wait_for_state(run_id, "failed").error)
    assert error.startswith("3 attempts in a row ended without a new checkpoint; the last words of the last one:")
    assert '"event": "ready"' in error and error.endswith("[ended by SIGKILL]")


def test_a_worker_that_is_stopped_hands_its_run_back(deployed: Deployment) -> None:
    """The last test: it takes the worker away."""
    system = deployed.system
    run_id = deployed.started(epochs=None, seconds=600.0, evaluate_every_steps=None, evaluate_every_seconds=1.0)
    began = time.monotonic()
    deployed.worker.terminate()
    assert deployed.worker.wait(30) == 0
    assert time.monotonic() - began < 30
    run = system.run(run_id)
    assert run.state == "queued"
    kept = system.checkpoints(run_id)[-1]
    assert run.step == kept.step
    assert 1 < json.loads(system.store.get(kept.manifest_key))["place"]["elapsed"] < 60
    with system.records.read() as session:
        assert [attempt.outcome for attempt in runs.attempts(session, run_id)] == ["released"]
    assert system.left_in_spool() == ["trainer"]
