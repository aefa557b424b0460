"""`pianola up`."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import click


@click.command()
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), envvar="PIANOLA_HOME", show_envvar=True,
              help="Folder for everything it keeps.  [default: ~/.local/share/pianola]")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8470, show_default=True, help="0 chooses a free one.")
@click.option("--workers", type=click.IntRange(1), default=lambda: min(os.cpu_count() or 1, 4),
              help="Processes that read MIDI.  [default: one a core, at most 4]")  # fmt: skip
def up(home: Path | None, host: str, port: int, workers: int) -> None:
    """Run everything on this machine until Ctrl-C: nothing else needs to be installed or started."""
    from pianola_cli.local.home import open_home
    from pianola_cli.local.supervisor import Plan, Supervisor

    Supervisor(Plan(open_home(home), host, port, workers), _say).run()


def _say(line: str) -> None:
    """Print a line. A terminal that was closed, or a pipe nobody reads, is no reason to fall over."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), f"{line}\n".encode())
