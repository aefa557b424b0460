"""`pianola keys`: over HTTP, or with --home directly in the records of a Pianola on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pianola_cli.common import as_json, echo_json, table, with_client
from pianola_cli.errors import PianolaError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from pianola_cli.client import Client, Key

_SCOPES = ["read", "write", "admin"]

home_option = click.option(
    "--home", type=click.Path(file_okay=False, path_type=Path), help="Work on this home's records; needs no server."
)


class NoSuchKey(PianolaError):
    """No key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no key {key_id}; `pianola keys list` shows those there are")


@click.group()
def keys() -> None:
    """API keys, which a server asks for on an address that others can reach."""


@keys.command()
@click.argument("name", default="default")
@click.option("--scope", "scopes", type=click.Choice(_SCOPES), multiple=True,
              help="What it may do; each holds those before it.  [default: write; admin with --home]")  # fmt: skip
@click.option("--expires-days", type=click.IntRange(1), help="Days until it is of no use any more.")
@home_option
@as_json
@with_client
def create(
    client: Client, name: str, scopes: tuple[str, ...], expires_days: int | None, home: Path | None, as_json: bool
) -> None:
    """Make a key and print its secret, once."""
    if home is None:
        made = client.create_key(name, scopes or ("write",), expires_days)
    else:
        made = _create_in(home, name, scopes or ("admin",), expires_days)
    if as_json:
        echo_json(made.model_dump(mode="json"))
        return
    click.echo(made.secret)
    click.echo(f"{made.name} ({made.id}) may {', '.join(made.scopes)}; this secret is not shown again", err=True)
    click.echo("use it as PIANOLA_KEY or with --key", err=True)


@keys.command("list")
@home_option
@as_json
@with_client
def list_keys(client: Client, home: Path | None, as_json: bool) -> None:
    """All keys, without their secrets."""
    found = list(client.keys() if home is None else _list_in(home))
    if as_json:
        echo_json([key.model_dump(mode="json", exclude={"secret"}) for key in found])
        return
    rows = [(key.id, key.name, ",".join(key.scopes), key.created_at, key.expires_at) for key in found]
    click.echo(table(("key", "name", "scopes", "made", "expires"), rows) if rows else "no keys")


@keys.command()
@click.argument("key_id", metavar="KEY")
@home_option
@with_client
def revoke(client: Client, key_id: str, home: Path | None) -> None:
    """Make a key useless from now on."""
    if home is None:
        client.revoke_key(key_id)
    else:
        _revoke_in(home, key_id)
    click.echo(f"{key_id} is revoked")


@contextmanager
def _records_of(home: Path) -> Iterator[Session]:
    from pianola.records.migrate import upgrade
    from pianola.records.open import open_records
    from pianola_cli.local.home import open_home

    records = open_records(open_home(home).database_url)
    try:
        upgrade(records)
        with records.write() as session:
            yield session
    finally:
        records.dispose()


def _create_in(home: Path, name: str, scopes: tuple[str, ...], expires_days: int | None) -> Key:
    from pianola.records import keys as records_keys
    from pianola_cli.client import Key

    with _records_of(home) as session:
        row, secret = records_keys.create(session, name, [records_keys.Scope(scope) for scope in scopes], expires_days)
        return Key(id=row.id, name=row.name, scopes=row.scopes, secret=secret, expires_at=row.expires_at)


def _list_in(home: Path) -> list[Key]:
    from pianola.records import keys as records_keys
    from pianola_cli.client import Key

    with _records_of(home) as session:
        rows = records_keys.list_page(session, 200, None).rows
        return [
            Key(id=row.id, name=row.name, scopes=row.scopes, created_at=row.created_at, expires_at=row.expires_at)
            for row in rows
        ]


def _revoke_in(home: Path, key_id: str) -> None:
    from pianola.records import keys as records_keys
    from pianola.records.errors import NotFound

    with _records_of(home) as session:
        try:
            records_keys.revoke(session, key_id)
        except NotFound as error:
            raise NoSuchKey(key_id) from error
