"""From a sample's recipe to its windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pianola.models.generator import CannotGoOn, NoEncoder
from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint
from pianola_sampler.admission import Deadline
from pianola_sampler.composing import compose, is_piece
from pianola_sampler.decoder import Decoder
from pianola_sampler.drawn import Drawn
from pianola_sampler.generators import Generators, Source
from pianola_sampler.measures import Measures
from pianola_sampler.names import may_move
from pianola_sampler.resembling import encoded, is_like, is_one_music, resemble, rolls_of
from pianola_sampler.scales import Key, snap
from pianola_sampler.tasks import Labels, Positions, Task

if TYPE_CHECKING:
    from pianola.models.conditions import Condition
    from pianola.models.generator import Ends, Generator

# In measures: digests are too many to be names there.
_BY_DIGEST: Final = "by digest"
_MOST_NAMED: Final = 50
# Radians: positions nearer to one line than this have no arc between them that numbers could follow.
_FLAT: Final = 1e-4


class BadPosition(ValueError):
    """A position that the model does not have."""

    def __init__(self, index: int, numbers: int, latent_size: int) -> None:
        super().__init__(f"z[{index}] has {numbers} numbers, but a position of this model has {latent_size}")
        self.errors = [{"field": "z", "message": str(self)}]


class NoSuchLabel(ValueError):
    """A label that the model was not told."""

    def __init__(self, label: str, condition: Condition | None) -> None:
        if condition is None:
            message = f"this model was told no labels, so it cannot play {label!r}: leave label out"
        else:
            values, more = ", ".join(condition.values[:_MOST_NAMED]), len(condition.values) - _MOST_NAMED
            message = f"this model knows no {condition.field} {label!r}; it knows {values}"
            if more > 0:
                message += f" and {more} more, which GET /v1/models/NAME of the api lists"
        super().__init__(message)
        self.errors = [{"field": "label", "message": message}]


class OtherCheckpoint(ValueError):
    """An end of a way at a sample that another checkpoint played."""

    def __init__(self, field: str, sample: str, checkpoint: str, wanted: str) -> None:
        super().__init__(
            f"{sample} was played by checkpoint {checkpoint}, whose positions mean nothing to {wanted}: ask that one, "
            "by its digest"
        )
        self.errors = [{"field": f"{field}.sample", "message": str(self)}]


class NoTemperature(ValueError):
    """A temperature for a model that has none."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(
            f"a {generator.preset} {generator.family} has no temperature, only a threshold: leave temperature out"
        )
        self.errors = [{"field": "temperature", "message": str(self)}]


def is_way(recipe: Recipe) -> bool:
    """Whether its windows lie on a way between the two positions it has, and can only be drawn together."""
    return recipe.options.get("way") is not None


def is_whole(recipe: Recipe) -> bool:
    """Whether its windows can only be drawn together."""
    return is_way(recipe) or is_piece(recipe)


def is_joined(recipe: Recipe, indices: Sequence[int]) -> bool:
    """Whether these windows of it are one music, put one after another."""
    return (is_piece(recipe) or is_one_music(recipe)) and (recipe.n == len(indices) or is_piece(recipe))


