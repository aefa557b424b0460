"""Requests that survive a restarting server: idempotency keys, retries with backoff, problems as exceptions."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from pianola_cli.client.problems import ApiProblem, NoAnswer

DEFAULT_URL = "http://127.0.0.1:8470"

# A gateway says 502 or 504 while the service behind it restarts, the service itself 503.
COME_BACK_LATER = frozenset({502, 503, 504})
"""what is answered that may be asked again in a moment"""
# 0.2 + 0.4 + 0.8 + 1.6 + 3.2 s, up to half as much again: longer than a service takes to restart.
_RETRIES = 5
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 10.0


class Transport:
    """An HTTP connection to one server.

    Every POST carries an Idempotency-Key and a PUT changes nothing the second time, so every request can be sent again:
    on a connection error and on 502, 503 or 504 it is, `retries` times. A server that has never answered is asked only
    twice: it is not restarting, it is not there.
    """

    def __init__(self, url: str, key: str | None, timeout: float, retries: int = _RETRIES) -> None:
        self.url = url.rstrip("/")
        self._retries = retries
        self._answered = False
        headers = {"User-Agent": "pianola-client"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._timeout = httpx.Timeout(timeout, connect=min(timeout, 5.0))
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=self._timeout, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | float | None] | None = None,
        json: object = None,
        files: list[tuple[str, Any]] | None = None,
        text: tuple[str, str] | None = None,
        accept: str = "application/json",
        idempotency_key: str | None = None,
    ) -> httpx.Response:
        """Send a request and read its whole answer; `text` is a body and its media type.

        Raises ApiProblem and NoAnswer.
        """
        headers = {"Accept": accept}
        content, media_type = text or (None, None)
        if media_type:
            headers["Content-Type"] = media_type
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or uuid.uuid4().hex
        given = {name: value for name, value in (params or {}).items() if value is not None}

        def once() -> httpx.Response:
            return self._http.request(
                method, path, params=given, json=json, files=files, content=content, headers=headers
            )

        response = self._with_retries(once)
        _raise_for_problem(response)
        return response

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str], read_timeout: float) -> Iterator[httpx.Response]:
        """Open a GET whose body is read as it arrives; one try. Raises ApiProblem and httpx.TransportError."""
        timeout = httpx.Timeout(self._timeout.connect, read=read_timeout)
        with self._http.stream("GET", path, headers=dict(headers), timeout=timeout) as response:
            self._answered = True
            if response.is_error:
                response.read()
                _raise_for_problem(response)
            yield response

    def no_answer(self, error: httpx.TransportError) -> NoAnswer:
        """The error as the exception a person understands."""
        return NoAnswer(self.url, str(error) or type(error).__name__, self._answered)

    def _with_retries(self, once: Callable[[], httpx.Response]) -> httpx.Response:
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                response = once()
            except httpx.TransportError as error:
                never_there = isinstance(error, httpx.ConnectError) and not self._answered and attempt > 0
                if last or never_there or isinstance(error, httpx.UnsupportedProtocol):
                    raise self.no_answer(error) from error
                time.sleep(delay(attempt))
                continue
            self._answered = True
            if last or response.status_code not in COME_BACK_LATER:
                return response
            time.sleep(_asked_delay(response) or delay(attempt))
        raise AssertionError("the last attempt returns or raises")


def delay(attempt: int) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 0): doubling, with jitter, at most 10."""
    return min(_FIRST_DELAY_S * (1 << attempt) * random.uniform(1.0, 1.5), _LONGEST_DELAY_S)


def _asked_delay(response: httpx.Response) -> float | None:
    """What Retry-After asks for, in seconds, when it is a number and bearable."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_DELAY_S) if asked.isdigit() else None


def _raise_for_problem(response: httpx.Response) -> None:
    if response.status_code < 400:
        return
    try:
        document: object = response.json()
    except ValueError:
        document = None
    raise ApiProblem.from_document(response.status_code, response.reason_phrase, document)
