"""One POST, one effect: the work, its events and its kept answer are one transaction; messages follow the commit."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, g, jsonify, request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from pianola import queue
from pianola.records import idempotency
from pianola_api.context import here

HEADER: Final = "Idempotency-Key"
_LONGEST: Final = 200


class BadIdempotencyKey(ValueError):
    """An Idempotency-Key that cannot be kept."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{HEADER} must be 1 to {_LONGEST} printable ASCII characters, got {key!r}")


@dataclass(frozen=True)
class Message:
    """A task to send once the work is committed."""

    task: queue.Task
    ids: tuple[str | int, ...]
    queue: str | None = None


@dataclass(frozen=True)
class Done:
    """What a POST has done: its answer, and the messages to send. `kept` replaces the body for repetitions."""

    status: int
    body: BaseModel
    messages: Sequence[Message] = ()
    kept: BaseModel | None = None


def once(work: Callable[[Session], Done], content: str | None = None) -> Response:
    """Do `work` in a write transaction and answer; a repetition under the same key gets the first answer again.

    `content` is the sha256 of a body that was streamed. What `work` raises undoes all, the key included.
    Raises BadIdempotencyKey, IdempotencyKeyReused.
    """
    key, caller = idempotency_key(), str(g.caller)
    with here().records.write() as session:
        if key is not None:
            former = idempotency.begin(session, key, caller, _digest(content))
            if former is not None:
                return _response(former.status, former.body, replayed=True)
        done = work(session)
        body = done.body.model_dump(mode="json")
        if key is not None:
            kept = body if done.kept is None else done.kept.model_dump(mode="json")
            idempotency.finish(session, key, caller, idempotency.Answer(done.status, kept))
    for message in done.messages:
        # The reaper sends what the broker does not take now; the others of the batch would only wait for it in turn.
        if not queue.send(here().celery, message.task, *message.ids, queue=message.queue):
            break
    return _response(done.status, body)


def idempotency_key() -> str | None:
    """The request's Idempotency-Key. Raises BadIdempotencyKey."""
    key = request.headers.get(HEADER)
    if key is not None and not (0 < len(key) <= _LONGEST and key.isascii() and key.isprintable()):
        raise BadIdempotencyKey(key)
    return key


def _digest(content: str | None) -> str:
    body = request.get_data() if content is None else content.encode()
    return hashlib.sha256(f"{request.method}\n{request.path}\n".encode() + body).hexdigest()


def _response(status: int, body: dict[str, Any], *, replayed: bool = False) -> Response:
    response = jsonify(body)
    response.status_code = status
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
