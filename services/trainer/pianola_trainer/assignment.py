"""What an attempt works on, read once at its start."""

from dataclasses import dataclass
from pathlib import Path

from pianola.models.family import RunOptions
from pianola.models.presets import BadRunOptions, resolve
from pianola.objects import ObjectStore
from pianola.records import Records
from pianola.records.errors import StaleAttempt
from pianola.records.tables import Checkpoint, Dataset, Run
from pianola_trainer.errors import CannotTrain
from pianola_trainer.patience import patiently


@dataclass(frozen=True)
class Assignment:
    """An attempt at a run: rows as they were at its start, records and store to write to, a folder for files.

    source: the checkpoint whose weights it begins with; None where it begins with its seed's.
    windows_bytes: what the dataset's windows may take in memory.
    """

    run: Run
    dataset: Dataset
    source: Checkpoint | None
    options: RunOptions
    attempt: int
    records: Records
    store: ObjectStore
    workspace: Path
    windows_bytes: int


def read_assignment(
    run_id: str, attempt: int, records: Records, store: ObjectStore, workspace: Path, windows_bytes: int
) -> Assignment:
    """Raises StaleAttempt, and CannotTrain where the run's options are not those of this version."""
    run, dataset, source = patiently(lambda: _rows(records, run_id))
    if run.attempt != attempt:
        raise StaleAttempt(run_id, attempt)
    return Assignment(run, dataset, source, read_options(run), attempt, records, store, workspace, windows_bytes)


def read_options(run: Run) -> RunOptions:
    """Raises CannotTrain where the run's options are not those of this version."""
    try:
        return resolve(run.family, run.preset, run.options)
    except BadRunOptions as error:
        raise CannotTrain(f"this version of Pianola cannot train the run: {error}") from error


def _rows(records: Records, run_id: str) -> tuple[Run, Dataset, Checkpoint | None]:
    with records.read() as session:
        run = session.get_one(Run, run_id)
        source = None if run.from_checkpoint_id is None else session.get_one(Checkpoint, run.from_checkpoint_id)
        return run, session.get_one(Dataset, run.dataset_id), source
