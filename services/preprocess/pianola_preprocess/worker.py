"""The Celery worker: which tasks it takes, when it tries again, and how it stops."""

from functools import cached_property
from typing import Any, Final

import structlog
from celery import Celery
from sqlalchemy.exc import InterfaceError, OperationalError

from pianola.objects import ObjectStore, StoreUnavailable, open_store
from pianola.queue import BUILD_CHUNK, COMMIT_DATASET, create_celery, send
from pianola.records import Records, open_records
from pianola.records.errors import DatasetClosed, NotFound
from pianola.settings import PreprocessSettings
from pianola_preprocess import build

AWAY: Final = (StoreUnavailable, OperationalError, InterfaceError)
"""The store or the database does not answer: no fault of the task, which is tried again."""
RETRIES: Final = 5
"""After 1, 2, 4, 8 and 16 s, each shortened by chance: 31 s at most. From then on the reaper sends it every 30 s."""

_log = structlog.get_logger("worker")


class Connections:
    """Records and store of one process, opened when its first task asks: no connection crosses a fork."""

    def __init__(self, settings: PreprocessSettings) -> None:
        self._settings = settings

    @cached_property
    def records(self) -> Records:
        """The records."""
        return open_records(self._settings.database_url)

    @cached_property
    def store(self) -> ObjectStore:
        """The object store. Raises StoreUnavailable, and is asked for again the next time."""
        return open_store(self._settings)


def create_worker(settings: PreprocessSettings) -> Celery:
    """A Celery app with this service's tasks; nothing connects until it is used."""
    app = create_celery(settings, "pianola_preprocess")
    app.conf.update(
        worker_concurrency=settings.concurrency,
        # A chunk is idempotent: its message is kept until the work is done, and comes back when the process dies.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # A chunk takes 0.2 to 5 s, 50 of them 10 s at least: a fork of 20 ms costs nothing and gives all memory back.
        worker_max_tasks_per_child=50,
        # A stop waits 5 s for chunks under way: 2 MiB take 0.2 s to judge, 256 files at 20 ms 5 s to fetch. What is
        # left goes back to the queue. With 2 s for closing that is within the 9 s of `pianola up` and the 10 s of a
        # container. Needs REMAP_SIGTERM=SIGQUIT.
        worker_soft_shutdown_timeout=5,
        # Logs go to standard error by themselves.
        worker_redirect_stdouts=False,
    )
    connections = Connections(settings)

    def build_chunk(dataset_id: str, number: int) -> None:
        try:
            last = build.build_chunk(connections.records, connections.store, dataset_id, number)
        except (DatasetClosed, NotFound) as error:
            _log.info("chunk_dropped", dataset=dataset_id, number=number, reason=str(error))
            return
        if last:
            send(app, COMMIT_DATASET, dataset_id)

    def commit_dataset(dataset_id: str) -> None:
        try:
            build.commit_dataset(connections.records, connections.store, dataset_id)
        except (DatasetClosed, NotFound) as error:
            _log.info("commit_dropped", dataset=dataset_id, reason=str(error))

    def on_failure(_task: Any, error: Exception, _id: str, arguments: list[Any], *_: object) -> None:
        """After the last try. A fault that no retry mends ends the build, or the reaper would send it for ever."""
        if isinstance(error, AWAY):
            return
        said = (
            str(error) if isinstance(error, build.FileLost) else f"a fault in Pianola, {type(error).__name__}: {error}"
        )
        try:
            build.fail_build(connections.records, str(arguments[0]), said)
        except (DatasetClosed, NotFound) as ended:
            _log.info("failure_dropped", dataset=arguments[0], reason=str(ended))

    for task, function in ((BUILD_CHUNK, build_chunk), (COMMIT_DATASET, commit_dataset)):
        app.task(
            name=task.name,
            autoretry_for=AWAY,
            max_retries=RETRIES,
            retry_backoff=True,
            retry_jitter=True,
            on_failure=on_failure,
        )(function)
    return app
