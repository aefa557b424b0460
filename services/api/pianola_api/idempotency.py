"""One POST, one effect: the work, its events and its kept answer are one transaction; messages follow the commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, g, jsonify
from pydantic import BaseModel
from sqlalchemy.orm import Session

from pianola import queue
from pianola.records import idempotency
from pianola_api.context import here
from pianola_http.idempotency import idempotency_key, request_digest


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
            former = idempotency.begin(session, key, caller, request_digest(content))
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


def _response(status: int, body: dict[str, Any], *, replayed: bool = False) -> Response:
    response = jsonify(body)
    response.status_code = status
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
