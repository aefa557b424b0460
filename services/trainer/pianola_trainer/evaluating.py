"""An evaluation: windows that a checkpoint plays, compared with its dataset in numbers and plots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors.numpy import load

from pianola.codec.window import Bytes
from pianola.evaluation.canvas import NothingToPlot
from pianola.evaluation.metrics import compare_counts, count
from pianola.evaluation.pictures import grid_png
from pianola.evaluation.plots import accuracy_curves, latent_scatter, loss_curves, note_frequency_plot
from pianola.evaluation.report_plots import honesty_plot, music_plot
from pianola.models.conditions import Labels, in_proportion
from pianola.models.generator import Generator, NotAGenerator
from pianola.models.learner import Learner
from pianola.models.registry import create_learner, load_generator
from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore, verified
from pianola.records import Records, evaluations, runs
from pianola.records.errors import StaleAttempt
from pianola.records.leases import NewArtefact
from pianola.records.states import EvaluationState
from pianola.records.tables import Checkpoint, Dataset, Evaluation, Json, Run
from pianola_trainer.assignment import read_options
from pianola_trainer.batches import split_of_run
from pianola_trainer.checkpoints import BadCheckpoint, File, fetch_checkpoint, read_checkpoint
from pianola_trainer.errors import CheckpointUnreadable
from pianola_trainer.orders import Orders
from pianola_trainer.patience import patiently
from pianola_trainer.reporting import Material, report_on
from pianola_trainer.windows import read_windows

GRID: Final = 36
_BLOCK: Final = 64
_MEDIA: Final[dict[Literal["png", "svg"], str]] = {"png": "image/png", "svg": "image/svg+xml"}

Plot = Callable[[Literal["png", "svg"]], bytes]
_log = structlog.get_logger("evaluation")


@dataclass(frozen=True)
class Subject:
    """What is evaluated: rows as they were at the start, and the run's series, also past the checkpoint."""

    evaluation: Evaluation
    run: Run
    dataset: Dataset
    checkpoint: Checkpoint
    points: list[tuple[int, dict[str, float]]]
    latent_key: str | None


def run_evaluation(
    evaluation_id: str, attempt: int, records: Records, store: ObjectStore, workspace: Path, orders: Orders
) -> None:
    """Evaluate, and keep report and plots. Raises Asked, StaleAttempt, CannotTrain."""
    subject = patiently(lambda: _read(records, evaluation_id, attempt))
    options = read_options(subject.run)
    windows = read_windows(store, subject.dataset, most_bytes=0).conditioned(options.condition)
    sides = split_of_run(windows.file, windows.held_out, options.held_out, subject.run.seed)
    windows, sides = windows.excerpt(sides)
    generator = _generator(store, subject.checkpoint)
    labels = None if windows.told is None else _shuffled(windows.told, subject.evaluation)
    generated = _play(generator, subject.evaluation, labels, orders)
    orders.check()
    of_generated, of_data = count(generated), count(windows.blocks())
    counted = compare_counts(of_generated, of_data, generator.lowest_pitch)

    def restored() -> Learner[Any]:
        density = windows.density(sides.training)
        run = subject.run
        learner = create_learner(run.family, run.preset, options, run.seed, density, windows.conditions)
        return _restore(learner, store, subject.checkpoint, workspace / "evaluated.safetensors")

    report = counted | report_on(Material(generated, windows, sides, subject.evaluation.seed, orders), restored)
    frequency = {side: np.array(bars) for side, bars in report["note_frequency"].items()}
    files = _plots(
        {
            "note_frequency": lambda media: note_frequency_plot(frequency["generated"], frequency["data"], media),
            "loss": lambda media: loss_curves(
                subject.points, {"one density": of_data.constant_nats, "density by pitch": of_data.pitch_nats}, media
            ),
            "accuracy": lambda media: accuracy_curves(subject.points, media),
            "music": lambda media: music_plot([("generated", report)], media),
            "honesty": lambda media: honesty_plot([("generated", report)], media),
            **_latent_plot(store, subject),
        },
        orders,
    )
    grid = grid_png(generated[:GRID], columns=6, lowest_pitch=generator.lowest_pitch)
    files.append(File("evaluation-sample-grid.png", "sample_grid", "image/png", grid))
    artefacts = _put(store, subject, attempt, files)
    report |= {
        "samples": len(generated),
        "seed": subject.evaluation.seed,
        "checkpoint": subject.checkpoint.generator_digest,
        "step": subject.checkpoint.step,
    }
    patiently(lambda: _succeed(records, evaluation_id, attempt, report, artefacts))
    _log.info("evaluated", largest_difference=report["largest_difference"])


