"""`pianola models`, `pianola sample` and `pianola interpolate`."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pianola_cli.common import as_json, echo_json, table, with_client

if TYPE_CHECKING:
    from pianola_cli.client import Client, Model, Sample

_FORMS = {
    ".mid": "midi",
    ".midi": "midi",
    ".wav": "wav",
    ".musicxml": "musicxml",
    ".png": "png",
    ".svg": "svg",
    ".zip": "zip",
}
_MOST_LABELS = 8
_OF_ONE_WINDOW = {"midi": "MIDI", "wav": "WAV", "musicxml": "MusicXML"}


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
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path),
              help="Where to: a .mid, .png or .zip file, or a folder.")  # fmt: skip
@click.option("-n", "count", type=click.IntRange(1, 64), default=1, show_default=True, help="How many windows.")
@click.option("--seed", type=click.IntRange(0, 2**53), help="The same seed gives the same music.")
@click.option("--at", type=(float, float), multiple=True, metavar="X Y",
              help="A point of the model's map to play instead of a seed; may be repeated.")  # fmt: skip
@click.option("--threshold", type=float, help="How sure the model must be of a note.")
@click.option(
    "--temperature", type=float, help="How freely the model chooses pitches, 1 as learnt; not every model has one."
)
@click.option("--tempo", type=float, help="Quarter notes a minute.")
@click.option("--program", type=click.IntRange(0, 127), help="General MIDI instrument, 0 is the piano.")
@click.option("--label", help="What to play, for a model that was told labels: one of the values that `models` shows.")
@click.option("--snap", help="A key that every note is snapped to: 'C major', 'F# minor' ...")
@click.option("--png", is_flag=True, help="Also write the roll as a picture beside a .mid file.")
@as_json
@with_client
def sample(
    client: Client,
    model: str,
    out: Path,
    count: int,
    seed: int | None,
    at: tuple[tuple[float, float], ...],
    threshold: float | None,
    temperature: float | None,
    tempo: float | None,
    program: int | None,
    label: str | None,
    snap: str | None,
    png: bool,
    as_json: bool,
) -> None:
    """Let MODEL (a name or a checkpoint's digest) play, and save what it plays."""
    from pianola_cli.client import SampleOptions

    count = len(at) or count
    form = form_of(out, count)
    options = SampleOptions(
        seed=seed,
        at=[list(point) for point in at] or None,
        threshold=threshold,
        temperature=temperature,
        tempo=tempo,
        program=program,
        key=snap,
        label=label,
    )
    drawn = client.sample(model, count, options)
    origin = f"at {len(at)} points of its map" if at else f"with seed {drawn.seed}"
    written = save(client, drawn, out, form)
    if png and form == "midi":
        picture = out.with_suffix(".png")
        picture.write_bytes(client.get_sample_bytes(drawn.id, "png"))
        written.append(picture)
    if as_json:
        echo_json({**drawn.model_dump(mode="json"), "written": [str(path) for path in written]})
        return
    for path in written:
        click.echo(str(path))
    click.echo(f"{drawn.model or model} played {count} window{'s' if count > 1 else ''} {origin}", err=True)
    empty = sum(window.empty for window in drawn.windows)
    if empty:
        click.echo(f"{empty} of {len(drawn.windows)} windows hold no note; try another seed", err=True)


@click.command()
@click.argument("model")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path),
              help="Where to: a .zip, .png or .svg file, or a folder.")  # fmt: skip
@click.option("--from-seed", type=click.IntRange(0, 2**53), help="Its first window is the first.")
@click.option("--to-seed", type=click.IntRange(0, 2**53), help="Its first window is the last.")
@click.option("--from-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A MIDI file instead, whose first window is the first.")  # fmt: skip
@click.option("--to-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A MIDI file instead, whose first window is the last.")  # fmt: skip
@click.option("--steps", type=click.IntRange(2, 64), default=8, show_default=True, help="How many windows.")
@click.option("--way", type=click.Choice(["slerp", "linear"]), default="slerp", show_default=True,
              help="Along an arc or along a line.")  # fmt: skip
