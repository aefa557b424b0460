"""What the server's JSON becomes: one frozen type per resource.

Forward compatible: unknown fields are ignored, states and kinds are plain strings, and everything a newer server might
leave out has a default. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

RUN_ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""The states of a run that never change again."""


class Resource(BaseModel):
    """A resource as the server gave it."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Dataset(Resource):
    """A named set of MIDI files and the codec options they are read with; immutable once built."""

    id: str
    name: str
    state: str
    preset: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    digest: str | None = None
    files: int | None = None
    files_accepted: int | None = None
    files_refused: int | None = None
    files_done: int | None = None
    windows: int | None = None
    notes: int | None = None
    error: str | None = None
    created_at: datetime | None = None
    built_at: datetime | None = None


class DatasetFile(Resource):
    """One file of a dataset; `verdict` and what follows it are None before the build came to it."""

    name: str
    sha256: str | None = None
    size: int | None = None
    verdict: str | None = None
    windows: int | None = None
    notes: int | None = None
    left_out: dict[str, int] | None = None
    warnings: list[str] | None = None
    code: str | None = None
    offset: int | None = None
    reason: str | None = None


class SkippedFile(Resource):
    """An uploaded file that the dataset did not take."""

    name: str
    reason: str = ""


class UploadReport(Resource):
    """What an upload came to, over all its requests."""

    added: int = 0
    unchanged: int = 0
    skipped: list[SkippedFile] = Field(default_factory=list)

    def plus(self, other: UploadReport) -> UploadReport:
        """Both reports as one."""
        return UploadReport(
            added=self.added + other.added,
            unchanged=self.unchanged + other.unchanged,
            skipped=[*self.skipped, *other.skipped],
        )


class Progress(Resource):
    """How far a run is: `fraction` from 0 to 1, times in seconds."""

    fraction: float | None = None
    loss: float | None = None
    windows_per_second: float | None = None
    eta_seconds: float | None = None


class Run(Resource):
    """One training run."""

    id: str
    state: str
    dataset_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    family: str
    preset: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    seed: int | None = None
    model: str | None = None
    device: str | None = None
    attempt: int = 0
    step: int | None = None
    epoch: int | None = None
    progress: Progress | None = None
    error: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the run is in a state that never changes again."""
        return self.state in RUN_ENDED


class MetricPoint(Resource):
    """The numbers of one evaluation point of a run."""

    step: int
    epoch: int | None = None
    attempt: int | None = None
    values: dict[str, float | None] = Field(default_factory=dict)
    created_at: datetime | None = None


class Event(Resource):
    """Something that happened to a run or a dataset.

    `id` counts from 1 without gaps; progress between events has none.
    """

    id: int | None = None
    kind: str
    data: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime | None = None


class Checkpoint(Resource):
    """Weights of a run at one step: the whole checkpoint and its generating half, each by digest."""

    step: int
    digest: str
    epoch: int | None = None
    attempt: int | None = None
    size: int | None = None
    generator_digest: str | None = None
    generator_size: int | None = None
    final: bool = False
    created_at: datetime | None = None


class Evaluation(Resource):
    """Numbers and plots that compare generated windows with the run's dataset."""

    id: str
    run_id: str
    state: str
    checkpoint: str | None = None
    samples: int | None = None
    seed: int | None = None
    report: dict[str, Any] | None = None
    plots: list[str] = Field(default_factory=list)
    error: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the evaluation has come to an end, well or not."""
        return self.state in RUN_ENDED


class Plot(Resource):
    """A picture a run left behind."""

    name: str
    kind: str | None = None
    step: int | None = None
    media_type: str | None = None
    size: int | None = None
    url: str | None = None


class Model(Resource):
    """A name that points at a checkpoint's generating half."""

    name: str
    run_id: str | None = None
    checkpoint: str | None = None
    family: str | None = None
    preset: str | None = None
    dataset_id: str | None = None
    lowest_pitch: int | None = None
    step: int | None = None
    updated_at: datetime | None = None


class Note(Resource):
    """A note: MIDI pitch, start and length in steps (12 a quarter note)."""

    pitch: int
    start: int
    length: int


class SampleWindow(Resource):
    """One generated window: its latent position and its notes."""

    index: int
    z: list[float] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    empty: bool = False


class Sample(Resource):
    """Generated windows with everything needed to make them again."""

    id: str
    model: str | None = None
    checkpoint: str | None = None
    family: str | None = None
    seed: int | None = None
    n: int = 1
    options: dict[str, Any] = Field(default_factory=dict)
    windows: list[SampleWindow] = Field(default_factory=list)
    steps_per_quarter: int = 12
    created_at: datetime | None = None


class SampleOptions(Resource):
    """What a sample is drawn and written with; None leaves the choice to the server."""

    seed: int | None = None
    threshold: float | None = None
    tempo: float | None = None
    numerator: int | None = None
    denominator: int | None = None
    program: int | None = None


class Key(Resource):
    """An API key; `secret` is there once, in the answer that made it."""

    id: str
    name: str
    scopes: list[str] = Field(default_factory=list)
    secret: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
