"""The HTTP process of `pianola up`: api and sampler under the same URLs, as the gateway joins them elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from pianola.logs import configure_logs
from pianola.settings import ApiSettings, SamplerSettings
from pianola_http.server import Server, Wsgi, at_stop

SAMPLER_PATHS = re.compile(r"/v1/(models/[^/]+/[^/]+|samples/[^/]+)/?|/sampler/openapi\.json")
"""What the sampler answers; the gateway of a deployment sends it the same paths."""

# Requests take milliseconds; event streams end at once and go on elsewhere by their Last-Event-ID.
_GRACEFUL_SECONDS = 2


def joined(api: Wsgi, sampler: Wsgi) -> Wsgi:
    """One WSGI application: the sampler's paths go to it, all else to the api."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chosen = sampler if SAMPLER_PATHS.fullmatch(environ.get("PATH_INFO", "")) else api
        return chosen(environ, start_response)

    return application


def _both(settings: ApiSettings) -> Wsgi:
    """In the worker: both applications."""
    from pianola_api.server import at_work
    from pianola_sampler.app import context_of, create_app

    # The threads are shared: a quarter of them may wait for samples.
    sampler = create_app(SamplerSettings(queue=max(1, settings.threads // 4)))
    at_stop(context_of(sampler).admission.stop)
    return joined(at_work(settings), sampler)


def main() -> None:
    """Serve on the listening socket whose number is the first argument; settings come from the environment."""
    settings = ApiSettings()
    configure_logs(settings, "http")
    listening = f"fd://{sys.argv[1]}"
    Server("pianola", listening, settings.threads, _GRACEFUL_SECONDS, lambda: _both(settings)).run()


if __name__ == "__main__":
    main()
