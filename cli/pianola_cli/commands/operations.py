"""`pianola doctor`, `backup`, `restore`, `gc`: on a home of `pianola up`, or beside services on servers.

They work on records and objects themselves, not over HTTP: by the same variables as the services.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec

import click

from pianola_cli.errors import PianolaError

P = ParamSpec("P")

_NO_BROKER = "redis://127.0.0.1:1/0"

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
place = click.argument("place", metavar="FILE_OR_FOLDER", type=click.Path(path_type=Path))


class NotDone(PianolaError):
    """An operation failed; the text says why and what to do."""


def on_system(command: Callable[P, int]) -> Callable[..., None]:
    """Give a command the option --home, the variables that it means, and sentences for its failures."""

    @click.option("--home", type=click.Path(file_okay=False, path_type=Path), envvar="PIANOLA_HOME", show_envvar=True,
                  help="The folder of a `pianola up`.  [default: what PIANOLA_DATABASE_URL and the other variables of "
                  "services say; without them ~/.local/share/pianola]")  # fmt: skip
    @functools.wraps(command)
    def run(home: Path | None, *args: P.args, **kwargs: P.kwargs) -> None:
        from pianola.operations import commands, contradictions

        if home is not None or "PIANOLA_DATABASE_URL" not in os.environ:
            _use(home)
        try:
            status = command(*args, **kwargs)
        except commands.FAILURES as error:
            raise NotDone(str(error)) from error
        except ValueError as error:  # of the settings
            raise NotDone(contradictions.said(error)) from error
        sys.exit(status)

    return run


def _use(path: Path | None) -> None:
    """The variables of the home at `path`, in place of what is set."""
    from pianola_cli.local.broker import of_running
    from pianola_cli.local.home import Home, default_home

    home = Home((path or default_home()).expanduser().resolve())
    for name in [name for name in os.environ if name.startswith("PIANOLA_S3_")]:
        del os.environ[name]
    broker_url = os.environ.get("PIANOLA_BROKER_URL") or of_running(home.broker) or _NO_BROKER
    os.environ.update({"PIANOLA_HOME": str(home.path)} | home.environment(broker_url))


@contextmanager
def _existing() -> Iterator[bool]:
    """Raise NoHome where a home is meant that is not there. Yields whether services are at work."""
    from pianola_cli.local.home import Home, NoHome

    path = os.environ.get("PIANOLA_HOME")
    if path is None:
        yield True
        return
    home = Home(Path(path))
    if not home.database.exists():
        raise NoHome(home.path)
    yield home.in_use


@click.command()
@as_json
@on_system
def doctor(as_json: bool) -> int:
    """Look at everything that Pianola needs, and say what to do where it is not well.

    Exit status 1 where something is an error; a warning alone is 0.
    """
    from pianola.operations import commands
    from pianola.operations.doctor import examine
    from pianola.settings import WorkerSettings
    from pianola_cli.local.home import Home
    from pianola_cli.local.supervisor import WORKERS

    home = os.environ.get("PIANOLA_HOME")
    alive = {} if home is None else {name: Home(Path(home)).alive(name) for name in WORKERS}
    with _existing() as running:
        if not running and not as_json:
            click.echo("`pianola up` does not run with this home: its broker and workers are not looked at")
        return commands.doctor(examine(WorkerSettings, os.environ, running, alive), as_json, click.echo)


@click.command()
@place
@on_system
def backup(place: Path) -> int:
    """Write records and objects to one folder, or to a tar file where the name ends in .tar.

    Services may be at work meanwhile: what is in the backup is the system as it was when it began.
    """
    from pianola.operations import commands
    from pianola.settings import WorkerSettings

    with _existing():
        return commands.back_up(WorkerSettings(), place, click.echo)


@click.command()
@place
@on_system
def restore(place: Path) -> int:
    """Fill an empty system with a backup, on whichever database and store it was made.

    Nothing may be at work on it. A folder that `pianola up` has not used yet is an empty system.
    """
    from pianola.operations import commands
    from pianola.settings import WorkerSettings
    from pianola_cli.local.home import open_home

    path = os.environ.get("PIANOLA_HOME")
    if path is None:
        return commands.bring_back(WorkerSettings(), place, click.echo)
    with open_home(Path(path)).locked():
        return commands.bring_back(WorkerSettings(), place, click.echo)


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go and why, and remove nothing.")
@click.option("--older-than", "hours", type=click.FloatRange(0), default=24, show_default=True, metavar="HOURS",
              help="For objects without a row. Under 12 only while nobody uploads.")  # fmt: skip
@click.option("--checkpoints-older-than", "days", type=click.FloatRange(0), default=7, show_default=True,
              metavar="DAYS", help="After a run's end, for its intermediate checkpoints.")  # fmt: skip
@as_json
@on_system
def gc(dry_run: bool, hours: float, days: float, as_json: bool) -> int:
    """Remove what nothing needs: uploads that were broken off, what lost attempts and failed builds left, spools of
    killed workers, and the intermediate checkpoints of runs that have ended.

    Of a run stay the best, the settled and the last checkpoint, and those that a model, an evaluation, a run that began
    from it or a sample names. Services may be at work meanwhile.
    """
    from pianola.operations import commands
    from pianola.settings import WorkerSettings

    with _existing():
        return commands.clear_up(WorkerSettings(), hours, days, dry_run, as_json, click.echo)