def _read(records: Records, evaluation_id: str, attempt: int) -> Subject:
    with records.read() as session:
        evaluation = session.get_one(Evaluation, evaluation_id)
        if (evaluation.state, evaluation.attempt) != (EvaluationState.RUNNING, attempt):
            raise StaleAttempt(evaluation_id, attempt)
        run = session.get_one(Run, evaluation.run_id)
        checkpoint = session.get_one(Checkpoint, evaluation.checkpoint_id)
        series = runs.metrics(session, run.id)
        kept = [row for row in runs.artefacts(session, run.id) if row.kind == "latent" and row.step <= checkpoint.step]
        latent_key = kept[-1].key if kept else None
        points = [(point.step, point.values) for point in series]
        return Subject(evaluation, run, session.get_one(Dataset, run.dataset_id), checkpoint, points, latent_key)


def _generator(store: ObjectStore, checkpoint: Checkpoint) -> Generator:
    digest = checkpoint.generator_digest
    try:
        return load_generator(patiently(lambda: verified(store, checkpoint.generator_key, digest)))
    except (ObjectMissing, ObjectCorrupt, NotAGenerator) as error:
        raise CheckpointUnreadable(digest, error) from error


def _restore(learner: Learner[Any], store: ObjectStore, checkpoint: Checkpoint, path: Path) -> Learner[Any]:
    """The learner as it was at the checkpoint, by way of a file. Raises CheckpointUnreadable."""
    try:
        patiently(partial(fetch_checkpoint, store, checkpoint, path))
        read_checkpoint(path, learner)
    except (ObjectMissing, ObjectCorrupt, BadCheckpoint) as error:
        raise CheckpointUnreadable(checkpoint.digest, error) from error
    finally:
        path.unlink(missing_ok=True)
    return learner


def _shuffled(told: Labels, evaluation: Evaluation) -> Labels:
    """A label for each of the evaluation's windows [samples], in the data's proportions and an order of its seed."""
    order = np.random.default_rng(evaluation.seed)
    return order.permutation(in_proportion(told, evaluation.samples))


def _play(generator: Generator, evaluation: Evaluation, labels: Labels | None, orders: Orders) -> Bytes:
    """The evaluation's windows [samples, 96, 96], at labels [samples] for a model with conditions."""
    played = []
    for first in range(0, evaluation.samples, _BLOCK):
        orders.check()
        indices = range(first, min(first + _BLOCK, evaluation.samples))
        of_block = None if labels is None else labels[indices.start : indices.stop]
        played.append(generator.windows(generator.positions(evaluation.seed, indices, of_block), labels=of_block))
    return np.concatenate(played)


def _latent_plot(store: ObjectStore, subject: Subject) -> dict[str, Plot]:
    """The scatter of the positions kept last; nothing for a family without an encoder."""
    if subject.latent_key is None:
        return {}
    key = subject.latent_key
    table: dict[str, NDArray[np.float32]] = load(patiently(lambda: store.get(key)))
    return {"latent_scatter": lambda media: latent_scatter(table["positions"], table["file"], media)}


def _plots(plots: dict[str, Plot], orders: Orders) -> list[File]:
    """Every plot as PNG and as SVG, but those for which the run measured nothing."""
    files = []
    for kind, plot in plots.items():
        for media, media_type in _MEDIA.items():
            orders.check()
            name = f"evaluation-{kind.replace('_', '-')}.{media}"
            try:
                files.append(File(name, kind, media_type, plot(media)))
            except NothingToPlot as reason:
                _log.info("not_plotted", name=name, reason=str(reason))
    return files


def _put(store: ObjectStore, subject: Subject, attempt: int, files: Sequence[File]) -> list[NewArtefact]:
    folder = f"runs/{subject.run.id}/evaluations/{subject.evaluation.id}/a{attempt}"
    kept = []
    for file in files:
        key = f"{folder}/{file.name}"
        patiently(partial(store.put, key, file.data))
        kept.append(NewArtefact(file.name, file.kind, subject.checkpoint.step, key, file.media_type, len(file.data)))
    return kept


def _succeed(
    records: Records, evaluation_id: str, attempt: int, report: Json, artefacts: Sequence[NewArtefact]
) -> None:
    with records.write() as session:
        evaluation = session.get_one(Evaluation, evaluation_id)
        # A connection that broke may have broken after the commit.
        if (evaluation.state, evaluation.attempt) != (EvaluationState.SUCCEEDED, attempt):
            evaluations.succeed(session, evaluation_id, attempt, report, artefacts)
