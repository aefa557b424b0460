"""`python -m pianola_preprocess`: the worker, with a reaper beside it."""

import os
import sys
import threading

# SIGTERM is a soft shutdown (see worker.py); billiard reads this when it is imported.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")

import structlog
from celery.signals import setup_logging
from sqlalchemy.exc import DBAPIError

from pianola.logs import configure_logs
from pianola.queue import PREPROCESS
from pianola.records import Records, open_records
from pianola.records.migrate import NotMigrated, check
from pianola.records.reaper import start_reaper
from pianola.settings import PreprocessSettings
from pianola.spool import Spool
from pianola_preprocess.worker import create_worker

_log = structlog.get_logger("preprocess")


def main() -> int:
    """Work until SIGTERM or SIGINT; settings come from the environment."""
    settings = PreprocessSettings()
    configure_logs(settings, "preprocess")
    # Celery leaves logging alone where somebody answers this signal.
    setup_logging.connect(_logs_are_configured)
    records = open_records(settings.database_url)
    try:
        check(records)
    except NotMigrated as error:
        _log.error("not_migrated", error=str(error))
        return 1
    except DBAPIError as error:
        _log.error("database_away", error=str(error.orig))
        return 1
    # The pool's processes are forked from this one: they open their own connections and never touch these.
    records.dispose()
    # Other services may share the spool's folder.
    spool = Spool(settings.spool / "preprocess")
    with spool.open():
        return _work(settings, records, spool)


def _work(settings: PreprocessSettings, records: Records, spool: Spool) -> int:
    app = create_worker(settings, spool)
    stop = threading.Event()
    start_reaper(records, app, stop, settings)
    worker = app.Worker(
        hostname=f"preprocess@{settings.worker}",
        queues=[PREPROCESS],
        quiet=True,
        # Nobody watches workers over the broker: the records say what is done. Heartbeats stay: one that cannot
        # be sent tells of a broker that is gone.
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    stop.set()
    return int(worker.exitcode or 0)


def _logs_are_configured(**_: object) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
