"""The demo: a whole Pianola on a free port, real music, two short trainings, and what they play."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from pianola_cli.client import Client, Dataset, Run, SampleOptions, StillGoing
from pianola_cli.commands.datasets import summary, wait_until_built
from pianola_cli.commands.evaluations import finished, save_plots
from pianola_cli.commands.runs import watched
from pianola_cli.comparison import report_text
from pianola_cli.errors import PianolaError
from pianola_cli.local.children import Keeper

FAMILIES = ("vae", "gan")

# 100 chorales become MIDI in 10 s and give some 800 windows.
_CHORALES = 100
# More than the 8 promised: a model this young may leave a window empty.
_WINDOWS = 12
_SEED = 1
# `make demo` promises 10 minutes: 2 for the installation, 1 for whatever is slow that day.
_BUDGET_S = 420.0
# A model's samples and the 1,000 of its evaluation: 90 s for the VAE on two cores, which writes note after note.
_AFTER_TRAINING_S = 100.0
_LEAST_TRAINING_S = 20.0
# How far the last evaluation may go beyond the budget before the demo ends without it.
_OVERTIME_S = 60.0
_READY = "Pianola is ready at "
_STOP_S = 20.0


class NoScores(PianolaError):
    """music21, which carries the demo's music, is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "the demo's music comes with music21: pip install 'pianola-cli[demo]', or give your own with --data FOLDER"
        )


class DidNotStart(PianolaError):
    """`pianola up` ended before it was ready."""

    def __init__(self, said: str) -> None:
        super().__init__(f"pianola up did not start: {said.strip() or 'it said nothing'}")


class Demo:
    """One demo; `seconds` of training for each model, less where time is short."""

    def __init__(self, data: Path | None, out: Path, seconds: float) -> None:
        self._data = data
        self._out = out
        self._seconds = seconds
        self._home = out / "home"
        self._begun = time.monotonic()

    def run(self) -> None:
        """The whole journey. Raises PianolaError."""
        self._out.mkdir(parents=True, exist_ok=True)
        music = self._data or self._chorales()
        with running(self._home) as url, Client(url) as client:
            dataset = self._build(client, music)
            found = [self._family(client, dataset, family, left) for left, family in _countdown(FAMILIES)]
        self._say_where(found)

    def _chorales(self) -> Path:
        """Bach's chorales as MIDI files, from the scores in music21's wheel."""
        folder = self._out / "chorales"
        _step(f"writing {_CHORALES} of Bach's chorales to {_shown(folder)}")
        folder.mkdir(exist_ok=True)
        write_chorales(folder, _CHORALES)
        return folder

    def _build(self, client: Client, music: Path) -> Dataset:
        name = f"demo-{datetime.now():%Y%m%d-%H%M%S}"
        _step(f"building dataset {name} from {_shown(music)}")
        client.create_dataset(name)
        client.upload(name, [music])
        dataset = wait_until_built(client, client.build(name))
        click.echo(summary(dataset))
        for file in client.dataset_files(name, "refused"):
            click.echo(f"  refused {file.name}: {file.reason}")
        return dataset

    def _family(self, client: Client, dataset: Dataset, family: str, left: int) -> int:
        """Train, play, evaluate; returns how many MIDI files with notes there are."""
        seconds = self._training_seconds(left)
        model = f"demo-{family}"
        _step(f"training the {family} for {seconds:.0f} s")
        run = client.train(dataset.id, family, options={"seconds": seconds}, seed=_SEED, model=model)
        watched(client, run)
        _step(f"{model} plays")
        folder = self._out / family
        with_notes = self._play(client, model, folder)
        _step(f"comparing what {model} plays with the dataset")
        self._evaluate(client, run, folder / "evaluation")
        return with_notes

    def _training_seconds(self, left: int) -> float:
        """The seconds asked for, or an even share of what is left of the time."""
        remaining = _BUDGET_S - (time.monotonic() - self._begun)
        share = remaining / left - _AFTER_TRAINING_S
        return min(self._seconds, max(share, _LEAST_TRAINING_S))

    def _play(self, client: Client, model: str, folder: Path) -> int:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        sample = client.sample(model, _WINDOWS, SampleOptions(seed=_SEED))
        with zipfile.ZipFile(io.BytesIO(client.get_sample_bytes(sample.id, "zip"))) as archive:
            archive.extractall(folder)
        (folder / "grid.png").write_bytes(client.get_sample_bytes(sample.id, "png"))
        counts = {path: notes_in(path) for path in sorted(folder.glob("*.mid"))}
        for path, notes in counts.items():
            click.echo(f"  {_shown(path)}: {f'{notes} notes' if notes else 'empty, the model is silent here'}")
        return sum(1 for notes in counts.values() if notes)

    def _evaluate(self, client: Client, run: Run, folder: Path) -> None:
        remaining = _BUDGET_S - (time.monotonic() - self._begun)
        try:
            evaluation = finished(client, run.id, max(remaining, 0) + _OVERTIME_S)
        except StillGoing:
            click.echo("  it takes longer than the demo has: it goes on when Pianola runs again,")
            click.echo(f"  and `pianola evaluate {run.id}` shows it then")
            return
        click.echo(report_text(evaluation.report or {}))
        for path in save_plots(client, evaluation, folder):
            click.echo(f"  {_shown(path)}")

    def _say_where(self, found: list[int]) -> None:
        program = Path(sys.executable).parent / "pianola"
        _step(f"done in {time.monotonic() - self._begun:.0f} s: {sum(found)} MIDI files with notes")
        for family in FAMILIES:
            folder = _shown(self._out / family)
            click.echo(
                f"  {folder}/001.mid and so on: play them with any MIDI player; {folder}/grid.png shows them all"
            )
        click.echo(f"to hear them in the browser: {_shown(program)} up --home {_shown(self._home)}")
        click.echo("then open http://127.0.0.1:8470")


