"""The sampler as a process: one worker with threads, so that every generator is in memory once."""

from typing import Final

from apiflask import APIFlask

from pianola.settings import SamplerSettings
from pianola_http import server

# 64 windows of a large model take a few seconds on a busy core.
_GRACEFUL_SECONDS: Final = 15


def serve(settings: SamplerSettings) -> None:
    """Serve until SIGTERM. Raises NotMigrated before listening when the database is not up to date."""
    server.serve("pianola-sampler", settings, _GRACEFUL_SECONDS, lambda: _at_work(settings))


def _at_work(settings: SamplerSettings) -> APIFlask:
    """In the worker: the application, which imports torch while it already answers."""
    from pianola_sampler.app import create_app, warm_up

    app = create_app(settings)
    warm_up(app)
    return app
