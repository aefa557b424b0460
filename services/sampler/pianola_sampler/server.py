"""The sampler as a process: one gunicorn worker with threads, so that every generator is in memory once."""

from typing import Any, Final

from apiflask import APIFlask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from pianola.records import open_records
from pianola.records.migrate import check
from pianola.settings import SamplerSettings

# gunicorn ends a worker whose main loop stands still this long; requests run in threads and may take longer.
_TIMEOUT_SECONDS: Final = 60
# 64 windows of a large model take a few seconds on a busy core.
_GRACEFUL_SECONDS: Final = 15
# Longer than the gateway keeps an idle connection (60 s), so that it never sends into one that closes.
_KEEPALIVE_SECONDS: Final = 75


def serve(settings: SamplerSettings) -> None:
    """Serve until SIGTERM. Raises NotMigrated before listening when the database is not up to date."""
    records = open_records(settings.database_url)
    check(records)
    # The worker is forked from this process and opens its own connections.
    records.dispose()
    _Server(settings).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One worker, which imports torch after the fork: torch's threads do not survive one."""

    def __init__(self, settings: SamplerSettings) -> None:
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
            "proc_name": "pianola-sampler",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> APIFlask:
        """Make the application, in the worker, and let it import torch while it already answers."""
        from pianola_sampler.app import create_app, warm_up

        app = create_app(self._settings)
        warm_up(app)
        return app
