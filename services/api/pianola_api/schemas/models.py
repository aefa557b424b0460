"""Shapes of models and of the families' catalogue."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from pianola.records.conditions import told_values
from pianola.records.models import Pointed
from pianola_api.schemas.common import Body, Name, Page, Resource


class NewModel(Body):
    """A name to point at a checkpoint of a run."""

    name: Name
    run: str = Field(max_length=200)
    checkpoint: str | None = Field(
        None, max_length=64, description="digest of either half; when not given, the run's by its option `keep`"
    )


class Condition(Resource):
    """The label field that a model was told of every window, and its values: it plays music of any of them."""

    field: str
    values: list[str]


class Model(Resource):
    """A name that points at a checkpoint; `checkpoint` is the digest of its generating half."""

    name: str
    run_id: str
    checkpoint: str
    family: str
    preset: str
    dataset_id: str
    lowest_pitch: int
    step: int
    condition: Condition | None = Field(description="null for a model that was told no labels")
    updated_at: datetime

    @classmethod
    def of(cls, pointed: Pointed) -> "Model":
        """The rows as their shape."""
        told = told_values(pointed.dataset.labels, pointed.run.options.get("condition"))
        return cls(
            name=pointed.model.name,
            run_id=pointed.run.id,
            checkpoint=pointed.checkpoint.generator_digest,
            family=pointed.run.family,
            preset=pointed.run.preset,
            dataset_id=pointed.dataset.id,
            lowest_pitch=pointed.dataset.options["lowest_pitch"],
            step=pointed.checkpoint.step,
            condition=None if told is None else Condition(**told),
            updated_at=pointed.model.updated_at,
        )


class ModelPage(Page[Model]):
    """A page of models, by name."""


class Families(Resource):
    """Model families with their presets; `options` of a family is the JSON schema of its run options, `decides` the
    held-out metric, lower is better, by which one of a run's checkpoints is best, or null.
    """

    model_config = ConfigDict(extra="allow")

    families: list[dict[str, Any]]
