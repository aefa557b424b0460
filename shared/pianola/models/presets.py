"""Model families, their presets and the options of a run. Imports no torch, so that submission can check a run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

Size = int | float | list[int]
_SAID_HERE: Final = "said_here"
"""The type of errors whose message is a sentence of ours already."""


class BadRunOptions(ValueError):
    """A run that cannot be submitted; `errors` holds one {"field", "message"} for each thing that is wrong."""

    def __init__(self, errors: Sequence[dict[str, str]]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(error["message"] for error in self.errors))


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
    keep: Literal["best", "last"] = Field(
        "last", description="the checkpoint that plays: the one with the lowest held-out loss, or the last"
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
            raise PydanticCustomError(_SAID_HERE, "give either epochs or seconds: one of them, not both")
        return self


class VaeOptions(RunOptions):
    """Options of a run of the `vae` family."""

    loss: Literal["sum", "mean"] = Field(
        "sum",
        description="reconstruction in nats per window (sum) or per pixel (mean), to which kl_weight x KL is added",
    )
    kl_weight: float = Field(1.0, ge=0, le=1e4, description="weight of the KL term, itself in nats per window")
    kl_warmup_steps: int = Field(0, ge=0, le=1_000_000, description="steps over which kl_weight rises from zero")
    free_bits: float = Field(0.0, ge=0, le=100, description="nats of KL in a window that cost nothing")


class GanOptions(RunOptions):
    """Options of a run of the `gan` family."""

    loss: Literal["non_saturating", "hinge"] = Field("non_saturating", description="the game the two networks play")
    gradient_penalty: float = Field(
        0.0,
        ge=0,
        le=1e4,
        description="weight of the discriminator's change under small noise on real windows; 0 is off",
    )
    discriminator_steps: int = Field(1, ge=1, le=100, description="steps of the discriminator to one of the generator")

    @field_validator("keep", "patience")
    @classmethod
    def _no_measure(cls, value: str | int | None, info: ValidationInfo) -> str | int | None:
        if value not in ("last", None):
            only = "last" if info.field_name == "keep" else "null"
            message = f"{info.field_name} must be {only}: a gan has no held-out loss that says which checkpoint is best"
            raise PydanticCustomError(_SAID_HERE, "{message}", {"message": message})
        return value


@dataclass(frozen=True)
class Family:
    """A kind of model.

    decides: the metric on held-out windows, lower is better, that says which of a run's checkpoints is best; None for a
    family without a likelihood, where no such number tells how well it plays.
    """

    summary: str
    decides: str | None


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


_VAE_THESIS = Preset(
    family="vae",
    name="thesis",
    summary="The thesis's VAE, layer for layer: four convolutions, dense 32, a 2-D latent drawn from [-4, 4]",
    network=MappingProxyType({"latent": 2, "hidden": 32}),
    options=VaeOptions(epochs=50, batch=64, learning_rate=1e-3, loss="mean", kl_weight=5e-4),
    exact=True,
)
_VAE_DEFAULT = Preset(
    family="vae",
    name="default",
    summary="Convolutions of octaves x beats, a 32-D latent, and a decoder that writes note after note",
    network=MappingProxyType(
        {
            "latent": 32,
            "channels": [32, 64],
            "hidden": 192,
            "state": 192,
            "kernels": 12,
            "harmonies": 6,
            "registers": 8,
            "dropout": 0.2,
        }
    ),
    options=VaeOptions(
        seconds=600.0,
        batch=32,
        learning_rate=3e-3,
        schedule="cosine",
        warmup_steps=20,
        weight_decay=0.05,
        clip=20.0,
        weight_average=0.99,
        transpose_down=6,
        transpose_up=5,
        loss="sum",
        kl_weight=1.0,
        kl_warmup_steps=100,
        free_bits=25.0,
        keep="best",
        precision="auto",
    ),
)
_GAN_THESIS = Preset(
    family="gan",
    name="thesis",
    summary="The thesis's DCGAN, layer for layer: 100-D noise, two transposed convolutions, a small discriminator",
    network=MappingProxyType({"latent": 100}),
    options=GanOptions(epochs=50, batch=64, learning_rate=2e-4, beta1=0.5, collapse_points=3),
    exact=True,
)
_GAN_DEFAULT = Preset(
    family="gan",
    name="default",
    summary="Voices that strike and hold notes, before a judge of notes, onsets and pitch classes",
    network=MappingProxyType(
        {"latent": 96, "local": 8, "channels": 128, "voices": 6, "judge": [48, 96], "judge_chroma": [48, 64]}
    ),
    options=GanOptions(
        seconds=600.0,
        batch=16,
        learning_rate=1e-3,
        beta1=0.0,
        beta2=0.99,
        weight_average=0.99,
        transpose_down=6,
        transpose_up=5,
        gradient_penalty=1.0,
        discriminator_steps=2,
        collapse_points=3,
        precision="auto",
    ),
)

PRESETS: dict[str, dict[str, Preset]] = {
    "vae": {"thesis": _VAE_THESIS, "default": _VAE_DEFAULT},
    "gan": {"thesis": _GAN_THESIS, "default": _GAN_DEFAULT},
}
FAMILIES: Final = MappingProxyType(
    {
        "vae": Family("Variational autoencoder: has a place in its latent space for every window", "validation_loss"),
        "gan": Family("Generative adversarial network: a generator that learns to pass for the data", None),
    }
)


def find_preset(family: str, preset: str) -> Preset:
    """The record of a preset. Raises BadRunOptions when there is none of that name."""
    if family not in PRESETS:
        raise BadRunOptions([_error("family", f"family must be one of {', '.join(PRESETS)}, got {family!r}")])
    if preset not in PRESETS[family]:
        known = ", ".join(PRESETS[family])
        raise BadRunOptions([_error("preset", f"preset of {family} must be one of {known}, got {preset!r}")])
    return PRESETS[family][preset]


def resolve(family: str, preset: str, overrides: Mapping[str, object]) -> RunOptions:
    """The options of a run: the preset's own, changed by `overrides`. Raises BadRunOptions with every fault found."""
    record = find_preset(family, preset)
    merged = {**record.options.model_dump(), **overrides}
    for given, other in (("epochs", "seconds"), ("seconds", "epochs")):
        if overrides.get(given) is not None and other not in overrides:
            merged[other] = None
    kind = type(record.options)
    try:
        options = kind.model_validate(merged)
    except ValidationError as bad:
        properties = kind.model_json_schema()["properties"]
        raise BadRunOptions([_explain(error, properties) for error in bad.errors()]) from bad
    if record.exact and options.condition is not None:
        message = f"the preset {preset} stays as it was published and takes no condition: leave it out or use default"
        raise BadRunOptions([_error("condition", message)])
    return options


