"""What happens around every request: its id, its log line, its measures, validators and security headers."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from apiflask import APIFlask
from flask import Response, g, request
from werkzeug.exceptions import BadRequest, NotFound, UnsupportedMediaType

from pianola_http.context import here
from pianola_http.health import ENDPOINTS

REQUEST_ID: Final = "X-Request-Id"

_log = structlog.get_logger("access")
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_NAMED: Final = frozenset({"run", "dataset", "sample", "import_id"})
# Nothing but the page runs scripts; pictures need their inline styles when opened by themselves.
_CLOSED_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


@dataclass(frozen=True)
class Upload:
    """What an endpoint takes instead of JSON: a media type, and the most bytes of it."""

    media_type: str
    most_bytes: int


def register(app: APIFlask, service: str, json_bytes: int, uploads: Mapping[str, Upload]) -> None:
    """Do all of it for `app`, which logs as `service`.

    A body is JSON of at most `json_bytes`, but at the endpoints of `uploads` what they say.
    """
    app.before_request(partial(_begin, service))
    app.before_request(partial(_check, json_bytes, uploads))
    app.after_request(_finish)


def _begin(service: str) -> None:
    g.started = time.perf_counter()
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
    # Request threads inherit no context from the one that configured the logs.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service, request_id=g.request_id)
    # The run, dataset, model ... that the address names.
    named = {name: value for name, value in (request.view_args or {}).items() if name in _NAMED}
    structlog.contextvars.bind_contextvars(**named)


def _check(json_bytes: int, uploads: Mapping[str, Upload]) -> None:
    """What no handler should have to think of: NUL in an address, bodies of another kind or size than taken here."""
    if "\0" in request.path:
        raise NotFound
    if "%00" in request.query_string.decode("latin-1"):
        raise BadRequest("the query holds a NUL character")
    upload = uploads.get(request.endpoint or "")
    request.max_content_length = upload.most_bytes if upload else json_bytes
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    wanted = upload.media_type if upload else "application/json"
    if request.method in ("POST", "PUT") and request.url_rule and (has_body or upload) and request.mimetype != wanted:
        raise UnsupportedMediaType(f"send {wanted} here, not {request.mimetype or 'a body without Content-Type'}")


def _finish(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Content-Security-Policy", _CLOSED_POLICY)
    response.headers.setdefault("Cache-Control", "private, no-cache")
    # A streamed answer would be read to its end for its length; those that can be validated have seen to it themselves.
    if request.method in ("GET", "HEAD") and response.status_code == 200 and not response.is_streamed:
        response.add_etag()
        response.make_conditional(request)
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else "none"
    here().measures.answered(request.method, route, response.status_code, seconds)
    if request.endpoint not in ENDPOINTS:
        _log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
        )
    return response
