"""What the server's JSON becomes: one frozen type per resource.

Forward compatible: unknown fields are ignored, states and kinds are plain strings, and everything a newer server might
leave out has a default. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

RUN_ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""The states of a run, an evaluation or an import that never change again."""


class Resource(BaseModel):
    """A resource as the server gave it."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class BuildPace(Resource):
    """How fast a build goes: windows a second, and the seconds until every file is read."""

    windows_per_second: float | None = None
    eta_seconds: float | None = None


class Duplicates(Resource):
    """What deduplication left out: identical windows, and near-identical files."""

    windows: int = 0
    files: int = 0


class Dataset(Resource):
    """One version of a named set of MIDI files and the options they are read with; immutable once built.

    `labels` are the values of each label field; `progress` is there while it is building.
    """

    id: str
    name: str
    version: int = 1
    parent_id: str | None = None
    state: str
    preset: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    digest: str | None = None
    files: int | None = None
    files_accepted: int | None = None
    files_refused: int | None = None
    files_done: int | None = None
    files_reused: int | None = None
    windows: int | None = None
    windows_held_out: int | None = None
    notes: int | None = None
    labels: dict[str, list[str]] = Field(default_factory=dict)
    duplicates: Duplicates | None = None
    progress: BuildPace | None = None
    error: str | None = None
    created_at: datetime | None = None
    built_at: datetime | None = None

    @property
    def versioned_name(self) -> str:
        """The name that means this version for good: "name", or "name@2" for a later one."""
        return self.name if self.version == 1 else f"{self.name}@{self.version}"


class Building(BuildPace):
    """How far a dataset's build is: files in all, and what those done came to."""

    state: str
    files: int = 0
    files_done: int = 0
    files_refused: int = 0
    files_reused: int = 0
    windows: int = 0

    @classmethod
    def of(cls, dataset: Dataset) -> Building:
        """What a dataset says of its own build."""
        said = dataset.model_dump(exclude_none=True)
        return cls.model_validate({**said, **said.get("progress", {})})


class DatasetFile(Resource):
    """One file of a dataset; `verdict` and what follows it are None before the build came to it.

    `duplicate_of` names the near-identical file that was kept instead of this one.
    """

    name: str
    sha256: str | None = None
    size: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    verdict: str | None = None
    windows: int | None = None
    notes: int | None = None
    held_out: bool | None = None
    duplicate_of: str | None = None
    left_out: dict[str, int] | None = None
    warnings: list[str] | None = None
    code: str | None = None
    offset: int | None = None
    reason: str | None = None


class SkippedFile(Resource):
    """An uploaded file that the dataset did not take."""

    name: str
    reason: str = ""


class DatasetVersion(Resource):
    """Which version of a dataset took files or labels."""

    id: str
    name: str
    version: int = 1
    state: str | None = None


class UploadReport(Resource):
    """What an upload came to, over all its requests; `dataset` is the version that took the files.

    `replaced` are files of the version before that have other content now.
    """

    added: int = 0
    unchanged: int = 0
    replaced: int = 0
    skipped: list[SkippedFile] = Field(default_factory=list)
    dataset: DatasetVersion | None = None

    def plus(self, other: UploadReport) -> UploadReport:
        """Both reports as one."""
        return UploadReport(
            added=self.added + other.added,
            unchanged=self.unchanged + other.unchanged,
            replaced=self.replaced + other.replaced,
            skipped=[*self.skipped, *other.skipped],
            dataset=other.dataset or self.dataset,
        )


class LabelReport(Resource):
    """What a CSV of labels came to: files labelled, its fields, and the first 100 names that no file has."""

    labelled: int = 0
    fields: list[str] = Field(default_factory=list)
    unknown: list[str] = Field(default_factory=list)
    dataset: DatasetVersion | None = None


