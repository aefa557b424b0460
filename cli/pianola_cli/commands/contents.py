"""`pianola dataset stats` and `sheet`: what a built dataset holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pianola_cli.common import as_json, echo_json, with_client

if TYPE_CHECKING:
    from pianola_cli.client import Client


@click.command()
@click.argument("name")
@as_json
@with_client
def stats(client: Client, name: str, as_json: bool) -> None:
    """What a built dataset's windows hold: pitches, density, rhythm, metres, labels."""
    from pianola_cli.statistics import summary

    found = client.statistics(name)
    if as_json:
        echo_json(found)
    else:
        click.echo(summary(found))


@click.command()
@click.argument("name")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to save it.  [default: NAME.png]"
)
@with_client
def sheet(client: Client, name: str, out: Path | None) -> None:
    """Save the contact sheet of a built dataset: rolls of windows spread over all of it."""
    path = out or Path(f"{name}.png")
    picture = client.contact_sheet(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)
    click.echo(str(path))
