"""`pianola dataset import` and `pianola recipes`: files that the server fetches itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pianola_cli.common import as_json, echo_json, table, with_client
from pianola_cli.errors import PianolaError

if TYPE_CHECKING:
    from pianola_cli.client import Client, Import

_S3 = "s3://"


class ImportFailed(PianolaError):
    """An import did not bring its files."""

    def __init__(self, import_id: str, error: str | None) -> None:
        super().__init__(f"import {import_id} failed: {error or 'no reason given'}")


class NoRecipe(PianolaError):
    """The server has no recipe of this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"there is no recipe {name!r}: there are {', '.join(known) or 'none'}")


@click.command("import")
@click.argument("name")
@click.option("--from", "address", metavar="URL",
              help="A MIDI file, zip or tar at an http(s) address, or s3://BUCKET/PREFIX.")  # fmt: skip
@click.option("--sha256", help="What the content at an http(s) address must have.")
@click.option("--recipe", help="A well-known set: see `pianola recipes`.")
@click.option("--accept-licence", is_flag=True, help="Accept the licence of --recipe.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it has come.")
@as_json
@with_client
def import_files(
    client: Client,
    name: str,
    address: str | None,
    sha256: str | None,
    recipe: str | None,
    accept_licence: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Let the server fetch files into a dataset: from an address, a prefix of an S3 bucket, or a recipe."""
    if recipe is not None and address is None:
        started = client.import_recipe(name, recipe, accept_licence or _accepted(client, recipe))
    elif address is not None and recipe is None:
        started = _import_from(client, name, address, sha256)
    else:
        raise click.UsageError("give one of --from and --recipe")
    if not no_wait:
        started = _finished(client, name, started, quiet=as_json)
    if as_json:
        echo_json(started.model_dump(mode="json"))
    else:
        _echo_import(name, started)


@click.command()
@as_json
@with_client
def recipes(client: Client, as_json: bool) -> None:
    """Well-known sets of MIDI files that a dataset can import, and their licences."""
    from pianola_cli.progress import size

    found = client.recipes()
    if as_json:
        echo_json([recipe.model_dump(mode="json") for recipe in found])
        return
    headings = ("recipe", "title", "files", "size", "licence", "its text")
    rows = [(r.name, r.title, r.files, size(r.size) if r.size else None, r.licence, r.licence_url) for r in found]
    click.echo(table(headings, rows))
    click.echo("\nimport one with `pianola dataset import NAME --recipe RECIPE --accept-licence`")


def _import_from(client: Client, name: str, address: str, sha256: str | None) -> Import:
    if address.startswith(_S3):
        bucket, _, prefix = address.removeprefix(_S3).partition("/")
        return client.import_s3(name, bucket, prefix)
    if sha256 is None:
        raise click.UsageError("an address needs --sha256: `sha256sum FILE` prints that of a copy you trust")
    return client.import_url(name, address, sha256)


def _accepted(client: Client, name: str) -> bool:
    """Whether whoever sits at the terminal accepts the recipe's licence; False where nobody does, and the server says
    what is missing.
    """
    if not sys.stdin.isatty():
        return False
    found = {recipe.name: recipe for recipe in client.recipes()}
    if name not in found:
        raise NoRecipe(name, sorted(found))
    recipe = found[name]
    click.echo(f"{recipe.title}: {recipe.licence}, {recipe.licence_url}")
    click.echo(recipe.attribution or "")
    return click.confirm("Do you accept this licence?")


def _finished(client: Client, name: str, started: Import, quiet: bool) -> Import:
    """The import once it has succeeded, its progress shown meanwhile. Raises ImportFailed."""
    from pianola_cli.progress import ImportProgress

    try:
        with ImportProgress(name, quiet) as bar:
            ended = client.wait_for_import(started.dataset_id, started.id, told=bar.show)
    except KeyboardInterrupt:
        click.echo(f"\n{started.id} goes on by itself", err=True)
        raise
    if ended.state != "succeeded":
        raise ImportFailed(ended.id, ended.error)
    return ended


def _echo_import(name: str, current: Import) -> None:
    if not current.ended:
        click.echo(f"{current.id} is {current.state}; it goes on by itself")
        return
    click.echo(f"{current.files_added} files added, {current.files_unchanged} were there already")
    for skipped in current.skipped:
        click.echo(f"skipped {skipped.name}: {skipped.reason}")
    if current.files_skipped > len(current.skipped):
        click.echo(f"and {current.files_skipped - len(current.skipped)} more were skipped")
    click.echo(f"build it with `pianola dataset build {name}`")
