"""Pieces: music longer than a window, in which every half window goes on from the one before."""

from __future__ import annotations

from functools import partial

import numpy as np

from pianola.codec.roll import Note
from pianola.codec.window import SIDE
from pianola.models.windows import noise_of
from pianola.records.samples import Recipe
from pianola_sampler.admission import Deadline
from pianola_sampler.decoder import Decoder
from pianola_sampler.tasks import Positions, Rolls, Task, Work

_HALF = SIDE // 2


def is_piece(recipe: Recipe) -> bool:
    """Whether its windows are one music, each going on from the one before."""
    return recipe.options.get("drift") is not None


def compose(
    decoder: Decoder, first: Task, recipe: Recipe, lowest_pitch: int, deadline: Deadline
) -> tuple[Positions, Rolls]:
    """Positions [n, d] and windows [n, 96, 96] of a piece, put one after another; `first` is of its first window.

    Every half window but the first two is the second half of a window that begins with the half before it, so that
    nothing in the music depends on where windows part. Each is a batch of its own: other requests have their turn
    between them. Raises CannotGoOn, DeadlinePassed.
    """
    assert recipe.seed is not None  # a piece has one, also where it goes on from another sample
    opening = recipe.options.get("opening")
    begun = decoder.decode(first, deadline)[0] if opening is None else roll_of(opening, lowest_pitch)
    halves, home = [begun[:, :_HALF], begun[:, _HALF:]], first.z[0]
    positions = [home]
    label = None if first.labels is None else int(first.labels[0])
    for step in range(1, 2 * recipe.n - 1):
        noise, drift = noise_of(recipe.seed, step), float(recipe.options["drift"])
        go_on = partial(first.plays.go_on, halves[-1], home, drift, noise, first.threshold, label)
        z, window = decoder.work(Work(first.model, go_on), deadline)
        halves.append(window[:, _HALF:])
        positions.append(z)
    windows = np.concatenate(halves, axis=1).reshape(SIDE, recipe.n, SIDE).transpose(1, 0, 2)
    return np.stack(positions[::2]), np.ascontiguousarray(windows)


def roll_of(notes: list[list[int]], lowest_pitch: int) -> Rolls:
    """A window [96, 96] of notes as `listed` lists them."""
    window = np.zeros((SIDE, SIDE), np.uint8)
    for pitch, start, length in notes:
        window[lowest_pitch + SIDE - 1 - pitch, start : start + length] = 1
    return window


def listed(notes: list[Note]) -> list[list[int]]:
    """Notes as a recipe keeps them: pitch, first step and length of each."""
    return [[note.pitch, note.start, note.length] for note in notes]
