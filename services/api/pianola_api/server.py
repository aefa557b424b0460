"""The api as a process: one gunicorn worker with threads, and a reaper beside the requests."""

import signal
import types
from collections.abc import Callable
from typing import Any, Final

from apiflask import APIFlask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from pianola.records import open_records
from pianola.records.migrate import check
from pianola.records.reaper import start_reaper
from pianola.settings import ApiSettings
from pianola_api.context import EXTENSION, Context

# gunicorn ends a worker whose main loop stands still this long; requests run in threads and may take longer.
_TIMEOUT_SECONDS: Final = 60
# An upload of 2 GiB may still be on its way; event streams end at once and go on elsewhere by their Last-Event-ID.
_GRACEFUL_SECONDS: Final = 30
# Longer than the gateway keeps an idle connection (60 s), so that it never sends into one that closes.
_KEEPALIVE_SECONDS: Final = 75


def serve(settings: ApiSettings) -> None:
    """Serve until SIGTERM. Raises NotMigrated before listening when the database is not up to date."""
    records = open_records(settings.database_url)
    check(records)
    # The worker is forked from this process and opens its own connections.
    records.dispose()
    _Server(settings).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One worker: the api waits for databases and disks, which threads do as well as processes."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Settings, not command lines, say how to serve."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options: dict[str, Any] = {
            "bind": f"{host}:{self._settings.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": self._settings.threads,
            "timeout": _TIMEOUT_SECONDS,
            "graceful_timeout": _GRACEFUL_SECONDS,
            "keepalive": _KEEPALIVE_SECONDS,
            "control_socket_disable": True,
            "proc_name": "pianola-api",
            "post_worker_init": _begin,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> APIFlask:
        """Make the application, in the worker."""
        from pianola_api.app import create_app

        return create_app(self._settings)


def _begin(worker: Any) -> None:
    """In the worker: start the reaper, and let streams and reaper know when the process is told to stop."""
    context: Context = worker.wsgi.extensions[EXTENSION]
    start_reaper(context.records, context.celery, context.closing)
    graceful: Callable[[int, types.FrameType | None], None] = worker.handle_exit

    def stop(number: int, frame: types.FrameType | None) -> None:
        context.closing.set()
        graceful(number, frame)

    signal.signal(signal.SIGTERM, stop)
