"""The worker: a Celery app that takes one task at a time, with the reaper beside it."""

import logging
import threading
from typing import Any

from celery import Celery, signals
from celery.concurrency.thread import TaskPool
from kombu.asynchronous import get_event_loop

from pianola.queue import EVALUATE_RUN, TRAIN_RUN, create_celery
from pianola.records import Records, open_records
from pianola.records.reaper import start_reaper
from pianola.settings import TrainerSettings
from pianola.spool import Spool
from pianola_trainer.tasks import Tasks


class Worker:
    """A worker of `settings.queues`. Nothing connects or starts before `run`."""

    def __init__(self, settings: TrainerSettings) -> None:
        self.settings = settings
        self.celery: Celery = create_celery(settings, "pianola_trainer")
        # The message is gone with the claim: a run outlives any visibility timeout, and its lease protects it.
        self.celery.conf.update(task_acks_late=False)
        self.records: Records = open_records(settings.database_url)
        # Other services may share the spool's folder.
        self._spool = Spool(settings.spool / "trainer")
        self._tasks = Tasks(settings, self.records, self.celery, self._spool)
        self.celery.task(self._tasks.train_run, name=TRAIN_RUN.name)
        self.celery.task(self._tasks.evaluate_run, name=EVALUATE_RUN.name)

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; returns the exit code."""
        signals.setup_logging.connect(_keep_logging)
        signals.worker_shutting_down.connect(self._shutting_down)
        stop = threading.Event()
        with self._spool.open():
            reaper = start_reaper(self.records, self.celery, stop, self.settings)
            try:
                self._tasks.keep_warm()
                return self._consume()
            finally:
                self._tasks.close()
                stop.set()
                reaper.join(timeout=5)
                self.records.dispose()

    def _consume(self) -> int:
        worker = self.celery.Worker(
            hostname=f"trainer@{self.settings.worker}",
            queues=self.settings.queues.split(","),
            # The task waits for a child process: a thread is enough, and nothing is forked.
            pool=WakingPool,
            # An attempt takes all the cores it is given; more attempts are more workers.
            concurrency=1,
            loglevel=logging.INFO,
            quiet=True,
            # Nobody watches workers over the broker: the records say what is done.
            without_gossip=True,
            without_mingle=True,
        )
        worker.start()
        return int(worker.exitcode or 0)

    def _shutting_down(self, **_: Any) -> None:
        # A warm shutdown waits for the running task: the task has to know.
        self._tasks.stopping.set()


class WakingPool(TaskPool):  # type: ignore[misc]  # Celery has no types
    """Threads. The loop asks for no task while one is under way, and sleeps up to a second: the end of one wakes it."""

    def on_apply(self, *args: Any, **options: Any) -> Any:
        """See TaskPool."""
        applied = super().on_apply(*args, **options)
        loop = get_event_loop()
        assert loop is not None  # the worker's, which is what calls here
        applied.f.add_done_callback(lambda _: loop.call_soon(_wake))  # type: ignore[no-untyped-call]
        return applied


def _wake() -> None:
    """Nothing: the loop is awake."""


def create_worker(settings: TrainerSettings) -> Worker:
    """The trainer's worker, ready to `run`."""
    return Worker(settings)


def _keep_logging(**_: Any) -> None:
    """A receiver of setup_logging: with one, Celery leaves the process's logging as it is."""
