"""The sampler as a process: one worker with threads, so that every generator is in memory once."""

import sys
from typing import Final

from apiflask import APIFlask

from pianola.settings import SamplerSettings
from pianola_http import server

# Beyond a request's deadline, to write what was drawn in its form and send it.
_WRITING_SECONDS: Final = 5
# Of the interpreter: whoever has windows ready waits this long for who is writing an answer. Python's own 5 ms are as
# long as it takes to draw two windows, and a request passes from thread to thread a dozen times.
_SWITCH_SECONDS: Final = 0.0005


def serve(settings: SamplerSettings) -> None:
    """Serve until SIGTERM. Raises NotMigrated before listening when the database is not up to date."""
    graceful = round(settings.deadline_seconds) + _WRITING_SECONDS
    server.serve("pianola-sampler", settings, graceful, lambda: _at_work(settings))


def _at_work(settings: SamplerSettings) -> APIFlask:
    """In the worker: the application, warming up while it already answers.

    Told to stop, it draws what has begun and answers 503 to who asks for more; then the server ends.
    """
    from pianola_sampler.app import context_of, create_app

    sys.setswitchinterval(_SWITCH_SECONDS)
    app = create_app(settings)
    context = context_of(app)
    context.warming.begin()
    server.at_stop(context.admission.stop, context.admission.drained)
    return app
