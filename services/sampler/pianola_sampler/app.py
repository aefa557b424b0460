"""From settings to the application."""

from typing import Final

from apiflask import APIFlask

from pianola.settings import SamplerSettings
from pianola_http import service
from pianola_http.context import EXTENSION
from pianola_http.service import Service
from pianola_sampler import errors, openapi, samples
from pianola_sampler.context import Context

_SAMPLER: Final = Service(
    name="sampler",
    title="Pianola sampler",
    description=openapi.DESCRIPTION,
    listing="/openapi.json",
    # A request names a seed and a few options: far below a kilobyte.
    json_bytes=2**16,
    problems=errors.KINDS,
    complete=openapi.complete,
)


def create_app(settings: SamplerSettings) -> APIFlask:
    """The sampler as a WSGI application. Nothing connects, and torch is not imported, until a request needs it."""
    app = service.create_app(_SAMPLER, Context(settings))
    app.register_blueprint(samples.blueprint, url_prefix="/v1")
    return app


def warm_up(app: APIFlask) -> None:
    """Begin to import torch in the background: 2 to 3 s that the first sample does not wait for."""
    context: Context = app.extensions[EXTENSION]
    context.generators.warm_up()
