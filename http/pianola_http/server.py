"""A service as a process: one gunicorn worker with many threads."""

import signal
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from pianola.records import open_records
from pianola.records.migrate import check
from pianola.settings import HttpSettings

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# gunicorn ends a worker whose main loop stands still this long; requests run in threads and may take longer.
_TIMEOUT_SECONDS: Final = 60
# Longer than the gateway keeps an idle connection (60 s), so that it never sends into one that closes.
_KEEPALIVE_SECONDS: Final = 75


class _Logs(Logger):  # type: ignore[misc]  # gunicorn has no types
    """The server's own lines take the road of all others: see pianola.logs."""

    def setup(self, cfg: Any) -> None:
        """Leave the handlers to the root."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One worker: services wait for databases and disks, which threads do as well as processes.

    `make` is called in the worker, after the fork: the threads of torch do not survive one.
    """

    def __init__(self, name: str, bind: str, threads: int, graceful_seconds: int, make: Callable[[], Wsgi]) -> None:
        self._options = {
            "proc_name": name,
            "logger_class": _Logs,
            "bind": bind,
            "workers": 1,
            "worker_class": "gthread",
            "threads": threads,
            "timeout": _TIMEOUT_SECONDS,
            "graceful_timeout": graceful_seconds,
            "keepalive": _KEEPALIVE_SECONDS,
            "control_socket_disable": True,
        }
        self._make = make
        super().__init__()

    def load_config(self) -> None:
        """Settings, not command lines, say how to serve."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        """Make the application, in the worker."""
        return self._make()


def serve(name: str, settings: HttpSettings, graceful_seconds: int, make: Callable[[], Wsgi]) -> None:
    """Serve what `make` makes until SIGTERM, and then for `graceful_seconds` what has begun.

    Raises NotMigrated before listening when the database is not up to date.
    """
    records = open_records(settings.database_url)
    check(records)
    # The worker is forked from this process and opens its own connections.
    records.dispose()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    Server(name, f"{host}:{settings.port}", settings.threads, graceful_seconds, make).run()


def at_stop(action: Callable[[], object], finished: Callable[[], object] = lambda: None) -> None:
    """In the worker: do `action` when the process is told to stop, before the server lets requests finish.

    Until `finished` returns, the server answers new ones, too.
    """
    graceful = signal.getsignal(signal.SIGTERM)
    assert callable(graceful)  # the worker's own

    def end(number: int) -> None:
        finished()
        graceful(number, None)

    def stop(number: int, _: types.FrameType | None) -> None:
        action()
        # Not waited for here: the server's loop, which the signal interrupts, is what answers meanwhile.
        threading.Thread(target=end, args=(number,), daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