def describe() -> dict[str, Any]:
    """Families, presets, the JSON schema of their options and the defaults: what a form or a client needs to know."""
    return {
        "families": [
            {
                "family": family,
                "summary": FAMILIES[family].summary,
                "decides": FAMILIES[family].decides,
                "options": type(next(iter(presets.values())).options).model_json_schema(),
                "presets": [
                    {
                        "name": preset.name,
                        "summary": preset.summary,
                        "network": dict(preset.network),
                        "defaults": preset.options.model_dump(mode="json"),
                    }
                    for preset in presets.values()
                ],
            }
            for family, presets in PRESETS.items()
        ]
    }


def _error(name: str, message: str) -> dict[str, str]:
    return {"field": name, "message": message}


def _explain(error: ErrorDetails, properties: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    name = str(error["loc"][0]) if error["loc"] else "epochs"
    if error["type"] == _SAID_HERE:
        return _error(name, error["msg"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, properties, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(properties)}"
        return _error(name, f"{name} is not an option; {hint}")
    whole = "a whole number " if error["type"].startswith("int_") else ""
    return _error(name, f"{name} must be {whole}{_allowed(properties[name])}, got {error['input']!r}")


def _allowed(schema: Mapping[str, Any]) -> str:
    """A JSON schema of one option in words: `1..4096`, `above 0 and at most 1`, `one of sum, mean`."""
    if "anyOf" in schema:
        return _allowed(next(part for part in schema["anyOf"] if part["type"] != "null"))
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if schema["type"] == "string":
        return f"text of at most {schema['maxLength']} characters"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{low:g}..{high:g}" if schema["type"] == "number" else f"{low}..{high}"
    bottom = f"at least {low:g}" if low is not None else f"above {schema['exclusiveMinimum']:g}"
    top = f"at most {high:g}" if high is not None else f"below {schema['exclusiveMaximum']:g}"
    return f"{bottom} and {top}"
