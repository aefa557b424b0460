"""Which parts of a window a variation writes anew, and how they are put between those that stay.

Writing is a chain of decisions in which each depends on all before. Of dice that are changed a little everywhere, the
first decision that falls otherwise changes all that follow, so the music is another at once. Parts that are written
anew, given what is before them, and the music's own columns elsewhere, change as much of it as there are parts.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from pianola.codec.window import SIDE
from pianola.models.windows import Windows

# Columns that are written anew together: half a quarter note.
PART = 6


def parts_of(strength: float, noise: np.random.Generator) -> list[tuple[int, int]]:
    """First and last columns (not included) of what is written anew: 0 nothing, 1 all, a share between.

    What a strength writes anew, a greater one with the same noise does too.
    """
    order = noise.permutation(SIDE // PART)
    chosen = np.zeros(len(order) + 2, np.int64)
    chosen[1 + order[: math.ceil(strength * len(order))]] = 1
    edges = np.flatnonzero(np.diff(chosen)) * PART
    return [(int(first), int(last)) for first, last in list(pairwise(edges))[::2]]


def put_between(anew: Windows, own: Windows, last: int) -> Windows:
    """A window [96, 96] of the columns of one up to `last` and of another's own from there.

    A note of its own that began in what is gone ends there, unless its row sounds on; one that begins where its row
    still sounds is struck again, a step after the other has ended.
    """
    found = np.concatenate([anew[:, :last], own[:, last:]], 1)
    if 0 < last < SIDE:
        begun, sounds, lit = own[:, last - 1] == 1, anew[:, last - 1] == 1, own[:, last] == 1
        found[lit & ~begun & sounds, last - 1] = 0
        for row in np.flatnonzero(lit & begun & ~sounds):
            ends = last + int(np.argmin(np.append(own[row, last:], 0)))
            found[row, last:ends] = 0
    return found
