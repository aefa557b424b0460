"""What happens around every request: its id, its log line, its measures, validators and security headers."""

import json
import re
import time
import uuid
from typing import Any, Final

import structlog
from apiflask import APIFlask
from flask import Request, Response, g, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, NotFound, UnsupportedMediaType

from pianola_sampler.context import here

REQUEST_ID: Final = "X-Request-Id"
# A request names a seed and a few options: far below a kilobyte.
JSON_BYTES: Final = 2**16

_log = structlog.get_logger("access")
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_NOT_LOGGED: Final = frozenset({"health.livez", "health.readyz", "health.metrics"})
_CLOSED_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"


class SamplerRequest(Request):
    """A request that says what is wrong with its JSON; no body at all is an empty object."""

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Raise BadRequest with the parser's words."""
        if not self.get_data():
            return {}
        raise BadRequest(f"the body is not valid JSON: {e}")


class StrictJson(DefaultJSONProvider):
    """JSON as its standard has it: no NaN or Infinity, and no nesting that exhausts the stack."""

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Parse `s`. Raises ValueError."""
        try:
            return json.loads(s, parse_constant=_no_constant, **kwargs)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def register(app: APIFlask) -> None:
    """Do all of it for `app`."""
    app.request_class = SamplerRequest
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
    structlog.contextvars.bind_contextvars(service="sampler", request_id=g.request_id)


def _check() -> None:
    """What no handler should have to think of: NUL in an address, bodies of another kind or size than taken here."""
    if "\0" in request.path:
        raise NotFound
    request.max_content_length = JSON_BYTES
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    if request.method == "POST" and request.url_rule and has_body and request.mimetype != "application/json":
        raise UnsupportedMediaType(f"send application/json, not {request.mimetype or 'a body without Content-Type'}")


def _finish(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Content-Security-Policy"] = _CLOSED_POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    if request.method in ("GET", "HEAD") and response.status_code == 200 and request.endpoint not in _NOT_LOGGED:
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
