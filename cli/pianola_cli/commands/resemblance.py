"""`pianola vary`, `pianola reconstruct` and `pianola vectors`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pianola_cli.commands.samples import form_of, save
from pianola_cli.common import as_json, echo_json, table, with_client

if TYPE_CHECKING:
    from pianola_cli.client import Client, Sample

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _of_source(command: _Command) -> _Command:
    """What both take: the music, the model, what of it, and how it is played."""
    for option in reversed(
        (
            click.argument("midi", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
            click.option("--model", required=True, help="The model that plays: a name or a checkpoint's digest."),
            click.option("-o", "--out", required=True, type=click.Path(path_type=Path),
                         help="Where to: a .mid, .wav, .musicxml, .png, .svg or .zip file, or a folder."),
            click.option("--window", type=click.IntRange(0), default=0, show_default=True,
                         help="The first window of 8 quarter notes, counted from 0."),
            click.option("--windows", type=click.IntRange(1, 64), help="How many from there on; else all, up to 64."),
            click.option("--attribute", "attributes", type=(str, float), multiple=True, metavar="NAME STEPS",
                         help="Moves it along a direction that `vectors` names, such as density 1; may be repeated."),
            click.option("--tempo", type=float, help="Quarter notes a minute."),
            click.option("--label", help="What to play, for a model that was told labels."),
            as_json,
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@_of_source
@click.option("--strength", type=click.FloatRange(0, 1), default=0.5, show_default=True,
              help="How much is changed: 0 is the music itself, 1 new music near it.")  # fmt: skip
@click.option("-n", "count", type=click.IntRange(1, 64), default=1, show_default=True, help="How many variations.")
@click.option("--seed", type=click.IntRange(0, 2**53), help="The same seed gives the same variations.")
@with_client
def vary(client: Client, /, midi: Path, strength: float, count: int, seed: int | None, **asked: Any) -> None:
    """Let a model play something like the MIDI file MIDI."""
    form = form_of(asked["out"], count)
    source, options = _asked(midi, seed=seed, **asked)
    drawn = client.vary(asked["model"], source, strength, count, options)
    _write(client, drawn, asked["out"], form, asked["as_json"])


@click.command()
@_of_source
@with_client
def reconstruct(client: Client, /, midi: Path, **asked: Any) -> None:
    """Let a model play what it makes of the MIDI file MIDI."""
    form = form_of(asked["out"], 1)
    source, options = _asked(midi, **asked)
    _write(client, client.reconstruct(asked["model"], source, options), asked["out"], form, asked["as_json"])


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


def _asked(midi: Path, seed: int | None = None, **asked: Any) -> tuple[dict[str, Any], Any]:
    """The source and the options of a request."""
    from pianola_cli.client import SampleOptions, uploaded

    more = {} if asked["windows"] is None else {"windows": asked["windows"]}
    options = SampleOptions(
        seed=seed, attributes=dict(asked["attributes"]) or None, tempo=asked["tempo"], label=asked["label"]
    )
    return uploaded(midi, window=asked["window"], **more), options


def _write(client: Client, drawn: Sample, out: Path, form: str, as_json: bool) -> None:
    written = save(client, drawn, out, form)
    if as_json:
        echo_json({**drawn.model_dump(mode="json"), "written": [str(path) for path in written]})
        return
    for path in written:
        click.echo(str(path))
    if drawn.source is not None and drawn.source.windows < drawn.source.of - drawn.source.window:
        last = drawn.source.window + drawn.source.windows - 1
        click.echo(f"of {drawn.source.of} windows {drawn.source.window} to {last}: --window begins elsewhere", err=True)
