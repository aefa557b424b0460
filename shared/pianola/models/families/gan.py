"""The `gan` family's record: its options and presets; it learns in `pianola.models.gan`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from pydantic import Field

from pianola.models.family import Family, Preset, RunOptions


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


_THESIS = Preset(
    family="gan",
    name="thesis",
    summary="The thesis's DCGAN, layer for layer: 100-D noise, two transposed convolutions, a small discriminator",
    network=MappingProxyType({"latent": 100}),
    options=GanOptions(epochs=50, batch=64, learning_rate=2e-4, beta1=0.5, collapse_points=3),
    exact=True,
)
_DEFAULT = Preset(
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
FAMILY = Family(
    name="gan",
    summary="Generative adversarial network: a generator that learns to pass for the data",
    decides=None,
    presets=(_THESIS, _DEFAULT),
    learner="pianola.models.gan.learner:GanLearner",
    generator="pianola.models.gan.generators:build_generator",
    place=2,
)
