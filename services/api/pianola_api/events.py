"""What happens to a run or a dataset: as a list, or as Server-Sent Events that follow it."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from apiflask import APIBlueprint
from flask import Response, current_app, request
from flask.json.provider import JSONProvider
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pianola.records import builds, datasets, events, runs, tables
from pianola.records.paging import Page
from pianola.records.states import TERMINAL, DatasetState
from pianola_api import lists
from pianola_api.context import Context, here
from pianola_api.schemas.common import Event, EventPage, PageQuery
from pianola_api.schemas.datasets import Building
from pianola_api.schemas.runs import progress_of
from pianola_http.authentication import protect

STREAM_SECONDS: Final = 300.0
"""A stream ends after this and the reader comes back: proxies and load balancers keep nothing open for ever."""
POLL_SECONDS: Final = 0.5
HEARTBEAT_SECONDS: Final = 15.0
_BATCH: Final = 200

_log = structlog.get_logger("events")
blueprint = APIBlueprint("events", __name__, tag="Events")
protect(blueprint)


class TooManyStreams(RuntimeError):
    """Every stream the api keeps open is taken."""

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} event streams are open already: close one, or try again in a few seconds")


class BadLastEventId(ValueError):
    """A Last-Event-ID that no event has."""

    def __init__(self, value: str) -> None:
        super().__init__(f"Last-Event-ID must be the number of an event, got {value!r}")


@blueprint.get("/runs/<run>/events")
@blueprint.input(PageQuery, location="query")
@blueprint.output(EventPage)
def run_events(run: str, query_data: PageQuery) -> Response | dict[str, Any]:
    """Events of a run

    With `Accept: text/event-stream` the run is followed: every event after Last-Event-ID, `progress` in between, `end`
    once the run has ended.
    """
    with here().records.read() as session:
        subject = runs.get(session, run).id
    return _answer(tables.Run, subject, query_data)


@blueprint.get("/datasets/<dataset>/events")
@blueprint.input(PageQuery, location="query")
@blueprint.output(EventPage)
def dataset_events(dataset: str, query_data: PageQuery) -> Response | dict[str, Any]:
    """Events of a dataset

    With `Accept: text/event-stream` the dataset is followed until it is built or its build has failed: every event
    after Last-Event-ID, and in between `progress` with state, files, files_done, files_refused, files_reused, windows,
    windows_per_second and eta_seconds.
    """
    with here().records.read() as session:
        subject = datasets.get(session, dataset).id
    return _answer(tables.Dataset, subject, query_data)


def _answer(kind: type[tables.Run] | type[tables.Dataset], subject: str, query: PageQuery) -> Response | dict[str, Any]:
    if request.accept_mimetypes.best_match(["application/json", "text/event-stream"]) == "text/event-stream":
        return _stream(kind, subject)
    after = lists.whole_number(query.cursor)
    with here().records.read() as session:
        rows = events.after(session, subject, after, query.limit + 1)
    shown = rows[: query.limit]
    more = str(shown[-1].number) if len(rows) > len(shown) else None
    return lists.answer(Page(shown, more), _item)


def _item(row: tables.Event) -> Event:
    return Event(id=row.number, kind=row.kind, data=row.data, created_at=row.created_at)


def _stream(kind: type[tables.Run] | type[tables.Dataset], subject: str) -> Response:
    given = request.headers.get("Last-Event-ID", "0")
    if not (given.isascii() and given.isdigit() and len(given) <= 9):
        raise BadLastEventId(given)
    context = here()
    if not context.streams.acquire(blocking=False):
        raise TooManyStreams(context.settings.max_streams)
    context.measures.open_streams.inc()
    follower = _Follower(context, current_app.json, kind, subject, int(given), request.environ.get("gunicorn.socket"))
    response = Response(follower.frames(), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would collect the events
    # The server closes every response, also one whose first byte was never asked for.
    response.call_on_close(context.measures.open_streams.dec)
    response.call_on_close(context.streams.release)
    return response


@dataclass(frozen=True)
class _Seen:
    """One look at the records. `state` was read before the events: where it is final, none is missing."""

    events: list[tables.Event]
    progress: dict[str, Any]
    ended: bool


@dataclass
class _Follower:
    """Follows one subject for one reader."""

    context: Context
    json: JSONProvider
    kind: type[tables.Run] | type[tables.Dataset]
    subject: str
    last: int
    connection: socket.socket | None
    progress: dict[str, Any] = field(default_factory=dict)

    def frames(self) -> Iterator[str]:
        """The stream's text. The session is closed between looks: a reader holds a thread, not a connection."""
        deadline = time.monotonic() + STREAM_SECONDS
        spoken = time.monotonic()
        yield ": events\n\n"
        while time.monotonic() < deadline and not self.context.closing.is_set():
            try:
                seen = self._look()
            except DBAPIError as error:
                # The reader comes back with the last number it has.
                _log.warning("stream_cut", subject=self.subject, error=str(error.orig))
                return
            for frame in self._said(seen):
                spoken = time.monotonic()
                yield frame
            if seen.ended and len(seen.events) < _BATCH:
                yield _frame("end", "{}")
                return
            if len(seen.events) == _BATCH:
                continue
            if time.monotonic() - spoken >= HEARTBEAT_SECONDS:
                spoken = time.monotonic()
                yield ": still here\n\n"
            if self._left():
                return
            self.context.closing.wait(POLL_SECONDS)

    def _said(self, seen: _Seen) -> Iterator[str]:
        for event in seen.events:
            self.last = event.number
            yield _frame(event.kind, self.json.dumps(event.data), event.number)
        if seen.progress != self.progress and not seen.ended:
            self.progress = seen.progress
            yield _frame("progress", self.json.dumps(seen.progress))

    def _look(self) -> _Seen:
        with self.context.records.read() as session:
            progress, ended = self._state(session)
            return _Seen(list(events.after(session, self.subject, self.last, _BATCH)), progress, ended)

    def _state(self, session: Session) -> tuple[dict[str, Any], bool]:
        if self.kind is tables.Run:
            run = runs.get(session, self.subject)
            told = progress_of(run)
            said = None if told is None else told.model_dump(mode="json")
            place = {"attempt": run.attempt, "step": run.step, "epoch": run.epoch}
            return {"state": run.state, **place, "progress": said}, run.state in TERMINAL
        dataset = datasets.get(session, self.subject)
        ended = dataset.state in (DatasetState.BUILT, DatasetState.FAILED)
        so_far = Building.of(dataset, builds.progress(session, dataset.id))
        return so_far.model_dump(mode="json"), ended

    def _left(self) -> bool:
        """Whether the reader has closed its connection; writing would tell only after some heartbeats."""
        if self.connection is None:
            return False
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


def _frame(kind: str, data: str, number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {kind}\ndata: {data}\n\n"
