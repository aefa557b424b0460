"""The queue: a Celery app factory, the names of queues and tasks, and how a task is sent.

Messages carry ids only. The row in the records is the truth: a lost message is sent again by the reaper, a doubled
one finds nothing to claim.
"""

from dataclasses import dataclass
from typing import Any, Final

import structlog
from celery import Celery
from celery.signals import task_postrun, task_prerun
from kombu.exceptions import OperationalError

from pianola.logs import request_id
from pianola.settings import Settings, WorkerSettings

PREPROCESS: Final = "preprocess"
TRAIN: Final = "train"
TRAIN_GPU: Final = "train.gpu"
EVALUATE: Final = "evaluate"

_REQUEST: Final = "pianola_request_id"
"""The message header with the id of the request that asked for the work."""
_log = structlog.get_logger("queue")


@dataclass(frozen=True)
class Task:
    """A task's stable name and the queue it goes to; its one or two arguments are ids."""

    name: str
    queue: str


PLAN_BUILD: Final = Task("pianola.preprocess.plan_build", PREPROCESS)
"""argument: dataset id"""
BUILD_CHUNK: Final = Task("pianola.preprocess.build_chunk", PREPROCESS)
"""arguments: dataset id, chunk number"""
COMMIT_DATASET: Final = Task("pianola.preprocess.commit_dataset", PREPROCESS)
"""argument: dataset id"""
IMPORT_FILES: Final = Task("pianola.preprocess.import_files", PREPROCESS)
"""argument: import id"""
TRAIN_RUN: Final = Task("pianola.trainer.train_run", TRAIN)
"""argument: run id"""
EVALUATE_RUN: Final = Task("pianola.trainer.evaluate_run", EVALUATE)
"""argument: evaluation id"""


def create_celery(settings: Settings, name: str = "pianola") -> Celery:
    """A Celery app for `settings.broker_url`; nothing connects until it is used."""
    app = Celery(name, broker=settings.broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        # Results live in the records; a result backend would be a second truth.
        result_backend=None,
        task_ignore_result=True,
        task_default_queue=PREPROCESS,
        # The next task stays in the queue, where an idle worker can take it.
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            # A chunk takes seconds; 10 minutes is far longer than the slowest, and training is acked early.
            "visibility_timeout": 600,
            # kombu looks for unacked messages every interval x throttle seconds: 2 x 1 instead of 10 x 10.
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            # A broker that is away must not hold a request for long: the reaper sends again what was not sent.
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
        },
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1, "interval_max": 0.2},
    )
    if isinstance(settings, WorkerSettings):
        task_prerun.connect(_begin_logging)
        task_postrun.connect(_end_logging)
        # Only workers pay for importing it.
        from pianola.hearing import watch_hearing

        watch_hearing(app, settings.alive_file)
    return app


def _begin_logging(task: Any, **_: object) -> None:
    """Every line of a task has the id of the request it came of, if of one, and nothing of the task before."""
    structlog.contextvars.clear_contextvars()
    if found := (task.request.headers or {}).get(_REQUEST):
        structlog.contextvars.bind_contextvars(request_id=found)


def _end_logging(**_: object) -> None:
    structlog.contextvars.clear_contextvars()


def send(app: Celery, task: Task, *ids: str | int, queue: str | None = None) -> bool:
    """Send `task` with `ids` as its arguments to its queue, or to `queue`; False when the broker is away.

    Best effort by design: the row is committed already, and the reaper sends again what nobody claims. The id of the
    request under way, if there is one, goes with it; what the reaper sends has none.
    """
    asked = request_id()
    try:
        app.send_task(
            task.name, args=list(ids), queue=queue or task.queue, headers=None if asked is None else {_REQUEST: asked}
        )
    except OperationalError as error:
        _log.warning("task_not_sent", task=task.name, ids=ids, error=str(error))
        return False
    _log.info("task_sent", task=task.name, ids=ids)
    return True


def broker_ready(app: Celery) -> None:
    """Raise kombu's OperationalError unless the broker answers now."""
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
