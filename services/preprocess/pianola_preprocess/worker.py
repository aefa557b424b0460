"""The Celery worker: which tasks it takes, when it tries again, and how it stops."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import structlog
from celery import Celery
from celery.signals import worker_process_shutdown
from sqlalchemy.exc import InterfaceError, OperationalError

from pianola.objects import ObjectStore, StoreUnavailable, open_store
from pianola.queue import BUILD_CHUNK, COMMIT_DATASET, IMPORT_FILES, PLAN_BUILD, Task, create_celery, send
from pianola.records import Records, builds, open_records
from pianola.records.errors import DatasetClosed, NotFound
from pianola.settings import PreprocessSettings
from pianola.spool import Spool, is_full
from pianola_preprocess.chunk import OtherCodec, build_chunk
from pianola_preprocess.commit import commit_dataset, fail_build
from pianola_preprocess.fetching import FileLost
from pianola_preprocess.importing import fail_import, run_import
from pianola_preprocess.reading.reader import Reader, ReaderUnavailable
from pianola_preprocess.under_way import UnderWay


class DiskFull(RuntimeError):
    """There is no room in the spool."""


AWAY: Final = (StoreUnavailable, OperationalError, InterfaceError, DiskFull)
"""The store or the database does not answer, or the disk is full: no fault of the task, which is tried again."""
RETRIES: Final = 5
"""After 1, 2, 4, 8 and 16 s, each shortened by chance: 31 s at most. From then on the reaper sends it every 30 s."""

_TOLD: Final = (FileLost, OtherCodec, ReaderUnavailable)
"""Reasons to end a build that say what to do; any other is a fault."""

_log = structlog.get_logger("worker")


class Connections:
    """Records, store and reader of one process, opened when its first task asks: none of them crosses a fork."""

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

    @cached_property
    def reader(self) -> Reader:
        """The reader, whose own process starts with its first file."""
        return Reader()

    def close(self, **_: object) -> None:
        """End the reader's process, so that it is waited for and leaves no zombie behind."""
        if "reader" in self.__dict__:
            self.reader.close()


def create_worker(settings: PreprocessSettings, spool: Spool) -> Celery:
    """A Celery app with this service's tasks; nothing connects until it is used."""
    app = create_celery(settings, "pianola_preprocess")
    app.conf.update(
        worker_concurrency=settings.concurrency,
        # A chunk is idempotent: its message is kept until the work is done, and comes back when the process dies.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # A chunk takes 0.2 to 5 s, 50 of them 10 s at least: a fork of 20 ms costs nothing and gives all memory back.
        worker_max_tasks_per_child=50,
        # A stop waits 5 s for chunks under way. A chunk is 1,024 files and 3 MiB at most: 0.6 s to fetch at 5 ms a file
        # and 8 at a time (2.6 s at 20 ms), 1.5 s to read and pack, 0.3 s to record. What is left goes back to the
        # queue, an import too. With 2 s for closing that is within the 9 s of `pianola up` and the 10 s of a
        # container. Needs REMAP_SIGTERM=SIGQUIT.
        worker_soft_shutdown_timeout=5,
        # Logs go to standard error by themselves.
        worker_redirect_stdouts=False,
    )
    connections = Connections(settings)
    worker_process_shutdown.connect(connections.close, weak=False)
    tasks = _Tasks(app, settings, connections, spool)
    for task, function, on_failure in (
        (PLAN_BUILD, tasks.plan_build, tasks.build_failed),
        (BUILD_CHUNK, tasks.build_chunk, tasks.build_failed),
        (COMMIT_DATASET, tasks.commit_dataset, tasks.build_failed),
        (IMPORT_FILES, tasks.import_files, tasks.import_failed),
    ):
        app.task(
            name=task.name,
            autoretry_for=(*AWAY, ReaderUnavailable),
            max_retries=RETRIES,
            retry_backoff=True,
            retry_jitter=True,
            on_failure=tasks.unless_away(on_failure),
        )(tasks.begun(task, function))
    return app


class _Tasks:
    """The tasks, and what to do when one failed for good."""

    def __init__(self, app: Celery, settings: PreprocessSettings, connections: Connections, spool: Spool) -> None:
        self._app, self._settings, self._connections, self._spool = app, settings, connections, spool
        # A process does one task at a time.
        self._under_way = UnderWay()

    def begun(self, task: Task, function: Callable[..., None]) -> Callable[..., None]:
        """`function`, which ends quietly where what it was sent for is gone or has ended; its lines name that."""
        subject = "import_id" if task is IMPORT_FILES else "dataset"

        def run(*ids: str | int) -> None:
            self._under_way = UnderWay()
            with structlog.contextvars.bound_contextvars(**{subject: ids[0]}):
                try:
                    function(*ids)
                except (DatasetClosed, NotFound) as error:
                    _log.info("task_dropped", task=task.name, ids=ids, reason=str(error))
                except Exception as error:
                    self._under_way.error = error
                    raise

        return run

    def unless_away(self, failed: Callable[[Exception, str], None]) -> Callable[..., None]:
        """Celery's `on_failure`, after the last try; what was away will be back, and the reaper sends it again."""

        def on_failure(_task: Any, error: Exception, _id: str, arguments: list[Any], *_: object) -> None:
            raised = self._under_way.error or error
            if isinstance(raised, AWAY):
                return
            try:
                failed(raised, str(arguments[0]))
            except (DatasetClosed, NotFound) as ended:
                _log.info("failure_dropped", id=arguments[0], reason=str(ended))

        return on_failure

    def plan_build(self, dataset_id: str) -> None:
        """Order the files, cut them into chunks and send those that are to do."""
        with self._connections.records.write() as session:
            builds.plan(session, dataset_id)
            waiting = builds.next_tasks(session, dataset_id)
        for task, ids in waiting:
            # Where the broker is away the reaper sends the rest.
            if not send(self._app, task, *ids):
                break

    def build_chunk(self, dataset_id: str, number: int) -> None:
        """Build a chunk; whoever finishes the last one asks for the commit."""
        connections = self._connections
        where = (connections.records, connections.store, connections.reader)
        if build_chunk(*where, dataset_id, number, self._under_way):
            send(self._app, COMMIT_DATASET, dataset_id)

    def commit_dataset(self, dataset_id: str) -> None:
        """Write the manifest and end the build."""
        try:
            commit_dataset(self._connections.records, self._connections.store, self._spool, dataset_id, self._under_way)
        except OSError as error:
            raise (DiskFull(str(error)) if is_full(error) else error) from error

    def import_files(self, import_id: str) -> None:
        """Fetch what an import names into its dataset."""
        run_import(self._connections.records, self._connections.store, self._settings, import_id)

    def build_failed(self, error: Exception, dataset_id: str) -> None:
        """A fault that no retry mends ends the build, or the reaper would send it for ever."""
        said = str(error) if isinstance(error, _TOLD) else _fault(error)
        fail_build(self._connections.records, dataset_id, said, self._under_way.build)

    def import_failed(self, error: Exception, import_id: str) -> None:
        """The same for an import."""
        fail_import(self._connections.records, import_id, _fault(error))


def _fault(error: Exception) -> str:
    return f"a fault in Pianola, {type(error).__name__}: {error}"
