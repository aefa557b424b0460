"""Server-Sent Events: lines to events, and a stream that goes on where it broke off."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from typing import Any

import httpx

from pianola_cli.client.problems import ApiProblem
from pianola_cli.client.resources.runs import Event
from pianola_cli.client.transport import COME_BACK_LATER, Transport, delay

# The server sends at least a comment every 15 s: three of them missing means the connection is dead.
_READ_TIMEOUT_S = 45.0
_END = "end"
_TRIES_WITHOUT_AN_EVENT = 8


class _Frame:
    """The fields of one event of a stream while its lines arrive."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.kind = "message"
        self.data: list[str] = []

    def take(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            self.id = value
        elif field == "event":
            self.kind = value
        elif field == "data":
            self.data.append(value)


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Events from the lines of a text/event-stream (WHATWG HTML, "Server-sent events"); comments are dropped."""
    frame = _Frame()
    for line in lines:
        if line:
            frame.take(line)
            continue
        if frame.data or frame.kind != "message":
            yield _event(frame)
        frame = _Frame()


def _event(frame: _Frame) -> Event:
    data: Any = json.loads("\n".join(frame.data)) if frame.data else {}
    number = int(frame.id) if frame.id and frame.id.isdigit() else None
    return Event(id=number, kind=frame.kind, data=data if isinstance(data, dict) else {"value": data})


def follow(
    transport: Transport,
    path: str,
    after: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
    deadline: float = math.inf,
    tries: int = _TRIES_WITHOUT_AN_EVENT,
) -> Iterator[Event]:
    """Every event of `path` after number `after`, until the server says it was the last, or `deadline` (monotonic).

    The connection may break or be closed by the server at any time: it is opened again with Last-Event-ID, so no event
    comes twice and none is lost. Raises ApiProblem, and NoAnswer after `tries` in a row without an event.
    """
    fruitless = 0
    while (left := deadline - time.monotonic()) > 0:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        try:
            with transport.stream(path, headers=headers, read_timeout=min(_READ_TIMEOUT_S, left)) as response:
                # The server's comments let it look at the clock when nothing happens.
                lines = takewhile(lambda _: time.monotonic() < deadline, response.iter_lines())
                for event in parse(lines):
                    fruitless = 0
                    if event.kind == _END:
                        return
                    if event.id is not None:
                        if event.id <= after:
                            continue
                        after = event.id
                    yield event
        except httpx.TransportError as error:
            if fruitless + 1 >= tries and time.monotonic() < deadline:
                raise transport.no_answer(error) from error
        except ApiProblem as problem:
            if problem.status not in COME_BACK_LATER or fruitless + 1 >= tries:
                raise
        sleep(delay(fruitless))
        fruitless += 1
