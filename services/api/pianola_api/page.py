"""The studio: its page at / and its files below /studio."""

from pathlib import Path
from typing import Final

from apiflask import APIBlueprint
from flask import Response, send_from_directory

from pianola_http.authentication import open_to_all

_FILES: Final = Path(__file__).parent / "studio"
POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

blueprint = APIBlueprint("page", __name__, enable_openapi=False)
open_to_all(blueprint)


@blueprint.get("/")
def index() -> Response:
    """The page"""
    return _file("index.html")


@blueprint.get("/studio/<path:name>")
def studio(name: str) -> Response:
    """A file of the page"""
    return _file(name)


def _file(name: str) -> Response:
    # Validated at every use: the page has no build step, so its files' names do not change with their content.
    response = send_from_directory(_FILES, name, etag=True, conditional=True, max_age=0)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = POLICY
    return response
