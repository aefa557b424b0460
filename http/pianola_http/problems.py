"""Every error as a problem (RFC 9457): what the shared code raises, a service raises, and the framework raises."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from pianola.problems import MEDIA_TYPE, Problem, problem_of
from pianola_http.authentication import OtherSite
from pianola_http.health import NotReady
from pianola_http.idempotency import BadIdempotencyKey

Kind = tuple[type[Exception], int, str, str]
"""An exception, and the status, code and title that it is answered with; its `errors`, if it has any, name fields,
and its `retry_after` says in how many seconds to ask again."""

_log = structlog.get_logger("problems")
_KINDS: Final[tuple[Kind, ...]] = (
    (BadIdempotencyKey, 400, "bad-idempotency-key", "The Idempotency-Key cannot be used"),
    (NotReady, 503, "not-ready", "The service is not ready"),
    (OtherSite, 403, "other-site", "Requests from other sites are not answered"),
)
# A restart of the broker, the database or the store takes seconds; an event stream's place is free when another closes.
_RETRY_AFTER_SECONDS: Final = 5
_TITLES: Final = {413: "Content Too Large"}  # as RFC 9110 has it
_DETAILS: Final = {
    405: "this address does not take this method: see Allow",
    413: "the request is larger than this address takes",
}


@dataclass(frozen=True)
class Problems:
    """Answers the errors of one service: `kinds` are those that it alone raises, `listing` lists its addresses."""

    kinds: tuple[Kind, ...]
    listing: str

    def register(self, app: APIFlask) -> None:
        """Answer every error of `app` with a problem."""
        app.register_error_handler(HTTPError, _of_validation)
        app.register_error_handler(HTTPException, self._of_framework)
        app.register_error_handler(Exception, self._of_exception)

    def _of_exception(self, error: Exception) -> Response:
        problem = problem_of(error)
        for kind, status, code, title in _KINDS + self.kinds:
            if isinstance(error, kind):
                problem = Problem(status, code, title, str(error), getattr(error, "errors", []))
        if problem is not None:
            if problem.status >= 500:
                _log.warning("unavailable", code=problem.code, error=str(error))
            retry_after = getattr(error, "retry_after", None)
            return _answer(problem, {} if retry_after is None else {"Retry-After": str(retry_after)})
        _log.error("failed", method=request.method, path=request.path, exc_info=error)
        detail = f"the fault is ours; it is in the log under request id {g.request_id}"
        return _answer(Problem(500, "internal-error", "Something went wrong", detail))

    def _of_framework(self, error: HTTPException) -> Response | HTTPException:
        status = error.code or 500
        if status < 400:
            return error  # a redirect to the address with single slashes
        title = _TITLES.get(status) or error.name
        details = _DETAILS | {404: f"there is nothing at this address: {self.listing} lists what there is"}
        detail = details.get(status) or error.description or title
        if status == 413 and request.max_content_length is not None:
            detail = f"{detail}: {request.max_content_length:,} bytes"
        headers = {name: value for name, value in error.get_headers(request.environ) if name != "Content-Type"}
        return _answer(Problem(status, title.lower().replace(" ", "-"), title, detail), headers)


def _of_validation(error: HTTPError) -> Response:
    """APIFlask's validation errors, {place: {field: [message, ...]}}, as one entry for each message."""
    found: Mapping[str, Mapping[str, list[str]]] = error.detail
    errors = [
        {"field": "body" if name == "_schema" else name, "message": message.removeprefix("Value error, ")}
        for fields in found.values()
        for name, messages in fields.items()
        for message in messages
    ]
    detail = "; ".join(f"{entry['field']}: {entry['message']}" for entry in errors)
    return _answer(Problem(error.status_code, "invalid-request", "The request is not valid", detail, errors))


def _answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    response = Response(current_app.json.dumps(problem.body()), problem.status, mimetype=MEDIA_TYPE)
    response.headers.update(headers or {})
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if problem.status == 503:
        response.headers.setdefault("Retry-After", str(_RETRY_AFTER_SECONDS))
    return response
