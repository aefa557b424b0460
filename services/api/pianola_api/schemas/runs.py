"""Shapes of runs and of what they leave: metrics, checkpoints, attempts, plots, evaluations."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from pianola.queue import TRAIN, TRAIN_GPU
from pianola.records.tables import Attempt as AttemptRow
from pianola.records.tables import Checkpoint as CheckpointRow
from pianola.records.tables import Dataset
from pianola.records.tables import Evaluation as EvaluationRow
from pianola.records.tables import Run as Row
from pianola_api.schemas.common import Body, Name, Page, PageQuery, Resource

State = Literal["queued", "running", "cancelling", "pausing", "paused", "succeeded", "failed", "cancelled"]
Device = Literal["cpu", "gpu"]
QUEUES: Final[dict[Device, str]] = {"cpu": TRAIN, "gpu": TRAIN_GPU}
"""where the trainers of each device take their runs from"""
_DEVICES: Final = {queue: device for device, queue in QUEUES.items()}
LARGEST_SEED = 2**53 - 1
"""the largest whole number that every JSON reader keeps exact"""


class NewRun(Body):
    """A run to submit."""

    dataset: str = Field(max_length=200, description="id of a built dataset, its name (the newest version) or name@2")
    family: str | None = Field(
        None, max_length=40, description="model family: see GET /v1/families; may be left out with from_checkpoint"
    )
    preset: str | None = Field(None, max_length=40, description="default, or that of from_checkpoint, if not given")
    options: dict[str, Any] | None = Field(None, description="run options that differ from the preset's")
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="chosen at random when not given")
    model: Name | None = Field(None, description="name of a model that will point at the result")
    from_checkpoint: str | None = Field(
        None,
        max_length=200,
        description="fine-tuning: begin with the weights of a checkpoint (digest of either half), of a model (name) or "
        "of a run (id); family, preset and condition are its own, if not given, and have to be the same",
    )
    device: Device = Field("cpu", description="what it is trained on; the run waits for a trainer that has one")


class Source(Resource):
    """The checkpoint whose weights a run begins with; `digest` is the sha256 of the whole of it."""

    run_id: str
    step: int
    digest: str

    @classmethod
    def of(cls, row: CheckpointRow) -> "Source":
        """The row as its shape."""
        return cls(run_id=row.run_id, step=row.step, digest=row.digest)


class Progress(Resource):
    """How far the live attempt is: `fraction` 0..1, `eta_seconds` until the end of training."""

    fraction: float | None = None
    loss: float | None = None
    windows_per_second: float | None = None
    eta_seconds: float | None = None


class Setup(Resource):
    """How a run's attempts compute, chosen by the first; weights depend on all of it, bit for bit.

    device: cpu, or the GPU's name. threads: of each of the `processes`. windows_per_second: what was measured of each
    candidate where options.precision is auto; empty where it is not.
    """

    device: str
    precision: Literal["float32", "bfloat16"]
    channels_last: bool
    threads: int
    processes: int
    torch: str
    windows_per_second: dict[str, float]


class Run(Resource):
    """One training job."""

    id: str
    dataset_id: str
    dataset_name: str
    dataset_digest: str | None
    family: str
    preset: str
    options: dict[str, Any]
    seed: int
    model: str | None
    from_checkpoint: Source | None = Field(description="null where it begins with weights drawn from its seed")
    device: Device
    state: State
    attempt: int
    step: int
    epoch: int
    best_step: int | None = Field(
        description="step of the checkpoint with the lowest held-out loss so far; null where nothing says which is best"
    )
    setup: Setup | None = Field(description="null before its first attempt begins to train")
    progress: Progress | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Row, dataset: Dataset, best: CheckpointRow | None, source: CheckpointRow | None) -> "Run":
        """The row as its shape, with its dataset's name and digest, its best step and the checkpoint it begins from."""
        derived = {
            "best_step": None if best is None else best.step,
            "dataset_name": dataset.name,
            "dataset_digest": dataset.digest,
            "device": _DEVICES[row.queue],
            "from_checkpoint": None if source is None else Source.of(source),
            "progress": progress_of(row),
            "setup": _setup_of(row),
        }
        return cls(**derived, **{name: getattr(row, name) for name in cls.model_fields.keys() - derived.keys()})


def _setup_of(row: Row) -> Setup | None:
    return None if row.setup is None else Setup(**{name: row.setup[name] for name in Setup.model_fields})


def progress_of(row: Row) -> Progress | None:
    """What the live attempt last said, as far as it is part of the shape."""
    if row.progress is None:
        return None
    return Progress(**{name: row.progress.get(name) for name in Progress.model_fields})


class RunPage(Page[Run]):
    """A page of runs, newest first."""


class RunsQuery(PageQuery):
    """Which runs are asked for."""

    state: State | None = None
    dataset: str | None = Field(None, max_length=200, description="id or name")


class MetricPoint(Resource):
    """What was measured at one evaluation point; a value that is no number any more is null."""

    step: int
    epoch: int
    attempt: int
    values: dict[str, float | None]
    created_at: datetime


class MetricPage(Page[MetricPoint]):
    """A page of the series, by step."""


class Checkpoint(Resource):
    """A committed checkpoint: digests are sha256 of the whole file and of its generating half, sizes in bytes.

    best: it is the one with the lowest held-out loss so far.
    """

    step: int
    epoch: int
    attempt: int
    digest: str
    size: int
    generator_digest: str
    generator_size: int
    final: bool
    best: bool
    created_at: datetime

    @classmethod
    def of(cls, row: CheckpointRow, best: CheckpointRow | None) -> "Checkpoint":
        """The row as its shape."""
        given = {name: getattr(row, name) for name in cls.model_fields if name != "best"}
        return cls(**given, best=best is not None and row.id == best.id)


class CheckpointPage(Page[Checkpoint]):
    """A page of checkpoints, by step."""


class Attempt(Resource):
    """One try at the run by one worker; `log_tail` is the end of what it said."""

    attempt: int
    worker: str
    first_step: int
    outcome: str | None
    log_tail: str | None
    started_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, row: AttemptRow) -> "Attempt":
        """The row as its shape."""
        given = {name: getattr(row, name) for name in cls.model_fields if name != "attempt"}
        return cls(**given, attempt=row.number)


class AttemptPage(Page[Attempt]):
    """A page of attempts, first to last."""


class Plot(Resource):
    """A picture or table that the run or its evaluation left; `url` answers its bytes."""

    name: str
    kind: str
    step: int
    media_type: str
    size: int
    url: str


class PlotPage(Page[Plot]):
    """A page of plots, by step and name."""


class NewEvaluation(Body):
    """An evaluation to make: how many windows are drawn, from which seed."""

    samples: int = Field(1000, ge=1, le=100_000)
    seed: int = Field(0, ge=0, le=LARGEST_SEED)


class Evaluation(Resource):
    """Numbers and plots comparing generated windows with the dataset; `checkpoint` is a generating half's digest.

    `report`, once succeeded: counts of `generated` and `data`, note frequencies and their differences, and the parts
    `music`, `fidelity`, `two_sample`, `copying` and `likelihood`. What cannot be said is null; `missing` says why.
    """

    id: str
    run_id: str
    checkpoint: str
    state: Literal["queued", "running", "succeeded", "failed"]
    samples: int
    seed: int
    report: dict[str, Any] | None
    plots: list[str]
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: EvaluationRow, checkpoint: str) -> "Evaluation":
        """The row as its shape."""
        given = {name: getattr(row, name) for name in cls.model_fields if name != "checkpoint"}
        return cls(**given, checkpoint=checkpoint)
