"""What the commands share: the server's address as options, key=value pairs, plain tables."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from pianola_cli.errors import PianolaError

if TYPE_CHECKING:
    from pianola_cli.client import Client

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8470"

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


class NeedsKey(PianolaError):
    """The server asks for an API key that was not given, or is not good any more."""

    def __init__(self, url: str, key: str | None) -> None:
        found = "does not know this API key (or it has expired)" if key else "asks for an API key"
        super().__init__(f"{url} {found}: give one with --key or PIANOLA_KEY")


def with_client(command: Callable[Concatenate[Client, P], T]) -> Callable[..., T]:
    """Give a command the options --url and --key, and a client made from them as its first argument."""

    @click.option("--url", envvar="PIANOLA_URL", default=DEFAULT_URL, show_default=True, show_envvar=True,
                  help="Address of the server.")  # fmt: skip
    @click.option("--key", envvar="PIANOLA_KEY", show_envvar=True, help="API key, where the server asks for one.")
    @functools.wraps(command)
    def with_address(url: str, key: str | None, *args: P.args, **kwargs: P.kwargs) -> T:
        # httpx and pydantic take 150 ms to import: `--help` and `inspect` do not pay for them.
        from pianola_cli.client import ApiProblem, Client

        with Client(url, key) as client:
            try:
                return command(client, *args, **kwargs)
            except ApiProblem as problem:
                if problem.status == HTTPStatus.UNAUTHORIZED:
                    raise NeedsKey(url, key) from problem
                raise

    return with_address


def pairs(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> dict[str, object]:
    """Click callback: `key=value` texts as a dict; a value that is JSON (a number, true, null) is read as such."""
    options: dict[str, object] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise click.BadParameter(f"{text!r} is not key=value", context, parameter)
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under their headings in aligned columns; numbers to the right. Never cut, so that it can be searched."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(headings), *texts]) for column in range(len(headings))]
    numeric = [
        bool(rows) and all(isinstance(row[column], int | float | None) for row in rows)
        for column in range(len(headings))
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [list(headings), *texts]
    ]
    return "\n".join(lines)


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def echo_json(document: object) -> None:
    """Print a document as JSON."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))
