"""The page at /docs, which shows the OpenAPI document: Swagger UI from its own wheel, so no other host is asked."""

from pathlib import Path
from typing import Final

import flask_swagger_ui  # type: ignore[import-untyped]  # used for the files it holds
from apiflask import APIBlueprint
from flask import Response, send_from_directory

from pianola_http.authentication import open_to_all

_OWN: Final = Path(__file__).parent
_SWAGGER: Final = Path(flask_swagger_ui.__file__).parent / "dist"
_FILES: Final = {
    "start.js": _OWN,
    "swagger-ui-bundle.js": _SWAGGER,
    "swagger-ui-standalone-preset.js": _SWAGGER,
    "swagger-ui.css": _SWAGGER,
    "favicon-32x32.png": _SWAGGER,
}
# Swagger UI sets styles on its elements and shows its icons as data: addresses.
_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)

blueprint = APIBlueprint("documentation", __name__, enable_openapi=False)
open_to_all(blueprint)


@blueprint.get("/docs")
def docs() -> Response:
    """The page"""
    return _file(_OWN, "index.html")


@blueprint.get(f"/docs/<any({', '.join(map(repr, _FILES))}):name>")
def part(name: str) -> Response:
    """A file of the page"""
    return _file(_FILES[name], name)


def _file(folder: Path, name: str) -> Response:
    response = send_from_directory(folder, name, etag=True, conditional=True, max_age=0)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = _POLICY
    return response
