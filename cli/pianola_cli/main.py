"""The `pianola` command. Only click is imported here and in the command modules; the rest when a command runs."""

from __future__ import annotations

import errno

import click

from pianola_cli.commands import (
    contents,
    datasets,
    demo,
    evaluations,
    imports,
    inspections,
    keys,
    maps,
    operations,
    resemblance,
    runs,
    samples,
    up,
    watching,
)
from pianola_cli.errors import PianolaError


class _Commands(click.Group):
    """Says an error that a person can act on in a line on stderr, with exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PianolaError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            # A reader that closed its pipe (`pianola runs | head`) is click's to end quietly.
            if error.errno == errno.EPIPE or error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pianola-cli", prog_name="pianola")
def main() -> None:
    """A folder of MIDI files becomes a music model; the model plays.

    Start everything on this machine with `pianola up`; the other commands talk to a server (--url or PIANOLA_URL).
    """


for command in (
    up.up,
    datasets.dataset,
    imports.recipes,
    runs.train,
    runs.runs,
    watching.watch,
    runs.cancel,
    runs.pause,
    runs.resume,
    samples.models,
    samples.sample,
    samples.interpolate,
    samples.play,
    resemblance.vary,
    resemblance.reconstruct,
    resemblance.vectors,
    maps.show_map,
    evaluations.evaluate,
    evaluations.compare,
    inspections.inspect,
    keys.keys,
    operations.doctor,
    operations.backup,
    operations.restore,
    operations.gc,
    demo.demo,
):
    main.add_command(command)
for command in (imports.import_files, contents.stats, contents.sheet):
    datasets.dataset.add_command(command)

if __name__ == "__main__":
    main()
