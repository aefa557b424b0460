"""From what tells one service from another to its application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from apiflask import APIFlask

from pianola_http import health, lifecycle, openapi
from pianola_http.context import EXTENSION, Context
from pianola_http.lifecycle import Upload
from pianola_http.openapi import Document
from pianola_http.problems import Kind, Problems
from pianola_http.strict_json import JsonRequest, StrictJson


@dataclass(frozen=True)
class Service:
    """What tells one service from another.

    name: stands in its log; its package is `pianola_NAME`
    title, description: of its OpenAPI document, which `complete` adds the service's own to
    listing: the address that lists all others, for who asks for one that is not there
    document: the address of its OpenAPI document, its own where services share a gateway
    json_bytes: the largest JSON body
    uploads: endpoints that take something else instead
    problems: exceptions that it alone raises, and how each is answered
    """

    name: str
    title: str
    description: str
    listing: str
    json_bytes: int
    problems: tuple[Kind, ...]
    complete: Callable[[Document], None]
    document: str = "/openapi.json"
    uploads: Mapping[str, Upload] = field(default_factory=dict)


def create_app(service: Service, context: Context) -> APIFlask:
    """The application of `service` with what all services answer; its own blueprints are still to be registered."""
    app = APIFlask(
        f"pianola_{service.name}",
        title=service.title,
        version=version(f"pianola-{service.name}"),
        spec_path=service.document,
        docs_path=None,
        docs_oauth2_redirect_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask itself takes None: no /static
    )
    app.extensions[EXTENSION] = context
    app.request_class = JsonRequest
    app.json = StrictJson(app)
    lifecycle.register(app, service.name, service.json_bytes, service.uploads)
    Problems(service.problems, service.listing).register(app)
    openapi.describe(app, service.description, service.complete)
    app.register_blueprint(health.blueprint)
    return app
