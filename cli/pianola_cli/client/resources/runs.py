"""Runs, what they leave behind, and how they are compared."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from pianola_cli.client.resources.resource import Resource, Work


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


class Run(Work):
    """One training run."""

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


class Evaluation(Work):
    """Numbers and plots that compare generated windows with the run's dataset."""

    run_id: str
    checkpoint: str | None = None
    samples: int | None = None
    seed: int | None = None
    report: dict[str, Any] | None = None
    plots: list[str] = Field(default_factory=list)
    error: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None


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
