"""From an exception to the problem (RFC 9457) that an HTTP service answers: the same words from every service."""

from dataclasses import dataclass, field
from typing import Any, Final

from kombu.exceptions import OperationalError as BrokerAway
from sqlalchemy.exc import DBAPIError

from pianola.codec.options import BadOption
from pianola.models.presets import BadRunOptions
from pianola.objects import ObjectMissing, StoreUnavailable
from pianola.records import errors
from pianola.records.keys import Forbidden, Unauthorised
from pianola.records.states import WrongState

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """What went wrong: HTTP status, a stable code, a title, and the offending value with what to do."""

    status: int
    code: str
    title: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """The problem as JSON."""
        body = {"type": f"urn:pianola:problem:{self.code}", "title": self.title, "status": self.status}
        body |= {"detail": self.detail, "code": self.code}
        return body | ({"errors": self.errors} if self.errors else {})


_KINDS: Final[tuple[tuple[type[Exception], int, str, str], ...]] = (
    (errors.NotFound, 404, "not-found", "Not found"),
    (errors.NameTaken, 409, "name-taken", "The name is taken"),
    (errors.DatasetClosed, 409, "wrong-state", "The dataset's state does not allow this"),
    (errors.FileConflict, 409, "file-conflict", "Another file has this name"),
    (errors.StaleAttempt, 409, "stale-attempt", "Another attempt holds the run"),
    (errors.IdempotencyKeyReused, 422, "idempotency-key-reused", "The Idempotency-Key was used for another request"),
    (WrongState, 409, "wrong-state", "The run's state does not allow this"),
    (Unauthorised, 401, "unauthorised", "An API key is needed"),
    (Forbidden, 403, "forbidden", "The API key does not reach this far"),
    (ObjectMissing, 410, "object-missing", "The stored object is gone"),
    (StoreUnavailable, 503, "store-unavailable", "The object store does not answer"),
    (BrokerAway, 503, "broker-unavailable", "The message broker does not answer"),
)


def problem_of(error: Exception) -> Problem | None:
    """The problem that `error` is for a caller; None where it is a fault of ours (answer 500 and log it)."""
    if isinstance(error, BadRunOptions):
        return Problem(422, "invalid-options", "The run options are not valid", str(error), error.errors)
    if isinstance(error, BadOption):
        fields = [{"field": f"options.{error.field}", "message": error.message}]
        return Problem(422, "invalid-options", "The codec options are not valid", str(error), fields)
    if isinstance(error, DBAPIError):
        away = error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
        detail = "the database does not answer: try again in a few seconds"
        return Problem(503, "database-unavailable", "The database does not answer", detail) if away else None
    for kind, status, code, title in _KINDS:
        if isinstance(error, kind):
            return Problem(status, code, title, str(error))
    return None
