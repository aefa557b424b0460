"""The reaper: takes back what lost its worker, sends again what lost its message, and forgets old samples. Every api
and worker process runs one; there is no leader, the rows decide.
"""

import os
import random
import threading

import structlog
from celery import Celery
from sqlalchemy.exc import DBAPIError

from pianola.queue import EVALUATE_RUN, IMPORT_FILES, TRAIN_RUN, send
from pianola.records import builds, evaluations, imports, leases, samples
from pianola.records.open import Records
from pianola.settings import ReapingSettings

_log = structlog.get_logger("reaper")


def reap_once(records: Records, celery: Celery, resend_seconds: float, samples_days: float | None = None) -> None:
    """One round. Raises DBAPIError when the database is away."""
    if samples_days is not None:
        with records.write() as session:
            forgotten = samples.forget_old(session, samples_days)
        if forgotten:
            _log.info("samples_forgotten", samples=forgotten)
    with records.write() as session:
        lost_runs = leases.reap(session) + leases.stale_queued(session, resend_seconds)
        lost_evaluations = evaluations.stale(session, resend_seconds)
        lost_imports = imports.stale(session, resend_seconds)
        lost_builds = builds.stale_builds(session, resend_seconds)
        lost_tasks = [builds.next_tasks(session, dataset_id) for dataset_id in lost_builds]
    for run_id, queue in lost_runs:
        send(celery, TRAIN_RUN, run_id, queue=queue)
    for evaluation_id in lost_evaluations:
        send(celery, EVALUATE_RUN, evaluation_id)
    for import_id in lost_imports:
        send(celery, IMPORT_FILES, import_id)
    for tasks in lost_tasks:
        for task, ids in tasks:
            # Where the broker is away, a build's other thousand chunks would only wait for it in turn.
            if not send(celery, task, *ids):
                break


def start_reaper(
    records: Records, celery: Celery, stop: threading.Event, settings: ReapingSettings
) -> threading.Thread:
    """Reap in a daemon thread until `stop` is set."""
    between_rounds = threading.Lock()
    # A Celery worker forks its children from this process. A child forked in mid-round would inherit locks of the
    # database's driver that nobody there lets go.
    os.register_at_fork(
        before=between_rounds.acquire, after_in_parent=between_rounds.release, after_in_child=between_rounds.release
    )
    arguments = (records, celery, stop, settings, between_rounds)
    thread = threading.Thread(target=_loop, args=arguments, name="reaper", daemon=True)
    thread.start()
    return thread


def _loop(
    records: Records,
    celery: Celery,
    stop: threading.Event,
    settings: ReapingSettings,
    between_rounds: threading.Lock,
) -> None:
    pause = settings.reap_seconds
    # Chance keeps processes that started together from asking together.
    while not stop.wait(pause * random.uniform(0.8, 1.2)):
        try:
            with between_rounds:
                reap_once(records, celery, settings.resend_seconds, settings.samples_days)
            pause = settings.reap_seconds
        except DBAPIError as error:
            # Every lease looks old then: workers get one lease's time to renew theirs before anything is taken.
            pause = settings.lease_seconds
            _log.warning("database_away", error=str(error.orig), pause_seconds=pause)