class Import(Resource):
    """Files that the server fetches into a dataset; `bytes_total` is None where the source does not say."""

    id: str
    dataset_id: str
    state: str
    source: dict[str, Any] = Field(default_factory=dict)
    bytes_done: int = 0
    bytes_total: int | None = None
    files_added: int = 0
    files_unchanged: int = 0
    files_skipped: int = 0
    skipped: list[SkippedFile] = Field(default_factory=list)
    error: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the import has come to an end, well or not."""
        return self.state in RUN_ENDED


class Recipe(Resource):
    """A well-known set of MIDI files: where it lies, its sha256, and the licence to accept; `size` in bytes."""

    name: str
    title: str | None = None
    about: str | None = None
    homepage: str | None = None
    url: str | None = None
    sha256: str | None = None
    size: int | None = None
    files: int | None = None
    licence: str | None = None
    licence_url: str | None = None
    attribution: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class Progress(Resource):
    """How far a run is: `fraction` from 0 to 1, times in seconds."""

    fraction: float | None = None
    loss: float | None = None
    windows_per_second: float | None = None
    eta_seconds: float | None = None


class Source(Resource):
    """The checkpoint whose weights a run begins with; `digest` is that of the whole of it."""

    run_id: str
    step: int | None = None
    digest: str | None = None


class Setup(Resource):
    """How a run's attempts compute. windows_per_second: what was measured of each candidate before one was chosen."""

    device: str
    precision: str
    channels_last: bool = True
    threads: int = 1
    processes: int = 1
    torch: str | None = None
    windows_per_second: dict[str, float] = Field(default_factory=dict)

    def __str__(self) -> str:
        """In words."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        together = f"{self.processes} processes with {threads} each" if self.processes > 1 else threads
        measured = ", which was measured to be fastest" if self.windows_per_second else ""
        return f"computes in {self.precision} with {together} on {self.device}{measured}"


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
    from_checkpoint: Source | None = None
    device: str | None = None
    attempt: int = 0
    step: int | None = None
    epoch: int | None = None
    best_step: int | None = None
    setup: Setup | None = None
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
    best: bool = False
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


class Compared(Resource):
    """A run among others; `name` is how the plots call it."""

    name: str
    run_id: str
    family: str
    preset: str
    seed: int
    evaluation: Evaluation


class Comparison(Resource):
    """Runs side by side, and plots of them."""

    runs: list[Compared]
    plots: list[Plot]


class Condition(Resource):
    """The label field that a model was told, and the values that it can be asked to play."""

    field: str
    values: list[str] = Field(default_factory=list)


class Model(Resource):
    """A name that points at a checkpoint's generating half; `condition` is None where it was told no labels."""

    name: str
    run_id: str | None = None
    checkpoint: str | None = None
    family: str | None = None
    preset: str | None = None
    dataset_id: str | None = None
    lowest_pitch: int | None = None
    step: int | None = None
    condition: Condition | None = None
    updated_at: datetime | None = None


class Note(Resource):
    """A note: MIDI pitch; start and length in steps (12 a quarter note), in quarter notes, and in seconds."""

    pitch: int
    start: int
    length: int
    start_beats: float | None = None
    length_beats: float | None = None
    start_seconds: float | None = None
    length_seconds: float | None = None


class SampleWindow(Resource):
    """One generated window: its latent position and its notes."""

    index: int
    z: list[float] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    empty: bool = False


class SampleSource(Resource):
    """What a sample is like, or begins or ends with: windows of a file or of another sample."""

    name: str | None = None
    sha256: str | None = None
    sample: str | None = None
    window: int = 0
    windows: int = 1
    of: int = 1


class Vector(Resource):
    """An attribute's direction: `step` of `unit` more for 1 along it; `r2` says how well positions tell it."""

    name: str
    more: str
    unit: str
    step: float
    mean: float
    r2: float
    vector: list[float]


class Vectors(Resource):
    """The attribute directions of a model."""

    model: str
    checkpoint: str
    family: str
    latent_size: int
    vectors: list[Vector]


class Sample(Resource):
    """Generated windows with everything needed to make them again."""

    id: str
    model: str | None = None
    checkpoint: str | None = None
    family: str | None = None
    seed: int | None = None
    n: int = 1
    options: dict[str, Any] = Field(default_factory=dict)
    source: SampleSource | None = None
    ends: list[SampleSource | None] | None = None
    windows: list[SampleWindow] = Field(default_factory=list)
    steps_per_quarter: int = 12
    created_at: datetime | None = None


class MapPoint(Resource):
    """Where a window of the data lies on a model's map: its file, its number in it from 0, its label."""

    x: float
    y: float
    file: str
    window: int | None = None
    label: str | None = None


class LatentMap(Resource):
    """Where a model's encoder puts the windows of its dataset, on two axes.

    variance: shares of the positions' variance that x and y show. field: the label field shown. of: how many windows
    the dataset has, from which those shown are taken evenly.
    """

    model: str | None = None
    checkpoint: str | None = None
    family: str | None = None
    step: int | None = None
    dataset: str | None = None
    latent_size: int = 2
    axes: list[str] = Field(default_factory=list)
    variance: list[float] = Field(default_factory=list)
    field: str | None = None
    fields: list[str] = Field(default_factory=list)
    of: int = 0
    windows: list[MapPoint] = Field(default_factory=list)


class SampleOptions(Resource):
    """What a sample is drawn and written with; None leaves the choice to the server.

    z: positions to play, one a window, instead of those of a seed; at: points (x, y) of the model's map. key: such as
    "F# minor"; notes are snapped to it. label: one of the values of the model's `condition`. temperature: of a model
    that has one, above 0 and at most 5. attributes: steps along the model's `vectors`, such as {"density": 1.0}.
    """

    seed: int | None = None
    z: list[list[float]] | None = None
    at: list[list[float]] | None = None
    key: str | None = None
    label: str | None = None
    attributes: dict[str, float] | None = None
    threshold: float | None = None
    temperature: float | None = None
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
