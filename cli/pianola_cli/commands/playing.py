"""What all commands that let a model play share: how it is to play, and where the music goes."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pianola_cli.common import as_json, echo_json

if TYPE_CHECKING:
    from pianola_cli.client import Client, Sample

T = TypeVar("T")

_FORMS = {
    ".mid": "midi",
    ".midi": "midi",
    ".wav": "wav",
    ".musicxml": "musicxml",
    ".png": "png",
    ".svg": "svg",
    ".zip": "zip",
}
_OF_ONE_WINDOW = {"midi": "MIDI", "wav": "WAV", "musicxml": "MusicXML"}


@dataclass(frozen=True)
class Destination:
    """The file or folder that a sample is saved to, and whether that is told as JSON."""

    out: Path
    as_json: bool

    @property
    def form(self) -> str:
        """What the path's ending asks for, or "folder". Raises click.UsageError."""
        form = "folder" if self.out.is_dir() or not self.out.suffix else _FORMS.get(self.out.suffix.lower())
        if form is None:
            endings = ", ".join(ending for ending in _FORMS if ending != ".midi")
            raise click.UsageError(
                f"{self.out.name}: write to a file ({endings}), or to a folder (a name without a dot)"
            )
        return form

    def check(self, count: int) -> None:
        """Raise click.UsageError where nothing can be saved, or not as many as `count` windows or variations."""
        form = self.form
        if count > 1 and form in _OF_ONE_WINDOW:
            raise click.UsageError(
                f"{count} windows do not fit one {_OF_ONE_WINDOW[form]} file: give a folder or a .zip with -o"
            )

    def save(self, client: Client, drawn: Sample, picture: bool = False) -> None:
        """Write a sample, with a picture beside a MIDI file if asked for, and print what was written."""
        written = self._unpacked(client, drawn) if self.form == "folder" else [self._file(client, drawn)]
        if picture and self.form == "midi":
            written.append(Destination(self.out.with_suffix(".png"), self.as_json)._file(client, drawn))
        if self.as_json:
            echo_json({**drawn.model_dump(mode="json"), "written": [str(path) for path in written]})
        else:
            click.echo("\n".join(str(path) for path in written))

    def note(self, words: str) -> None:
        """Say what is no path, on stderr; nothing where JSON was asked for."""
        if not self.as_json:
            click.echo(words, err=True)

    def _unpacked(self, client: Client, drawn: Sample) -> list[Path]:
        self.out.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(client.get_sample_bytes(drawn.id, "zip"))) as archive:
            archive.extractall(self.out)
            return [self.out / name for name in archive.namelist()]

    def _file(self, client: Client, drawn: Sample) -> Path:
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_bytes(client.get_sample_bytes(drawn.id, self.form))
        return self.out


def plays(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command -o and --json as `to`, a Destination, and how it is to play as `how`, for SampleOptions."""

    @click.option("-o", "--out", required=True, type=click.Path(path_type=Path),
                  help="Where to: a folder, .zip, .png or .svg; of one music also .mid, .wav, .musicxml.")  # fmt: skip
    @click.option("--threshold", type=float, help="How sure the model must be of a note.")
    @click.option("--temperature", type=float,
                  help="How freely the model chooses pitches, 1 as learnt; not every model has one.")  # fmt: skip
    @click.option("--attribute", "attributes", type=(str, float), multiple=True, metavar="NAME STEPS",
                  help="Moves it along a direction that `vectors` shows: density 1; may be repeated.")  # fmt: skip
    @click.option("--label",
                  help="What to play, for a model that was told labels: a value that `models` shows.")  # fmt: skip
    @click.option("--snap", help="A key that every note is snapped to: 'C major', 'F# minor' ...")
    @click.option("--tempo", type=float, help="Quarter notes a minute.")
    @click.option("--program", type=click.IntRange(0, 127), help="General MIDI instrument, 0 is the piano.")
    @as_json
    @functools.wraps(command)
    def with_options(
        *args: Any,
        out: Path,
        as_json: bool,
        attributes: tuple[tuple[str, float], ...],
        snap: str | None,
        threshold: float | None,
        temperature: float | None,
        label: str | None,
        tempo: float | None,
        program: int | None,
        **kwargs: Any,
    ) -> T:
        how = {
            "threshold": threshold,
            "temperature": temperature,
            "attributes": dict(attributes) or None,
            "label": label,
            "key": snap,
            "tempo": tempo,
            "program": program,
        }
        return command(*args, to=Destination(out, as_json), how=how, **kwargs)

    return with_options


def seed_option(of: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """--seed of a command; `of` is what the same seed gives again."""
    return click.option("--seed", type=click.IntRange(0, 2**53 - 1), help=f"The same seed gives the same {of}.")
