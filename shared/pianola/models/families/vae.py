"""The `vae` family's record: its options and presets; it learns in `pianola.models.vae`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from pydantic import Field

from pianola.models.family import Family, Preset, RunOptions


class VaeOptions(RunOptions):
    """Options of a run of the `vae` family."""

    loss: Literal["sum", "mean"] = Field(
        "sum",
        description="reconstruction in nats per window (sum) or per pixel (mean), to which kl_weight x KL is added",
    )
    kl_weight: float = Field(1.0, ge=0, le=1e4, description="weight of the KL term, itself in nats per window")
    kl_warmup_steps: int = Field(0, ge=0, le=1_000_000, description="steps over which kl_weight rises from zero")
    free_bits: float = Field(0.0, ge=0, le=100, description="nats of KL in a window that cost nothing")


_THESIS = Preset(
    family="vae",
    name="thesis",
    summary="The thesis's VAE, layer for layer: four convolutions, dense 32, a 2-D latent drawn from [-4, 4]",
    network=MappingProxyType({"latent": 2, "hidden": 32}),
    options=VaeOptions(epochs=50, batch=64, learning_rate=1e-3, loss="mean", kl_weight=5e-4),
    exact=True,
)
_DEFAULT = Preset(
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
        free_bits=27.0,
        keep="settled",
        precision="auto",
    ),
)
FAMILY = Family(
    name="vae",
    summary="Variational autoencoder: has a place in its latent space for every window",
    decides="validation_loss",
    presets=(_THESIS, _DEFAULT),
    learner="pianola.models.vae.learner:VaeLearner",
    generator="pianola.models.vae.generators:build_generator",
    place=1,
)
