"""The api as a process: it serves, and a reaper works beside the requests."""

from typing import Final

from apiflask import APIFlask

from pianola.objects import connect_store
from pianola.operations.garbage import Site
from pianola.operations.regularly import start_collecting
from pianola.records.reaper import start_reaper
from pianola.settings import ApiSettings
from pianola_http import server

# An upload of 2 GiB may still be on its way; event streams end at once and go on elsewhere by their Last-Event-ID.
_GRACEFUL_SECONDS: Final = 30


def serve(settings: ApiSettings) -> None:
    """Serve until SIGTERM. Raises NotMigrated before listening when the database is not up to date."""
    server.serve("pianola-api", settings, _GRACEFUL_SECONDS, lambda: at_work(settings))


def at_work(settings: ApiSettings) -> APIFlask:
    """In the worker: the application, its reaper started, and both told when the process is to stop."""
    from pianola_api.app import context_of, create_app

    app = create_app(settings)
    context = context_of(app)
    start_reaper(context.records, context.celery, context.closing, settings)
    if settings.gc_hours:
        start_collecting(Site(context.records, connect_store(settings), None), settings.gc_hours, context.closing)
    server.at_stop(context.closing.set)
    return app
