"""From a sample's recipe to its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint
from pianola_sampler.admission import Deadline
from pianola_sampler.context import Context
from pianola_sampler.decoder import Positions, Rolls, Task
from pianola_sampler.generators import Source
from pianola_sampler.scales import Key, snap

if TYPE_CHECKING:
    from pianola.models.base import Generator

# In measures: digests are too many to be names there.
_BY_DIGEST: Final = "by digest"


class BadPosition(ValueError):
    """A position that the model does not have."""

    def __init__(self, index: int, numbers: int, latent_size: int) -> None:
        super().__init__(f"z[{index}] has {numbers} numbers, but a position of this model has {latent_size}")
        self.errors = [{"field": "z", "message": str(self)}]


@dataclass(frozen=True)
class Drawn:
    """Windows of a sample: their indices in it, positions z float32 [n, d], and rolls uint8 [n, 96, 96]."""

    family: str
    lowest_pitch: int
    threshold: float
    indices: Sequence[int]
    z: Positions
    windows: Rolls

    def part(self, indices: Sequence[int]) -> Drawn:
        """Only the windows `indices`, of all."""
        return replace(self, indices=indices, z=self.z[list(indices)], windows=self.windows[list(indices)])


def draw(context: Context, recipe: Recipe, checkpoint: Checkpoint, indices: Sequence[int], deadline: Deadline) -> Drawn:
    """The windows `indices` of a sample.

    Raises BadPosition, DeadlinePassed, ObjectMissing, ObjectCorrupt, StoreUnavailable, NotAGenerator.
    """
    source = Source(checkpoint.generator_key, checkpoint.generator_digest, checkpoint.generator_size)
    generator = context.generators.get(source, deadline)
    z = _positions(generator, recipe, indices)
    asked = recipe.options["threshold"]
    threshold = generator.threshold if asked is None else float(asked)
    model = _BY_DIGEST if recipe.model in (checkpoint.digest, checkpoint.generator_digest) else recipe.model
    windows = context.decoder.decode(Task(generator, model, z, threshold), deadline)
    if key := recipe.options.get("key"):
        windows = snap(windows, generator.lowest_pitch, Key.of(key))
    context.measures.windows.inc(len(indices))
    return Drawn(generator.family, generator.lowest_pitch, threshold, indices, z, windows)


def _positions(generator: Generator, recipe: Recipe, indices: Sequence[int]) -> Positions:
    if recipe.z is None:
        assert recipe.seed is not None  # one of the two
        return generator.positions(recipe.seed, indices)
    for index, position in enumerate(recipe.z):
        if len(position) != generator.latent_size:
            raise BadPosition(index, len(position), generator.latent_size)
    return np.array([recipe.z[index] for index in indices], np.float32)
