"""What happens around every request: its id, its log line, its measures, validators and security headers."""

import json
import math
import re
import time
import uuid
from typing import Any, Final

import structlog
from apiflask import APIFlask
from flask import Request, Response, g, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, NotFound, UnsupportedMediaType

from pianola_api.context import here

REQUEST_ID: Final = "X-Request-Id"
UPLOAD_ENDPOINT: Final = "datasets.add_files"
# The largest JSON request is a run's options: well below a kilobyte.
JSON_BYTES: Final = 2**20

_log = structlog.get_logger("access")
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_NOT_LOGGED: Final = frozenset({"health.livez", "health.readyz", "health.metrics"})
# Nothing but the page runs scripts; pictures need their inline styles when opened by themselves.
_CLOSED_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


class ApiRequest(Request):
    """A request that says what is wrong with its JSON; no body at all is an empty object."""

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Raise BadRequest with the parser's words."""
        if not self.get_data():
            return {}
        raise BadRequest(f"the body is not valid JSON: {e}")


class StrictJson(DefaultJSONProvider):
    """JSON as its standard has it: no NaN or Infinity (answered as null), and no nesting that exhausts the stack."""

    sort_keys = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write `obj`."""
        try:
            return super().dumps(obj, allow_nan=False, **kwargs)
        except ValueError:
            return super().dumps(_finite(obj), allow_nan=False, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse `s`. Raises ValueError."""
        try:
            return json.loads(s, parse_constant=_no_constant, **kwargs)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


def _finite(value: Any) -> Any:
    """`value` with null for every number that JSON has no word for, such as the loss of a run that blew up."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def register(app: APIFlask) -> None:
    """Do all of it for `app`."""
    app.request_class = ApiRequest
    app.json = StrictJson(app)
    app.before_request(_begin)
    app.before_request(_check)
    app.after_request(_finish)


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
    # Request threads inherit no context from the one that configured the logs.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service="api", request_id=g.request_id)


def _check() -> None:
    """What no handler should have to think of: NUL in an address, bodies of another kind or size than taken here."""
    if "\0" in request.path:
        raise NotFound
    if "%00" in request.query_string.decode("latin-1"):
        raise BadRequest("the query holds a NUL character")
    upload = request.endpoint == UPLOAD_ENDPOINT
    request.max_content_length = here().settings.max_upload_bytes if upload else JSON_BYTES
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    wanted = "multipart/form-data" if upload else "application/json"
    if request.method == "POST" and request.url_rule and (has_body or upload) and request.mimetype != wanted:
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
    if request.endpoint not in _NOT_LOGGED:
        _log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
        )
    return response
