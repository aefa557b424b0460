"""`pianola models`, `pianola sample`, `pianola interpolate` and `pianola play`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pianola_cli.commands.playing import Destination, plays, seed_option
from pianola_cli.common import as_json, echo_json, table, with_client

if TYPE_CHECKING:
    from pianola_cli.client import Client, Model

_MOST_LABELS = 8
_SEED = click.IntRange(0, 2**53 - 1)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@as_json
@with_client
def models(client: Client, as_json: bool) -> None:
    """All models that can play."""
    found = list(client.models())
    if as_json:
        echo_json([model.model_dump(mode="json") for model in found])
        return
    headings = ("model", "family", "preset", "step", "checkpoint", "run", "labels")
    rows = [(m.name, m.family, m.preset, m.step, (m.checkpoint or "-")[:12], m.run_id, _labels(m)) for m in found]
    click.echo(table(headings, rows) if rows else "no models yet; `pianola train DATASET --model NAME` makes one")


@click.command()
@click.argument("model")
@click.option("-n", "count", type=click.IntRange(1, 64), default=1, show_default=True, help="How many windows.")
@seed_option("music")
@click.option("--at", type=(float, float), multiple=True, metavar="X Y",
              help="A point of the model's map to play instead of a seed; may be repeated.")  # fmt: skip
@click.option("--png", is_flag=True, help="Also write the roll as a picture beside a .mid file.")
@plays
@with_client
def sample(
    client: Client,
    model: str,
    count: int,
    seed: int | None,
    at: tuple[tuple[float, float], ...],
    png: bool,
    to: Destination,
    how: dict[str, Any],
) -> None:
    """Let MODEL (a name or a checkpoint's digest) play, and save what it plays."""
    from pianola_cli.client import SampleOptions

    count = len(at) or count
    to.check(count)
    places = [list(point) for point in at] or None
    drawn = client.sample(model, count, SampleOptions(seed=seed, at=places, **how))
    to.save(client, drawn, picture=png)
    origin = f"at {len(at)} points of its map" if at else f"with seed {drawn.seed}"
    to.note(f"{drawn.model or model} played {count} window{'s' if count > 1 else ''} {origin}")
    empty = sum(window.empty for window in drawn.windows)
    if empty:
        to.note(f"{empty} of {len(drawn.windows)} windows hold no note; try another seed")


@click.command()
@click.argument("model")
@click.option("--from-seed", type=_SEED, help="Its first window is the first.")
@click.option("--to-seed", type=_SEED, help="Its first window is the last.")
@click.option("--from-file", type=_FILE, help="A MIDI file instead, whose first window is the first.")
@click.option("--to-file", type=_FILE, help="A MIDI file instead, whose first window is the last.")
@click.option("--steps", type=click.IntRange(2, 64), default=8, show_default=True, help="How many windows.")
@click.option("--way", type=click.Choice(["slerp", "linear"]), default="slerp", show_default=True,
              help="Along an arc or along a line.")  # fmt: skip
@plays
@with_client
def interpolate(
    client: Client,
    model: str,
    from_seed: int | None,
    to_seed: int | None,
    from_file: Path | None,
    to_file: Path | None,
    steps: int,
    way: str,
    to: Destination,
    how: dict[str, Any],
) -> None:
    """Let MODEL go from the window of one seed or MIDI file to that of another, and save what it plays on the way."""
    from pianola_cli.client import SampleOptions

    to.check(steps)
    begin, end = _end("from", from_seed, from_file), _end("to", to_seed, to_file)
    to.save(client, client.interpolate(model, begin, end, steps, way, SampleOptions(**how)))


@click.command()
@click.argument("model")
@click.option("--beats", type=click.IntRange(16, 512), default=64, show_default=True,
              help="How long, in quarter notes: whole windows of 8.")  # fmt: skip
@seed_option("piece")
@click.option("--drift", type=click.FloatRange(0, 1), help="How far it may move from how it begins: 0 hardly, 1 far.")
@click.option("--from", "begin", metavar="SAMPLE[:WINDOW]", help="A sample's window to begin with and to go on from.")
@plays
@with_client
def play(
    client: Client,
    model: str,
    beats: int,
    seed: int | None,
    drift: float | None,
    begin: str | None,
    to: Destination,
    how: dict[str, Any],
) -> None:
    """Let MODEL play a piece, music longer than a window that goes on from itself, and save it."""
    from pianola_cli.client import SampleOptions

    to.check(1)
    drawn = client.play(model, beats, drift, None if begin is None else _window(begin), SampleOptions(seed=seed, **how))
    to.save(client, drawn)
    to.note(f"{drawn.model or model} played {beats} quarter notes with seed {drawn.seed}: {drawn.id}")


def _end(which: str, seed: int | None, file: Path | None) -> dict[str, Any]:
    """An end of a way."""
    from pianola_cli.client import uploaded

    if (seed is None) == (file is None):
        raise click.UsageError(f"give one of --{which}-seed and --{which}-file")
    return {"seed": seed} if file is None else uploaded(file)


def _window(words: str) -> dict[str, str | int]:
    """What SAMPLE or SAMPLE:WINDOW names."""
    sample, colon, window = words.partition(":")
    if not colon:
        return {"sample": sample}
    if not window.isdecimal():
        raise click.UsageError(f"--from {words}: write a sample's id, or one with a window, such as {sample}:3")
    return {"sample": sample, "window": int(window)}


def _labels(model: Model) -> str:
    """What a model can be asked for: its label field and the first values."""
    if model.condition is None:
        return "-"
    values = model.condition.values
    more = f" and {len(values) - _MOST_LABELS} more" if len(values) > _MOST_LABELS else ""
    return f"{model.condition.field}: {', '.join(values[:_MOST_LABELS])}{more}"
