"""A worker that is killed loses no run, and at most what was learnt since the last checkpoint."""

import os
import signal
from pathlib import Path

from servers import wait_for
from trainer import making
from trainer.making import assert_same_weights, tensors

from pianola.queue import TRAIN_RUN, create_celery, send
from pianola.records import events, runs
from pianola.settings import TrainerSettings

MODEL = ("gan", "default")


def test_a_run_whose_worker_is_killed_in_mid_epoch_finishes_once_as_if_nothing_had_happened(
    tmp_path: Path, postgres_url: str, broker_url: str
) -> None:
    # Warm: attempts that were forked end with the weights of one that was not.
    short = {
        "PIANOLA_QUEUES": "train",
        "PIANOLA_LEASE_SECONDS": "3",
        "PIANOLA_HEARTBEAT_SECONDS": "0.5",
        "PIANOLA_WARM": "true",
    }
    with making.system(tmp_path, postgres_url, **short) as system:
        system.broker_url = broker_url
        celery = create_celery(
            TrainerSettings(database_url=postgres_url, broker_url=broker_url, objects_dir=tmp_path / "objects")
        )
        dataset = making.built_dataset(system)
        run_id = making.submit(system, dataset, *MODEL, model="survivor")

        with making.worker(system) as first:
            assert send(celery, TRAIN_RUN, run_id)
            wait_for(lambda: system.checkpoints(run_id), 120, "a checkpoint")
            children = making.children_of(first.pid)
            for pid in (first.pid, *children):
                os.kill(pid, signal.SIGKILL)
            first.wait()
        killed_at = system.checkpoints(run_id)[-1].step
        # Of 36 windows an epoch, 8 a step: no checkpoint but the last lies between two epochs.
        assert killed_at in (12, 24)
        assert system.state(run_id) == "running"

        with making.worker(system) as second:
            # Late and doubled messages, and none that is needed: the run's own was gone with its claim.
            for _ in range(2):
                assert send(celery, TRAIN_RUN, run_id)
            system.wait_for_state(run_id, "succeeded")
            assert send(celery, TRAIN_RUN, run_id)
            assert [path.name for path in system.spool.glob("trainer/worker-*")] != []
            assert len(list(system.spool.glob("trainer/worker-*"))) == 1, "the killed worker's files are left"

            final = system.checkpoints(run_id)[-1]
            expected = making.undisturbed(*MODEL)
            assert_same_weights(tensors(system, final), expected.weights)
            assert final.generator_digest == expected.final.generator_digest
            with system.records.read() as session:
                told = list(events.after(session, run_id, 0, 100))
                steps = [point.step for point in runs.metrics(session, run_id)]
                attempts = [(attempt.outcome, attempt.first_step) for attempt in runs.attempts(session, run_id)]
            assert steps == making.POINTS
            assert attempts == [("lost", 0), ("succeeded", killed_at)]
            assert [event.number for event in told] == list(range(1, len(told) + 1))
            kinds = [event.kind for event in told]
            assert sorted(kinds) == sorted(
                [
                    "created",
                    "started",
                    "set_up",
                    "requeued",
                    "started",
                    *["evaluated"] * len(making.POINTS),
                    "succeeded",
                ]
            )
            assert kinds[-1] == "succeeded"

            # Killed alone, a worker takes its attempt with it.
            another = making.submit(system, dataset, *MODEL, epochs=500)
            assert send(celery, TRAIN_RUN, another)
            wait_for(lambda: len(making.children_of(second.pid)) == 2, 30, "a nursery and the attempt that it forked")
            children = making.children_of(second.pid)
            os.kill(second.pid, signal.SIGKILL)
            second.wait()
            wait_for(lambda: not any(map(making.alive, children)), 20, "the end of processes without a supervisor")