def write_chorales(folder: Path, count: int) -> None:
    """Write the first `count` chorales of Riemenschneider's edition to `folder` as MIDI. Raises NoScores."""
    try:
        from music21 import corpus, repeat
    except ModuleNotFoundError as error:
        raise NoScores from error

    written = 0
    with click.progressbar(length=count, label="chorales") as bar:
        # A few are in the edition twice.
        for name in dict.fromkeys(corpus.chorales.Iterator(returnType="filename")):
            path = folder / f"{Path(name).name}.mid"
            try:
                if not path.exists():
                    corpus.parse(name).write("midi", fp=path)
            except repeat.ExpanderException:
                # A few scores have repeats that music21 cannot follow; the next one will do.
                continue
            bar.update(1)
            written += 1
            if written == count:
                return


def notes_in(path: Path) -> int:
    """Notes in a MIDI file, as mido reads it."""
    import mido

    return sum(
        1
        for track in mido.MidiFile(path).tracks
        for message in track
        if message.type == "note_on" and message.velocity > 0
    )


@contextmanager
def running(home: Path) -> Iterator[str]:
    """A `pianola up` with this home on a free port, as a child; yields its URL. Raises DidNotStart."""
    command = [sys.executable, "-m", "pianola_cli.main", "up", "--home", str(home), "--port", "0"]
    keeper = Keeper()
    # In a session of its own: Ctrl-C reaches the demo, which then ends it in order.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        keeper.began(process.pid)
        try:
            yield _url(process)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
            keeper.ended(process.pid)
            keeper.close()


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        if line.startswith(_READY):
            return line.removeprefix(_READY).strip()
        said.append(line)
    raise DidNotStart("".join(said))


def _countdown(families: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """The families, each with how many are left including it."""
    for index, family in enumerate(families):
        yield len(families) - index, family


def _step(text: str) -> None:
    click.echo(f"\n== {text}")


def _shown(path: Path) -> str:
    """The path as a person in this folder would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
