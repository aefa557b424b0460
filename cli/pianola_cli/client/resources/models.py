"""Models, where their music lies, and what they play."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from pianola_cli.client.resources.resource import Resource


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
    notes: list[Note] = Field(default_factory=list)


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
