"""Windows like those of a source: reconstructions and variations."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from pianola.models.windows import noise_of
from pianola.records.samples import Recipe
from pianola_sampler.admission import Deadline
from pianola_sampler.composing import roll_of
from pianola_sampler.decoder import Decoder
from pianola_sampler.tasks import Labels, Positions, Rolls, Task, Work


def is_like(recipe: Recipe) -> bool:
    """Whether its windows are like those of a source."""
    return recipe.options.get("source") is not None


def is_one_music(recipe: Recipe) -> bool:
    """Whether they follow one another as the source's do."""
    return is_like(recipe) and recipe.n == len(recipe.options["source"]["notes"])


def rolls_of(source: dict[str, Any], lowest_pitch: int) -> Rolls:
    """The windows [n, 96, 96] of a source in a recipe."""
    return np.stack([roll_of(notes, lowest_pitch) for notes in source["notes"]])


def encoded(decoder: Decoder, like: Task, rolls: Rolls, labels: Labels | None, deadline: Deadline) -> Positions:
    """Where windows lie, in the latent space of `like`'s generator. Raises NoEncoder, DeadlinePassed."""
    encode = partial(like.generator.encode, rolls, labels)
    return decoder.work(Work(like.model, encode, len(rolls)), deadline)


def resemble(
    decoder: Decoder, task: Task, recipe: Recipe, indices: range, deadline: Deadline
) -> tuple[Positions, Rolls]:
    """Positions and windows `indices` of a sample that is like a source, played as `task`, whose z are how far each is
    moved.

    Window i is like window i modulo their number of the source's. Raises NoEncoder, DeadlinePassed.
    """
    source, strength = recipe.options["source"], recipe.options.get("strength")
    rolls = rolls_of(source, task.generator.lowest_pitch)
    rolls = rolls[np.array(indices) % len(rolls)]
    if strength is None:
        z = encoded(decoder, task, rolls, task.labels, deadline) + task.z
        return z, decoder.decode(Task(**{**vars(task), "z": z}), deadline)
    assert recipe.seed is not None  # a variation has one
    noises = [noise_of(recipe.seed, index) for index in indices]
    vary = partial(task.plays.vary, rolls, float(strength), noises, task.threshold, task.labels, task.z)
    return decoder.work(Work(task.model, vary, len(rolls)), deadline)
