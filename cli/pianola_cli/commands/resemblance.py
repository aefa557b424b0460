"""`pianola vary`, `pianola reconstruct` and `pianola vectors`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pianola_cli.commands.playing import Destination, plays, seed_option
from pianola_cli.common import as_json, echo_json, table, with_client

if TYPE_CHECKING:
    from pianola_cli.client import Client, Sample

T = TypeVar("T")


def _of_source(command: Callable[..., T]) -> Callable[..., T]:
    """What both take: the music, the model, and what of the music."""
    for option in (
        click.option("--windows", type=click.IntRange(1, 64), help="How many from there on; else all, up to 64."),
        click.option("--window", type=click.IntRange(0), default=0, show_default=True,
                     help="The first window of 8 quarter notes, counted from 0."),
        click.option("--model", required=True, help="The model that plays: a name or a checkpoint's digest."),
        click.argument("midi", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@_of_source
@click.option("--strength", type=click.FloatRange(0, 1), default=0.5, show_default=True,
              help="How much is changed: 0 is the music itself, 1 new music near it.")  # fmt: skip
@click.option("-n", "count", type=click.IntRange(1, 64), default=1, show_default=True, help="How many variations.")
@seed_option("variations")
@plays
@with_client
def vary(
    client: Client,
    midi: Path,
    model: str,
    window: int,
    windows: int | None,
    strength: float,
    count: int,
    seed: int | None,
    to: Destination,
    how: dict[str, Any],
) -> None:
    """Let a model play something like the MIDI file MIDI."""
    from pianola_cli.client import SampleOptions

    to.check(count)
    _save(
        client, client.vary(model, _source(midi, window, windows), strength, count, SampleOptions(seed=seed, **how)), to
    )


@click.command()
@_of_source
@plays
@with_client
def reconstruct(
    client: Client, midi: Path, model: str, window: int, windows: int | None, to: Destination, how: dict[str, Any]
) -> None:
    """Let a model play what it makes of the MIDI file MIDI."""
    from pianola_cli.client import SampleOptions

    to.check(1)
    _save(client, client.reconstruct(model, _source(midi, window, windows), SampleOptions(**how)), to)


@click.command()
@click.argument("model")
@as_json
@with_client
def vectors(client: Client, model: str, as_json: bool) -> None:
    """The directions along which MODEL's music gets denser, higher, longer ..."""
    found = client.vectors(model)
    if as_json:
        echo_json(found.model_dump(mode="json"))
        return
    rows = [(one.name, one.more, f"{one.step:.3g} {one.unit}", f"{one.r2:.2f}") for one in found.vectors]
    click.echo(table(("attribute", "plus is", "a step is", "R2"), rows))


def _source(midi: Path, window: int, windows: int | None) -> dict[str, Any]:
    from pianola_cli.client import uploaded

    return uploaded(midi, window=window, **({} if windows is None else {"windows": windows}))


def _save(client: Client, drawn: Sample, to: Destination) -> None:
    """Save it, and say so where not all of the file was played."""
    to.save(client, drawn)
    source = drawn.source
    if source is not None and source.windows < source.of - source.window:
        last = source.window + source.windows - 1
        to.note(f"of {source.of} windows {source.window} to {last}: --window begins elsewhere")
