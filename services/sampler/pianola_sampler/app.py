"""From settings to the application."""

from importlib.metadata import version

from apiflask import APIFlask

from pianola.settings import SamplerSettings
from pianola_sampler import errors, health, lifecycle, openapi, samples
from pianola_sampler.context import EXTENSION, Context


def create_app(settings: SamplerSettings) -> APIFlask:
    """The sampler as a WSGI application. Nothing connects, and torch is not imported, until a request needs it."""
    app = APIFlask(
        "pianola_sampler",
        title="Pianola sampler",
        version=version("pianola-sampler"),
        docs_path=None,
        docs_oauth2_redirect_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask takes None for no folder; the hint here forgot it
    )
    app.extensions[EXTENSION] = Context(settings)
    lifecycle.register(app)
    errors.register(app)
    openapi.describe(app)
    app.register_blueprint(samples.blueprint, url_prefix="/v1")
    app.register_blueprint(health.blueprint)
    return app


def warm_up(app: APIFlask) -> None:
    """Begin to import torch in the background: 2 to 3 s that the first sample does not wait for."""
    context: Context = app.extensions[EXTENSION]
    context.generators.warm_up()
