"""What the rest of Pianola knows of a family before it is asked to learn or play: its options and presets. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Size = int | float | list[int]
Facts = dict[str, Any]
"""What goes beside tensors in a checkpoint: JSON."""
SAID_HERE: Final = "said_here"
"""The type of errors whose message is a sentence of ours already."""


class RunOptions(BaseModel):
    """What every family can be told about a run."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    batch: int = Field(64, ge=1, le=4096, description="windows in one optimizer step")
    epochs: int | None = Field(None, ge=1, le=100_000, description="passes over the training windows; or give seconds")
    seconds: float | None = Field(None, gt=0, le=2_592_000, description="time to train for; or give epochs")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="largest learning rate of AdamW")
    schedule: Literal["constant", "cosine"] = Field("constant", description="how the learning rate goes on")
    warmup_steps: int = Field(0, ge=0, le=100_000, description="steps over which the learning rate rises from zero")
    beta1: float = Field(0.9, ge=0, lt=1, description="momentum of AdamW")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the squared gradients in AdamW")
    weight_decay: float = Field(0.0, ge=0, le=1, description="decay of the weights, as in AdamW; 0 is plain Adam")
    clip: float = Field(0.0, ge=0, le=1e6, description="largest norm of a gradient; 0 does not clip")
    weight_average: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights that play; 0 is off")
    transpose_down: int = Field(0, ge=0, le=24, description="semitones a training window may be moved down")
    transpose_up: int = Field(0, ge=0, le=24, description="semitones a training window may be moved up")
    condition: str | None = Field(
        None, max_length=32, description="label field of the dataset that the model is told, so that it plays a label"
    )
    held_out: float = Field(0.2, ge=0, le=0.9, description="share of the windows kept for validation")
    evaluate_every_steps: int | None = Field(
        None, ge=1, le=10_000_000, description="steps between evaluation points; otherwise evaluate_every_seconds"
    )
    evaluate_every_seconds: float = Field(30.0, gt=0, le=86_400, description="seconds between evaluation points")
    keep: Literal["best", "settled", "last"] = Field(
        "last",
        description="the checkpoint that plays: the one with the lowest held-out loss, the last one within a tenth of "
        "that (settled: likely windows are a little less likely to it, what it plays is clearer), or the last of all",
    )
    patience: int | None = Field(
        None, ge=1, le=100_000, description="evaluation points without a lower held-out loss that end the run"
    )
    collapse_points: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="evaluation points in a row, all under a tenth of the data's density, that fail the run",
    )
    threads: int = Field(2, ge=1, le=256, description="CPU threads of the worker; with precision auto the most")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "float32",
        description="numbers in which networks multiply while they learn; auto: what is fastest where the run starts, "
        "by a short measurement that chooses memory layout and threads too; a resumed run keeps the choice",
    )

    @model_validator(mode="after")
    def _one_length(self) -> RunOptions:
        if (self.epochs is None) == (self.seconds is None):
            raise PydanticCustomError(SAID_HERE, "give either epochs or seconds: one of them, not both")
        return self


@dataclass(frozen=True)
class Preset:
    """One record of a family: sizes of its networks (JSON-able) and default options.

    exact: it stays as it was published, and so its networks are told no labels.
    """

    family: str
    name: str
    summary: str
    network: Mapping[str, Size]
    options: RunOptions = field(repr=False)
    exact: bool = False


@dataclass(frozen=True)
class Family:
    """A kind of model.

    presets: of one class of options. learner, generator: "module:name" of the Learner's class, and of what builds the
    Generator from a preset's name, tensors, facts and the lowest pitch; imported when one is made. place: where lists
    have the family, the lower the earlier.

    decides: the metric on held-out windows, lower is better, that says which of a run's checkpoints is best; None for a
    family without a likelihood, where no such number tells how well it plays.
    """

    name: str
    summary: str
    decides: str | None
    presets: tuple[Preset, ...]
    learner: str
    generator: str
    place: int = 100
