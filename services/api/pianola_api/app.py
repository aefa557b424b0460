"""From settings to the application."""

from importlib.metadata import version
from types import ModuleType
from typing import Final

from apiflask import APIFlask

from pianola.settings import ApiSettings
from pianola_api import (
    datasets,
    documentation,
    errors,
    events,
    health,
    keys,
    lifecycle,
    models,
    openapi,
    page,
    results,
    runs,
)
from pianola_api.context import EXTENSION, Context

_VERSIONED: Final[tuple[ModuleType, ...]] = (datasets, runs, results, events, models, keys)
_PLAIN: Final[tuple[ModuleType, ...]] = (health, page, documentation)


def create_app(settings: ApiSettings) -> APIFlask:
    """The api as a WSGI application. Nothing connects until a request needs it."""
    app = APIFlask(
        "pianola_api",
        title="Pianola",
        version=version("pianola-api"),
        docs_path=None,
        docs_oauth2_redirect_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask itself takes None: no /static
    )
    app.extensions[EXTENSION] = Context(settings)
    lifecycle.register(app)
    errors.register(app)
    openapi.describe(app)
    for module in _VERSIONED:
        app.register_blueprint(module.blueprint, url_prefix="/v1")
    for module in _PLAIN:
        app.register_blueprint(module.blueprint)
    return app


def context_of(app: APIFlask) -> Context:
    """What the application's requests work with."""
    context: Context = app.extensions[EXTENSION]
    return context