class Drawing:
    """Draws windows with generators, by the thread that decodes."""

    def __init__(self, generators: Generators, decoder: Decoder, measures: Measures) -> None:
        self._generators = generators
        self._decoder = decoder
        self._measures = measures

    def position(self, recipe: Recipe, checkpoint: Checkpoint, index: int, deadline: Deadline) -> list[float]:
        """Where window `index` of a sample lies. Raises what `draw` does."""
        if is_piece(recipe) or is_like(recipe):
            return [float(number) for number in self.draw(recipe, checkpoint, range(recipe.n), deadline).z[index]]
        generator = self.generator_of(checkpoint, deadline)
        z = _positions(generator, recipe, [index], _labels(generator, recipe, 1)) + _moved(generator, recipe)
        return [float(number) for number in z[0]]

    def position_of(
        self, recipe: Recipe, checkpoint: Checkpoint, source: dict[str, Any], deadline: Deadline
    ) -> list[float]:
        """Where the first window of a source lies, for what the recipe plays.

        Raises NoEncoder, and what `draw` does.
        """
        generator = self.generator_of(checkpoint, deadline)
        if generator.encoder is None:
            raise NoEncoder(generator)
        rolls = rolls_of(source, generator.lowest_pitch)[:1]
        task = Task(generator, _named(recipe, checkpoint), np.zeros((0, generator.latent_size), np.float32), 0.5)
        z = encoded(self._decoder, task, rolls, _labels(generator, recipe, 1), deadline)
        return [float(number) for number in z[0]]

    def draw(
        self,
        recipe: Recipe,
        checkpoint: Checkpoint,
        indices: range,
        deadline: Deadline,
        accepted: Callable[[], None] = lambda: None,
    ) -> Drawn:
        """The windows `indices` of a sample; `accepted` is called as soon as it is known that they can be drawn.

        Raises BadPosition, NoSuchLabel, NoSuchAttribute, NoTemperature, CannotGoOn, NoEncoder, DeadlinePassed,
        ObjectMissing, ObjectCorrupt, StoreUnavailable, NotAGenerator.
        """
        generator = self.generator_of(checkpoint, deadline)
        joined = is_piece(recipe)
        if joined and not generator.goes_on:
            raise CannotGoOn(generator)
        like = is_like(recipe)
        if like and generator.encoder is None:
            raise NoEncoder(generator)
        placed = range(1) if joined else indices
        labels = _labels(generator, recipe, len(placed))
        moved = _moved(generator, recipe)
        z = (
            np.tile(moved, (len(placed), 1))
            if is_like(recipe)
            else _positions(generator, recipe, placed, labels) + moved
        )
        asked = recipe.options["threshold"]
        threshold = generator.threshold if asked is None else float(asked)
        temperature = _temperature(generator, recipe)
        ends = _ends(generator, recipe)
        task = Task(generator, _named(recipe, checkpoint), z, threshold, labels, temperature, ends)
        accepted()
        if joined:
            z, windows = compose(self._decoder, task, recipe, generator.lowest_pitch, deadline)
        elif like:
            z, windows = resemble(self._decoder, task, recipe, indices, deadline)
            joined = is_joined(recipe, indices)
        else:
            windows = self._decoder.decode(task, deadline)
        if key := recipe.options.get("key"):
            windows = snap(windows, generator.lowest_pitch, Key.of(key), joined)
        self._measures.windows.inc(len(indices))
        return Drawn(generator.family, generator.lowest_pitch, threshold, temperature, indices, z, windows, joined)

    def generator_of(self, checkpoint: Checkpoint, deadline: Deadline) -> Generator:
        """What plays a checkpoint.

        Raises DeadlinePassed, ObjectMissing, ObjectCorrupt, StoreUnavailable, NotAGenerator.
        """
        source = Source(checkpoint.generator_key, checkpoint.generator_digest, checkpoint.generator_size)
        return self._generators.get(source, deadline)


def _named(recipe: Recipe, checkpoint: Checkpoint) -> str:
    """What measures call the model."""
    return recipe.model if may_move(recipe, checkpoint) else _BY_DIGEST


def _moved(generator: Generator, recipe: Recipe) -> Positions:
    """How far the attributes asked for move every position. Raises NoSuchAttribute."""
    return generator.moved(recipe.options.get("attributes") or {})


def _ends(generator: Generator, recipe: Recipe) -> Ends | None:
    """The windows that a way is to begin and end with; None of what is no way."""
    if not is_way(recipe):
        return None
    sources = recipe.options.get("ends") or (None, None)
    first, last = (None if each is None else rolls_of(each, generator.lowest_pitch)[0] for each in sources)
    return first, last


def _labels(generator: Generator, recipe: Recipe, n: int) -> Labels | None:
    """The number of the label asked for, n times; None where none is. Raises NoSuchLabel."""
    label = recipe.options.get("label")
    if label is None:
        return None
    condition = generator.condition
    if condition is None or label not in condition.values:
        raise NoSuchLabel(label, condition)
    return np.full(n, condition.values.index(label), np.int64)


def _temperature(generator: Generator, recipe: Recipe) -> float | None:
    """The one asked for, else the model's own. Raises NoTemperature."""
    asked = recipe.options.get("temperature")
    if asked is None:
        return generator.temperature
    if generator.temperature is None:
        raise NoTemperature(generator)
    return float(asked)


def _positions(generator: Generator, recipe: Recipe, indices: Sequence[int], labels: Labels | None) -> Positions:
    if recipe.z is None:
        assert recipe.seed is not None  # one of the two
        return generator.positions(recipe.seed, indices, labels)
    for index, position in enumerate(recipe.z):
        if len(position) != generator.latent_size:
            raise BadPosition(index, len(position), generator.latent_size)
    if is_way(recipe):
        return between(recipe.z[0], recipe.z[-1], recipe.n, recipe.options["way"])[list(indices)]
    return np.array([recipe.z[index] for index in indices], np.float32)


def between(first: list[float], last: list[float], n: int, way: str) -> Positions:
    """So many positions from one to another: float32 [n, d], both ends exactly among them.

    "slerp" goes along the arc between them (Shoemake, 1985; of positions, White, 2016), unless they lie in one line
    with the middle, where there is none.
    """
    a, b = np.array(first, np.float32).astype(float), np.array(last, np.float32).astype(float)
    t = np.linspace(0, 1, n)[:, None]
    along = (1 - t) * a + t * b
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    if way == "slerp" and lengths > 0:
        angle = np.arccos(np.clip(a @ b / lengths, -1, 1))
        if _FLAT < angle < np.pi - _FLAT:
            along = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    along[0], along[-1] = a, b
    positions: Positions = along.astype(np.float32)
    return positions
