"""`pianola demo`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), help="Your MIDI files instead of Bach's chorales."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-out"), show_default=True,
              help="Folder for the results.")  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=90, show_default=True, help="Training time of each model."
)
def demo(data: Path | None, out: Path, seconds: float) -> None:
    """From MIDI files to new music in a few minutes: builds a dataset, trains two models, lets them play."""
    from pianola_cli.demo import Demo

    Demo(data, out.resolve(), seconds).run()
