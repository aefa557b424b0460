"""The HTTP process of `pianola up`: api and sampler under the same URLs, as the gateway joins them elsewhere."""

from __future__ import annotations

import re
import signal
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn has no types

from pianola.logs import configure_logs
from pianola.records.reaper import start_reaper
from pianola.settings import ApiSettings, SamplerSettings

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SAMPLER_PATHS = re.compile(r"/v1/(models/[^/]+/samples|samples/[^/]+)/?")
"""What the sampler answers; the gateway of a deployment sends it the same paths."""

# gunicorn ends a worker whose main loop stands still this long; requests run in threads and may take longer.
_TIMEOUT_S = 60
# Requests take milliseconds; event streams end at once and go on elsewhere by their Last-Event-ID.
_GRACEFUL_TIMEOUT_S = 2
# Longer than a client pauses between requests: its connection is still there for the next.
_KEEPALIVE_S = 75


def joined(api: Wsgi, sampler: Wsgi) -> Wsgi:
    """One WSGI application: the sampler's paths go to it, all else to the api."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chosen = sampler if SAMPLER_PATHS.fullmatch(environ.get("PATH_INFO", "")) else api
        return chosen(environ, start_response)

    return application


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with one worker and many threads: the sampler keeps its models in memory once."""

    def __init__(self, listening: int, settings: ApiSettings) -> None:
        self._listening = listening
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """How to serve; where is decided by the supervisor, which listens already."""
        options: dict[str, Any] = {
            "bind": f"fd://{self._listening}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": self._settings.threads,
            "timeout": _TIMEOUT_S,
            "graceful_timeout": _GRACEFUL_TIMEOUT_S,
            "keepalive": _KEEPALIVE_S,
            "control_socket_disable": True,
            "proc_name": "pianola",
            "post_worker_init": self._begin,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        """Make both applications, in the worker."""
        from pianola_api.app import context_of, create_app
        from pianola_sampler.app import create_app as create_sampler

        api = create_app(self._settings)
        self._api = context_of(api)
        return joined(api, create_sampler(SamplerSettings()))

    def _begin(self, worker: Any) -> None:
        """In the worker: start the api's reaper, and end its streams when the process is told to stop."""
        start_reaper(self._api.records, self._api.celery, self._api.closing)
        graceful: Callable[[int, types.FrameType | None], None] = worker.handle_exit

        def stop(number: int, frame: types.FrameType | None) -> None:
            self._api.closing.set()
            graceful(number, frame)

        signal.signal(signal.SIGTERM, stop)


def main() -> None:
    """Serve on the listening socket whose number is the first argument; settings come from the environment."""
    settings = ApiSettings()
    configure_logs(settings, "http")
    _Server(int(sys.argv[1]), settings).run()


if __name__ == "__main__":
    main()
