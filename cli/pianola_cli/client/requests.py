"""Requests whose answers are resources: one, many in pages, or bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from pianola_cli.client.problems import NotPianola
from pianola_cli.client.resources.resource import Resource
from pianola_cli.client.transport import DEFAULT_URL, Transport

R = TypeVar("R", bound=Resource)

_PAGE = 200
# An upload of 20 MB or a large sample takes its time; everything else answers in milliseconds.
_TIMEOUT_S = 120.0
POLL_S = 0.5
"""how often what takes its time is asked for"""


class Requests:
    """A Pianola server at `url`, with API key `key` where it asks for one.

    Every method raises ApiProblem when the server refuses and NoAnswer when none answers.
    """

    def __init__(self, url: str = DEFAULT_URL, key: str | None = None, timeout: float = _TIMEOUT_S) -> None:
        self._transport = Transport(url, key, timeout)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _get(self, kind: type[R], path: str, params: Mapping[str, str | int | None] | None = None) -> R:
        return self._read(kind, path, self._transport.send("GET", path, params=params))

    def _bytes(self, path: str, params: Mapping[str, str | int | None] | None = None) -> bytes:
        return self._transport.send("GET", path, params=params, accept="*/*").content

    def _post(
        self, kind: type[R], path: str, body: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> R:
        given = {name: value for name, value in (body or {}).items() if value is not None}
        return self._read(kind, path, self._transport.send("POST", path, json=given, idempotency_key=idempotency_key))

    def _items(self, kind: type[R], path: str, **filters: str | None) -> Iterator[R]:
        cursor: str | None = None
        while True:
            response = self._transport.send("GET", path, params={"limit": _PAGE, "cursor": cursor, **filters})
            page = self._read(_Page, path, response)
            for item in page.items:
                yield self._as(kind, path, item)
            cursor = page.next_cursor
            if not cursor:
                return

    def _read(self, kind: type[R], path: str, response: httpx.Response) -> R:
        try:
            return self._as(kind, path, response.json())
        except ValueError as error:
            raise NotPianola(self.url, path) from error

    def _as(self, kind: type[R], path: str, document: object) -> R:
        try:
            return kind.model_validate(document)
        except ValidationError as error:
            raise NotPianola(self.url, path) from error


class _Page(Resource):
    items: list[dict[str, Any]]
    next_cursor: str | None = None


def part(text: str) -> str:
    """One segment of a path."""
    return quote(text, safe="")