@click.option("--threshold", type=float, help="How sure the model must be of a note.")
@click.option("--temperature", type=float, help="How freely the model chooses pitches; not every model has one.")
@click.option("--tempo", type=float, help="Quarter notes a minute.")
@click.option("--label", help="What to play, for a model that was told labels.")
@as_json
@with_client
def interpolate(
    client: Client,
    model: str,
    out: Path,
    from_seed: int | None,
    to_seed: int | None,
    from_file: Path | None,
    to_file: Path | None,
    steps: int,
    way: str,
    threshold: float | None,
    temperature: float | None,
    tempo: float | None,
    label: str | None,
    as_json: bool,
) -> None:
    """Let MODEL go from the window of one seed or MIDI file to that of another, and save what it plays on the way."""
    from pianola_cli.client import SampleOptions

    form = form_of(out, steps)
    options = SampleOptions(threshold=threshold, temperature=temperature, tempo=tempo, label=label)
    drawn = client.interpolate(
        model, _end("from", from_seed, from_file), _end("to", to_seed, to_file), steps, way, options
    )
    written = save(client, drawn, out, form)
    if as_json:
        echo_json({**drawn.model_dump(mode="json"), "written": [str(path) for path in written]})
        return
    for path in written:
        click.echo(str(path))


@click.command()
@click.argument("model")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path),
              help="Where to: a .mid, .wav, .musicxml, .png, .svg or .zip file, or a folder.")  # fmt: skip
@click.option("--beats", type=click.IntRange(16, 512), default=64, show_default=True,
              help="How long, in quarter notes: whole windows of 8.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**53), help="The same seed gives the same piece.")
@click.option("--drift", type=click.FloatRange(0, 1), help="How far it may move from how it begins: 0 hardly, 1 far.")
@click.option("--from", "begin", metavar="SAMPLE[:WINDOW]", help="A sample's window to begin with and to go on from.")
@click.option("--threshold", type=float, help="How sure the model must be of a note.")
@click.option("--temperature", type=float, help="How freely the model chooses pitches, 1 as learnt.")
@click.option("--tempo", type=float, help="Quarter notes a minute.")
@click.option("--program", type=click.IntRange(0, 127), help="General MIDI instrument, 0 is the piano.")
@click.option("--label", help="What to play, for a model that was told labels.")
@click.option("--snap", help="A key that every note is snapped to: 'C major', 'F# minor' ...")
@as_json
@with_client
def play(
    client: Client,
    model: str,
    out: Path,
    beats: int,
    seed: int | None,
    drift: float | None,
    begin: str | None,
    threshold: float | None,
    temperature: float | None,
    tempo: float | None,
    program: int | None,
    label: str | None,
    snap: str | None,
    as_json: bool,
) -> None:
    """Let MODEL play a piece, music longer than a window that goes on from itself, and save it."""
    from pianola_cli.client import SampleOptions

    form = form_of(out, 1)
    options = SampleOptions(
        seed=seed,
        threshold=threshold,
        temperature=temperature,
        tempo=tempo,
        program=program,
        key=snap,
        label=label,
    )
    drawn = client.play(model, beats, drift, None if begin is None else _window(begin), options)
    written = save(client, drawn, out, form)
    if as_json:
        echo_json({**drawn.model_dump(mode="json"), "written": [str(path) for path in written]})
        return
    for path in written:
        click.echo(str(path))
    click.echo(f"{drawn.model or model} played {beats} quarter notes with seed {drawn.seed}: {drawn.id}", err=True)


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


def save(client: Client, drawn: Sample, out: Path, form: str) -> list[Path]:
    """Write a sample as `form` (one of _FORMS) to the file `out`, or for "folder" unpacked into it."""
    if form == "folder":
        out.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(client.get_sample_bytes(drawn.id, "zip"))) as archive:
            archive.extractall(out)
            return [out / name for name in archive.namelist()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(client.get_sample_bytes(drawn.id, form))
    return [out]


def _labels(model: Model) -> str:
    """What a model can be asked for: its label field and the first values."""
    if model.condition is None:
        return "-"
    values = model.condition.values
    more = f" and {len(values) - _MOST_LABELS} more" if len(values) > _MOST_LABELS else ""
    return f"{model.condition.field}: {', '.join(values[:_MOST_LABELS])}{more}"


def form_of(out: Path, count: int) -> str:
    """The form that a path's ending asks for, or "folder". Raises click.UsageError where it cannot hold `count`."""
    form = "folder" if out.is_dir() or not out.suffix else _FORMS.get(out.suffix.lower())
    if form is None:
        endings = ", ".join(ending for ending in _FORMS if ending != ".midi")
        raise click.UsageError(f"{out.name}: write to a file ({endings}), or to a folder (a name without a dot)")
    if form in _OF_ONE_WINDOW and count > 1:
        raise click.UsageError(
            f"{count} windows do not fit one {_OF_ONE_WINDOW[form]} file: give a folder or a .zip with -o"
        )
    return form
