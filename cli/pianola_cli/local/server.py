"""The HTTP process of `pianola up`: api and sampler under the same URLs, as the gateway joins them elsewhere."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn has no types

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SAMPLER_PATHS = re.compile(r"/v1/(models/[^/]+/samples|samples/[^/]+)/?")
"""What the sampler answers; deploy's gateway sends it the same paths."""

# gunicorn's own limit for a worker that is stuck: imports and a first torch call stay far below.
_TIMEOUT_S = 60
# What a stop waits for: a request takes milliseconds; event streams are cut and go on elsewhere by Last-Event-ID.
_GRACEFUL_TIMEOUT_S = 2


def joined(api: Wsgi, sampler: Wsgi) -> Wsgi:
    """One WSGI application: the sampler's paths go to it, all else to the api."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chosen = sampler if SAMPLER_PATHS.fullmatch(environ.get("PATH_INFO", "")) else api
        return chosen(environ, start_response)

    return application


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with one process and many threads; settings come from the environment, as in every service."""

    def __init__(self, listening: int, threads: int) -> None:
        self._listening = listening
        self._threads = threads
        super().__init__()

    def load_config(self) -> None:
        """One worker: the sampler keeps its models in memory once, and torch must not be forked."""
        options = {
            "bind": f"fd://{self._listening}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": self._threads,
            "timeout": _TIMEOUT_S,
            "graceful_timeout": _GRACEFUL_TIMEOUT_S,
            "control_socket_disable": True,
            "proc_name": "pianola",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        """Make both applications, in the worker."""
        from pianola.settings import ApiSettings, SamplerSettings
        from pianola_api.app import create_app as create_api
        from pianola_sampler.app import create_app as create_sampler

        return joined(create_api(ApiSettings()), create_sampler(SamplerSettings()))


def main() -> None:
    """Serve on the listening socket whose number is the first argument."""
    threads = int(os.environ.get("PIANOLA_THREADS", "16"))
    _Server(int(sys.argv[1]), threads).run()


if __name__ == "__main__":
    main()
