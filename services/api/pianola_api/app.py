"""From settings to the application."""

from types import ModuleType
from typing import Final

from apiflask import APIFlask

from pianola.settings import ApiSettings
from pianola_api import (
    comparisons,
    contents,
    datasets,
    documentation,
    errors,
    events,
    imports,
    keys,
    models,
    openapi,
    page,
    results,
    runs,
)
from pianola_api.context import Context
from pianola_http import service
from pianola_http.context import EXTENSION
from pianola_http.lifecycle import Upload
from pianola_http.service import Service

_VERSIONED: Final[tuple[ModuleType, ...]] = (
    datasets,
    contents,
    imports,
    runs,
    results,
    comparisons,
    events,
    models,
    keys,
)
_PLAIN: Final[tuple[ModuleType, ...]] = (page, documentation)
# The largest JSON request is a run's options: well below a kilobyte.
_JSON_BYTES: Final = 2**20


def create_app(settings: ApiSettings) -> APIFlask:
    """The api as a WSGI application. Nothing connects until a request needs it."""
    api = Service(
        name="api",
        title="Pianola",
        description=openapi.DESCRIPTION,
        listing="/docs",
        json_bytes=_JSON_BYTES,
        problems=errors.KINDS,
        complete=openapi.complete,
        uploads={
            "datasets.add_files": Upload("multipart/form-data", settings.max_upload_bytes),
            "datasets.label": Upload("text/csv", datasets.LABEL_BYTES),
        },
    )
    app = service.create_app(api, Context(settings))
    for module in _VERSIONED:
        app.register_blueprint(module.blueprint, url_prefix="/v1")
    for module in _PLAIN:
        app.register_blueprint(module.blueprint)
    return app


def context_of(app: APIFlask) -> Context:
    """What the application's requests work with."""
    context: Context = app.extensions[EXTENSION]
    return context
