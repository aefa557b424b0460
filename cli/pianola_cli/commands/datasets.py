"""`pianola dataset`: create, add, label, build, show, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from pianola_cli.common import as_json, echo_json, pairs, table, with_client
from pianola_cli.errors import PianolaError

if TYPE_CHECKING:
    from pianola_cli.client import Client, Dataset, DatasetVersion


class BuildFailed(PianolaError):
    """A dataset could not be built."""

    def __init__(self, name: str, error: str | None) -> None:
        super().__init__(f"dataset {name} failed to build: {error or 'no reason given'}")


@click.group()
def dataset() -> None:
    """MIDI files that a model learns from."""


@dataset.command()
@click.argument("name")
@click.option("--preset", type=click.Choice(["piano", "thesis"]), default="piano", show_default=True,
              help="How MIDI is read: as the piano's, or as the thesis read it.")  # fmt: skip
@click.option("-o", "--option", "options", multiple=True, callback=pairs, metavar="KEY=VALUE",
              help="Change one option, for example percussion=true, hop=48, held_out=0.1, duplicates=files or "
                   "folder_labels=[\"composer\"].")  # fmt: skip
@as_json
@with_client
def create(client: Client, name: str, preset: str, options: dict[str, object], as_json: bool) -> None:
    """Make an empty dataset."""
    made = client.create_dataset(name, preset, options)
    if as_json:
        echo_json(made.model_dump(mode="json"))
        return
    click.echo(f"{made.name} is open ({made.id}); add files with `pianola dataset add {made.name} FOLDER`")


@dataset.command()
@click.argument("name")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@as_json
@with_client
def add(client: Client, name: str, paths: tuple[Path, ...], as_json: bool) -> None:
    """Upload MIDI files, zips or whole folders to a dataset.

    A built dataset never changes: its next version takes them.
    """
    report = client.upload(name, paths)
    if as_json:
        echo_json(report.model_dump(mode="json"))
        return
    replaced = f", {report.replaced} replaced" if report.replaced else ""
    click.echo(f"{report.added} files added, {report.unchanged} were there already{replaced}")
    _echo_version(report.dataset)
    for skipped in report.skipped:
        click.echo(f"skipped {skipped.name}: {skipped.reason}")


@dataset.command()
@click.argument("name")
@click.argument("csv", metavar="FILE.csv", type=click.File(encoding="utf-8-sig"))
@as_json
@with_client
def label(client: Client, name: str, csv: TextIO, as_json: bool) -> None:
    """Label files from a CSV: a column `file` with their names, any other column a label field."""
    report = client.label(name, csv.read())
    if as_json:
        echo_json(report.model_dump(mode="json"))
        return
    click.echo(f"{report.labelled} files labelled with {', '.join(report.fields)}")
    _echo_version(report.dataset)
    for unknown in report.unknown:
        click.echo(f"no file is called {unknown}")


@dataset.command()
@click.argument("name")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is built.")
@as_json
@with_client
def build(client: Client, name: str, no_wait: bool, as_json: bool) -> None:
    """Read the files of a dataset into windows; it never changes afterwards."""
    built = client.build(name)
    if not no_wait:
        built = wait_until_built(client, built, quiet=as_json)
    if as_json:
        echo_json(built.model_dump(mode="json"))
    elif built.state == "built":
        echo_built(client, built)
    else:
        click.echo(f"{built.name} is {built.state}; watch it with `pianola watch {built.name}`")


@dataset.command()
@click.argument("name")
@click.option("--files", is_flag=True, help="Also list every file with its verdict.")
@as_json
@with_client
def show(client: Client, name: str, files: bool, as_json: bool) -> None:
    """One dataset and the report of its build."""
    found = client.dataset(name)
    listed = list(client.dataset_files(name)) if files else []
    if as_json:
        document = found.model_dump(mode="json")
        echo_json({**document, "report": [file.model_dump(mode="json") for file in listed]} if files else document)
        return
    click.echo(summary(found))
    if files:
        headings = ("file", "verdict", "windows", "notes", "why")
        click.echo(table(headings, [(f.name, f.verdict, f.windows, f.notes, f.reason or "") for f in listed]))
    else:
        _echo_refused(client, found)


@dataset.command("list")
@click.option("--name", help="Only the versions of this one.")
@as_json
@with_client
def list_datasets(client: Client, name: str | None, as_json: bool) -> None:
    """All datasets, every version of each."""
    found = list(client.datasets(name))
    if as_json:
        echo_json([one.model_dump(mode="json") for one in found])
        return
    headings = ("name", "version", "state", "preset", "files", "windows", "digest", "id")
    rows = [(d.name, d.version, d.state, d.preset, d.files, d.windows, (d.digest or "-")[:12], d.id) for d in found]
    click.echo(table(headings, rows) if rows else "no datasets yet; make one with `pianola dataset create NAME`")


def summary(found: Dataset) -> str:
    """A dataset in a line."""
    name = found.versioned_name
    if found.state != "built":
        return f"{name} is {found.state}: {found.files or 0} files" + (f" ({found.error})" if found.error else "")
    duplicates = found.duplicates
    parts = [
        f"{found.files_accepted} files accepted",
        f"{found.files_refused} refused",
        f"{found.files_reused} unchanged since version {found.version - 1}" if found.files_reused else "",
        f"{found.windows} windows",
        f"{found.windows_held_out} of them held out" if found.windows_held_out else "",
        f"{duplicates.windows} identical windows left out" if duplicates and duplicates.windows else "",
        f"{duplicates.files} near-identical files left out" if duplicates and duplicates.files else "",
        f"{found.notes} notes",
        f"digest {(found.digest or '')[:12]}",
    ]
    return f"{name} is built: {', '.join(part for part in parts if part)}"


def wait_until_built(client: Client, building: Dataset, quiet: bool = False) -> Dataset:
    """The dataset once built, with its progress shown while it builds. Raises BuildFailed."""
    from pianola_cli.progress import BuildProgress

    try:
        with BuildProgress(building.versioned_name, quiet) as bar:
            built = client.wait_for_dataset(building.id, told=bar.show)
    except KeyboardInterrupt:
        click.echo(f"\nthe build goes on; watch it with `pianola watch {building.name}`", err=True)
        raise
    if built.state == "failed":
        raise BuildFailed(built.name, built.error)
    return built


def echo_built(client: Client, built: Dataset) -> None:
    """Say what a build came to: a line, and a table of the files it refused."""
    click.echo(summary(built))
    _echo_refused(client, built)


def _echo_version(taken: DatasetVersion | None) -> None:
    if taken is not None and taken.version > 1:
        click.echo(
            f"version {taken.version} of {taken.name} has them, the built one before it stays as it is; "
            f"build it with `pianola dataset build {taken.name}`"
        )


def _echo_refused(client: Client, found: Dataset) -> None:
    if not found.files_refused:
        return
    rows = [
        (file.name, file.code, file.offset, file.reason or "") for file in client.dataset_files(found.id, "refused")
    ]
    click.echo(table(("refused", "code", "byte", "why"), rows))
