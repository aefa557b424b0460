"""From settings to the application."""

from typing import Final, cast

from apiflask import APIFlask

from pianola.settings import SamplerSettings
from pianola_http import service
from pianola_http.context import EXTENSION
from pianola_http.service import Service
from pianola_sampler import errors, interpolations, maps, openapi, pieces, resemblance, samples, vectors
from pianola_sampler.context import Context

# The api, which shares its addresses, has the document at the root.
_DOCUMENT: Final = "/sampler/openapi.json"
_SAMPLER: Final = Service(
    name="sampler",
    title="Pianola sampler",
    description=openapi.DESCRIPTION,
    listing=_DOCUMENT,
    document=_DOCUMENT,
    # Two MIDI files as base64, or 64 positions of a few hundred numbers.
    json_bytes=2**21,
    problems=errors.KINDS,
    complete=openapi.complete,
)


def create_app(settings: SamplerSettings) -> APIFlask:
    """The sampler as a WSGI application. Nothing connects, and torch is not imported, until a request needs it."""
    app = service.create_app(_SAMPLER, Context(settings))
    for module in (samples, interpolations, pieces, resemblance, maps, vectors):
        app.register_blueprint(module.blueprint, url_prefix="/v1")
    return app


def context_of(app: APIFlask) -> Context:
    """The context of an application that `create_app` made."""
    return cast(Context, app.extensions[EXTENSION])
