"""`pianola inspect`: what a build would say about files, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pianola_cli.common import as_json, echo_json, pairs, table
from pianola_cli.errors import PianolaError

if TYPE_CHECKING:
    from pianola.codec.options import CodecOptions
    from pianola.codec.verdict import Verdict


class BadCodecOption(PianolaError):
    """A codec option that does not exist or cannot have this value."""


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE-OR-FOLDER...",
                type=click.Path(exists=True, path_type=Path))  # fmt: skip
@click.option("--preset", type=click.Choice(["piano", "thesis"]), default="piano", show_default=True,
              help="The codec options to read with.")  # fmt: skip
@click.option("-o", "--option", "options", multiple=True, callback=pairs, metavar="KEY=VALUE",
              help='Change one codec option, for example percussion=true, hop=48 or metres=["3/4"].')  # fmt: skip
@as_json
def inspect(paths: tuple[Path, ...], preset: str, options: dict[str, object], as_json: bool) -> None:
    """Say for each MIDI file what a build would say: accepted or refused, and why."""
    # numpy and the codec are imported by this command alone.
    from pianola.codec.options import BadOption, codec_options

    try:
        chosen = codec_options(preset, options)
    except BadOption as error:
        raise BadCodecOption(str(error)) from error
    judged = list(_judged(paths, chosen))
    accepted = [verdict for _, verdict in judged if verdict.accepted]
    windows = sum(verdict.windows for verdict in accepted)
    if as_json:
        document = {
            "preset": preset,
            "options": chosen.to_json(),
            "accepted": len(accepted),
            "refused": len(judged) - len(accepted),
            "windows": windows,
            "files": [{"name": name, **verdict.to_json()} for name, verdict in judged],
        }
        echo_json(document)
        return
    headings = ("file", "verdict", "windows", "notes", "remarks")
    click.echo(table(headings, [_row(name, verdict) for name, verdict in judged]))
    click.echo(f"\n{len(accepted)} accepted ({windows} windows), {len(judged) - len(accepted)} refused")


def _judged(paths: tuple[Path, ...], options: CodecOptions) -> Iterator[tuple[str, Verdict]]:
    from pianola.codec.verdict import judge
    from pianola_cli.files import MIDI_SUFFIXES, find_files

    for file in find_files(paths, MIDI_SUFFIXES):
        yield file.name, judge(file.path.read_bytes(), options)[0]


def _row(name: str, verdict: Verdict) -> tuple[str, str, int | None, int | None, str]:
    if not verdict.accepted:
        where = f" (byte {verdict.offset})" if verdict.offset is not None else ""
        return name, "refused", None, None, f"{verdict.code}: {verdict.reason}{where}"
    left_out = [f"{count} {what.replace('_', ' ')}" for what, count in verdict.left_out.items() if count]
    remarks = "; ".join([*(["left out: " + ", ".join(left_out)] if left_out else []), *verdict.warnings])
    return name, "accepted", verdict.windows, verdict.notes, remarks
