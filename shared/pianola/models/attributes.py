"""Attribute vectors: how a position is moved so that its music is denser, higher, longer ...

A vector of the latent space goes with a property of windows (Roberts et al., MusicVAE, 2018, who took the difference
between the mean positions of windows with and without it). Here the property is a number, and the vector comes of a
ridge regression (Hoerl and Kennard, 1970) of it on the windows' positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from pianola.codec.window import SIDE
from pianola.models.family import Facts
from pianola.models.windows import Floats, Windows

Numbers = np.ndarray[Any, np.dtype[np.float64]]

# The ridge: added to the correlations of positions, whose own is 1.
RIDGE: Final = 0.01
FOLDS: Final = 5
# Below that share of the variance, a position does not say what the property is.
LEAST_EXPLAINED: Final = 0.1
TENSOR: Final = "attributes.direction"
_QUARTER: Final = 12


@dataclass(frozen=True)
class Attribute:
    """A property of windows: what more of it is, and its unit."""

    more: str
    unit: str


ATTRIBUTES: Final[Mapping[str, Attribute]] = MappingProxyType(
    {
        "density": Attribute("denser: more notes", "notes a window"),
        "pitch": Attribute("higher", "semitones, mean of the notes"),
        "length": Attribute("longer notes", "quarter notes, mean of the notes"),
        "polyphony": Attribute("fuller: more notes at once", "notes sounding at once, mean of what is not silent"),
        "range": Attribute("wider: from lower to higher notes", "semitones from the lowest note to the highest"),
        "offbeat": Attribute("more notes off the beat", "share of the notes, 0 to 1"),
    }
)


def measured(windows: Windows) -> Numbers:
    """Every attribute of windows [n, 96, 96]: [n, 6], in the order of ATTRIBUTES; NaN of a window without notes.

    Pitches count from the lowest row.
    """
    lit = windows != 0
    struck = lit & ~np.pad(lit, ((0, 0), (0, 0), (1, 0)))[:, :, :-1]
    of_row, of_step = struck.sum(2), struck.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        notes = np.where(of_row.any(1), of_row.sum(1), np.nan)
        pixels = lit.sum((1, 2))
        pitch = of_row @ np.arange(SIDE - 1, -1, -1) / notes
        polyphony = pixels / lit.any(1).sum(1)
        on_beat = of_step[:, ::_QUARTER].sum(1) / notes
    used = lit.any(2)
    spread = SIDE - 1 - used.argmax(1) - used[:, ::-1].argmax(1)
    found = (notes, pitch, pixels / notes / _QUARTER, polyphony, np.where(used.any(1), spread, np.nan), 1 - on_beat)
    return np.stack(found, 1).astype(float)


@dataclass(frozen=True)
class Direction:
    """One attribute's vector: added to a position, the attribute is foretold to be `deviation` more.

    deviation, mean: of the attribute among the training windows, in its unit. explained: the share of its variance that
    positions explain on windows that the regression has not seen (R2). vector: float32 [latent].
    """

    name: str
    deviation: float
    mean: float
    explained: float
    vector: Floats


Directions = tuple[Direction, ...]


def find_directions(windows: Windows, positions: Floats) -> Directions:
    """The directions of windows [n, 96, 96] at posterior means [n, latent]; none of what positions do not explain.

    Of all ways by which the regression foretells one deviation more, a vector is the one that leads through where
    windows lie (the shortest in Mahalanobis's distance): density rises as it does among the data.
    """
    values = measured(windows)
    found = []
    for number, name in enumerate(ATTRIBUTES):
        known = np.isfinite(values[:, number])
        if known.sum() >= 2 * FOLDS:
            found.append(_direction(name, values[known, number], positions[known].astype(float)))
    return tuple(direction for direction in found if direction.explained >= LEAST_EXPLAINED)


def _direction(name: str, values: Numbers, positions: Numbers) -> Direction:
    spread = np.maximum(positions.std(0), 1e-6)
    x, y = (positions - positions.mean(0)) / spread, values - values.mean()
    weights = _ridge(x, y)
    along = x.T @ (x @ weights) / len(x)
    foretold = float(weights @ along)
    deviation = float(values.std())
    vector = spread * along * (deviation / foretold) if foretold > 0 else np.zeros_like(spread)
    return Direction(name, deviation, float(values.mean()), _explained(x, values), vector.astype(np.float32))


def _ridge(x: Numbers, y: Numbers) -> Numbers:
    weights = np.linalg.solve(x.T @ x / len(x) + RIDGE * np.eye(x.shape[1]), x.T @ y / len(x))
    return np.asarray(weights, np.float64)


def _explained(x: Numbers, values: Numbers) -> float:
    """R2 by cross-validation. Neighbours, which are mostly of one file, are held out together."""
    if values.std() == 0:
        return 0.0
    errors = []
    for fold in np.array_split(np.arange(len(x)), FOLDS):
        rest = np.setdiff1d(np.arange(len(x)), fold)
        middle, level = x[rest].mean(0), values[rest].mean()
        weights = _ridge(x[rest] - middle, values[rest] - level)
        errors.append(values[fold] - level - (x[fold] - middle) @ weights)
    return float(1 - np.square(np.concatenate(errors)).mean() / values.var())


def facts_of(directions: Directions) -> list[Facts]:
    """What of directions is JSON; their vectors are one tensor [k, latent]."""
    return [
        {"name": one.name, "deviation": one.deviation, "mean": one.mean, "explained": one.explained}
        for one in directions
    ]


def directions_of(facts: Sequence[Mapping[str, Any]], vectors: Floats | None) -> Directions:
    """The directions that `facts_of` and the tensor told."""
    if vectors is None:
        return ()
    return tuple(Direction(**told, vector=vector) for told, vector in zip(facts, vectors, strict=True))


class NoSuchAttribute(ValueError):
    """An attribute that a generator has no direction of."""

    def __init__(self, name: str, directions: Directions) -> None:
        known = ", ".join(one.name for one in directions)
        has = f"it has {known}" if known else "it has none, since it was not calibrated with an encoder: leave them out"
        super().__init__(f"this model has no attribute {name!r}: {has}")
        self.errors = [{"field": f"attributes.{name}", "message": str(self)}]


def moved(directions: Directions, amounts: Mapping[str, float], latent_size: int) -> Floats:
    """How far a position is moved [latent] for so many deviations of each attribute. Raises NoSuchAttribute."""
    vectors = {one.name: one.vector for one in directions}
    for name in amounts:
        if name not in vectors:
            raise NoSuchAttribute(name, directions)
    parts = [np.float32(amounts[name]) * vectors[name] for name in sorted(amounts)]
    return np.sum(parts, 0, dtype=np.float32) if parts else np.zeros(latent_size, np.float32)
