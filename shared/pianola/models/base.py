"""What every model family is to the rest of Pianola: a Learner that trains, and a Generator that plays.

Imports torch only where one of them works, so that a family's record may stand in one file with all the rest of it.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from pianola.models.family import Preset, RunOptions

if TYPE_CHECKING:
    from torch import Tensor

    from pianola.models.attributes import Directions
    from pianola.models.conditions import Batch, Condition, Labels
    from pianola.models.encoders import Encoder
    from pianola.models.fleet import Fleet
    from pianola.models.networks import Trainee

Facts = dict[str, Any]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Windows = np.ndarray[Any, np.dtype[np.uint8]]

SIDE = 96
PIXELS = SIDE * SIDE
HOTTEST = 5.0

Options = TypeVar("Options", bound=RunOptions)


def noise_of(seed: int, index: int) -> np.random.Generator:
    """Random numbers that belong to window `index` of `seed`, whatever was drawn before (Philox is counter-based)."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))


class NotAGenerator(ValueError):
    """Bytes that are no generating half of a model, or of one this version cannot play; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"this is not a saved generator: {reason}")


class NoEncoder(ValueError):
    """A generator that does not know where windows lie."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(
            f"this {generator.preset} {generator.family} has no encoder, which would say where music lies in its "
            "latent space: a gan never has one, and a vae that was saved before generators kept theirs gets one when a "
            "run goes on from it (from_checkpoint). It can play samples by seed or position z, and interpolations "
            "between them"
        )


class CannotGoOn(ValueError):
    """A generator that writes whole windows, and not from a beginning."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(
            f"a {generator.preset} {generator.family} makes whole windows at once and cannot go on from what was "
            "played: its interpolations are windows that change by and by; a vae, default preset, plays longer pieces"
        )


Ends = tuple[Windows | None, Windows | None]
"""Windows [96, 96] that a way is to begin and to end with; None: what its first and last positions play."""


@dataclass(frozen=True)
class Near:
    """What variations are to be like: windows [n, 96, 96], how far away they may be, 0..1, and where each one's chance
    comes from.
    """

    windows: Windows
    strength: float
    noises: Sequence[np.random.Generator]


class Generator(ABC):
    """The half of a model that plays: from a position z to a window, the same window every time.

    encoder: what says where windows lie; None for a family without one. directions: of its attributes.
    """

    latent_size: int
    encoder: Encoder | None = None
    directions: Directions = ()
    conditions: int = 0
    """Values of the label field that the model was told; 0 for a model without conditions."""
    goes_on = False
    """Whether `go_on` can."""

    def __init__(self, family: str, preset: str, lowest_pitch: int, facts: Facts) -> None:
        self.family = family
        self.preset = preset
        self.lowest_pitch = lowest_pitch
        self.facts = facts

    @property
    def threshold(self) -> float:
        """Where lit ends and dark begins, 0..1, as calibrated; a higher one gives fewer notes."""
        return float(self.facts["threshold"])

    @property
    def temperature(self) -> float | None:
        """How freely it chooses among pitches, as calibrated: 1 as learnt, lower keeps to likely ones; None for a model
        that leaves nothing but its position to chance.
        """
        told = self.facts.get("temperature")
        return None if told is None else float(told)

    def tempered(self, temperature: float) -> Generator:
        """The same generator at another temperature, above 0 and at most 5. Raises ValueError."""
        if self.temperature is None:
            raise ValueError(f"a {self.preset} {self.family} has no temperature, only a threshold")
        if not 0 < temperature <= HOTTEST:
            raise ValueError(f"temperature must be above 0 and at most {HOTTEST:g}, got {temperature}")
        other = copy.copy(self)
        other.facts = {**self.facts, "temperature": temperature}
        return other

    @property
    def condition(self) -> Condition | None:
        """What the labels of `windows` mean; None for a model without conditions."""
        from pianola.models.conditions import Condition

        told = self.facts.get("condition")
        return None if told is None else Condition(told["field"], tuple(told["values"]))

    @abstractmethod
    def draw(self, seed: int, index: int, label: int | None = None) -> Floats:
        """Position [latent_size] of window `index` of `seed`; depends on nothing else but the label it is meant for."""

    def positions(self, seed: int, indices: Sequence[int], labels: Labels | None = None) -> Floats:
        """Positions [n, latent_size] of n windows of `seed`, n at least 1; labels: see `windows`."""
        meant = [None] * len(indices) if labels is None else labels.tolist()
        return np.stack([self.draw(seed, index, label) for index, label in zip(indices, meant, strict=True)])

    def windows(self, z: Floats, threshold: float | None = None, labels: Labels | None = None) -> Windows:
        """Windows [n, 96, 96] of 0 and 1 at positions z [n, latent_size]; a row depends on its own position alone.

        labels: int [n] of a conditional model, see Batch; without them it plays as for windows that have none.
        """
        return self._played(self._windows, z, threshold, labels)

    def way(
        self, z: Floats, threshold: float | None = None, labels: Labels | None = None, ends: Ends = (None, None)
    ) -> Windows:
        """Windows along a way of positions z [n, latent_size]: the first and the last are what `windows` plays there.

        Where chance has a part in a window, that too goes over from the first's to the last's by and by, so that
        neighbours on the way are alike; and so it is with `ends`, which such a generator plays exactly (but for notes
        that no dice write, see note_dice.writable). One that leaves nothing to chance does not look at them.
        """
        return self._played(lambda z, limit, chosen: self._way(z, limit, chosen, ends), z, threshold, labels)

    def encode(self, windows: Windows, labels: Labels | None = None) -> Floats:
        """Positions [n, latent_size] of windows [n, 96, 96], the means of `posterior`. Raises NoEncoder."""
        return self.posterior(windows, labels)[0]

    def posterior(self, windows: Windows, labels: Labels | None = None) -> tuple[Floats, Floats]:
        """Means and deviations [n, latent_size] of where windows [n, 96, 96] lie. Raises NoEncoder.

        labels: as of `windows`. A row depends on its own window alone.
        """
        if self.encoder is None:
            raise NoEncoder(self)
        chosen = self._chosen(len(windows), labels)
        import torch

        from pianola.models.networks import on_cpu

        means = np.zeros((len(windows), self.latent_size), np.float32)
        deviations = means.copy()
        with torch.inference_mode(), on_cpu():
            # One by one: in a batch, the last bits would depend on the size of the batch.
            for row, window in enumerate(windows):
                seen = torch.from_numpy(window.astype(np.float32))[None, None]
                mean, log_variance = self.encoder.posterior(seen, None if chosen is None else chosen[[row]])
                means[row], deviations[row] = mean[0].numpy(), (0.5 * log_variance[0]).exp().numpy()
        return means, deviations

    def moved(self, amounts: Mapping[str, float]) -> Floats:
        """How far [latent_size] a position is moved for so many deviations of attributes. Raises NoSuchAttribute."""
        from pianola.models.attributes import moved

        return moved(self.directions, amounts, self.latent_size)

    def vary(
        self,
        windows: Windows,
        strength: float,
        noises: Sequence[np.random.Generator],
        threshold: float | None = None,
        labels: Labels | None = None,
        moved: Floats | None = None,
    ) -> tuple[Floats, Windows]:
        """Positions [n, latent_size] and windows like `windows` [n, 96, 96], each by its noise. Raises NoEncoder.

        strength: 0 plays these very windows, 1 new ones near them: the position goes from the posterior's mean to a
        draw from it, and such a share of the window is written anew there by fresh chance. A generator that paints
        windows whole plays the mean at 0, its reconstruction. moved: added to the positions.
        """
        mean, deviation = self.posterior(windows, labels)
        normal = np.array([noise.standard_normal(self.latent_size) for noise in noises]).reshape(mean.shape)
        z = (mean + strength * deviation * normal + (0 if moved is None else moved)).astype(np.float32)
        near = Near(windows, strength, noises)
        return z, self._played(lambda z, limit, chosen: self._varied(near, z, limit, chosen), z, threshold, labels)

    def go_on(
        self,
        opening: Windows,
        home: Floats,
        drift: float,
        noise: np.random.Generator,
        threshold: float | None = None,
        label: int | None = None,
    ) -> tuple[Floats, Windows]:
        """A window [96, 96] whose first k steps are `opening` [96, k], and its position [latent].

        The position is one that fits the opening among some drawn near windows of the data (of the label, for a model
        with conditions) that are nearest to the position `home`; drift: from 0, the nearest alone, to 1, any of them.
        Raises CannotGoOn.
        """
        raise CannotGoOn(self)

    def _played(
        self,
        play: Callable[[Floats, float, Tensor | None], Windows],
        z: Floats,
        threshold: float | None,
        labels: Labels | None,
    ) -> Windows:
        limit = self.threshold if threshold is None else threshold
        if z.ndim != 2 or z.shape[1] != self.latent_size:
            raise ValueError(f"z must be [n, {self.latent_size}], got {list(z.shape)}")
        if not 0 < limit < 1:
            raise ValueError(f"threshold must be between 0 and 1, got {limit}")
        chosen = self._chosen(len(z), labels)
        if len(z) == 0:
            return np.zeros((0, SIDE, SIDE), np.uint8)
        import torch

        from pianola.models.networks import on_cpu

        with torch.inference_mode(), on_cpu():
            return play(np.ascontiguousarray(z, dtype=np.float32), limit, chosen)

    def _chosen(self, n: int, labels: Labels | None) -> Tensor | None:
        """Labels int64 [n] as the network takes them."""
        if not self.conditions:
            if labels is not None:
                raise ValueError("this model has no conditions, and so it takes no labels")
            return None
        import torch

        if labels is None:
            return torch.full((n,), self.conditions)
        if labels.shape != (n,) or (n and not 0 <= labels.min() <= labels.max() <= self.conditions):
            raise ValueError(f"labels must be {n} numbers of 0..{self.conditions}, got {labels}")
        return torch.from_numpy(labels.astype(np.int64))

    @abstractmethod
    def _windows(self, z: Floats, threshold: float, labels: Tensor | None) -> Windows: ...

    def _way(self, z: Floats, threshold: float, labels: Tensor | None, ends: Ends) -> Windows:
        return self._windows(z, threshold, labels)

    def _varied(self, near: Near, z: Floats, threshold: float, labels: Tensor | None) -> Windows:
        return self._windows(z, threshold, labels)


class Learner(ABC, Generic[Options]):
    """One run's networks, loss and optimizers. Draws only from torch's generator, which the caller seeds per step.

    It may be one of several that take a share of each batch: losses are means over windows, and what is no linear
    function of such a mean takes it from `fleet.mean`.
    """

    def __init__(self, preset: Preset, options: Options, seed: int, density: float, conditions: int = 0) -> None:
        """density: the share of lit pixels in the training windows. conditions: values of a label field that the
        networks are told; 0 where they are told none.
        """
        from pianola.models.fleet import Fleet

        self.preset = preset
        self.options = options
        self.seed = seed
        self.density = density
        self.conditions = conditions
        self.fleet = Fleet()
        self.steps_taken = 0
        self.threshold = 0.5

    @property
    @abstractmethod
    def trainees(self) -> tuple[Trainee[Any], ...]:
        """The networks that learn."""

    def join(self, fleet: Fleet) -> None:
        """Learn together with others from here on; each is to have the same weights now."""
        self.fleet = fleet
        for trainee in self.trainees:
            trainee.fleet = fleet

    @abstractmethod
    def step(self, batch: Tensor, progress: float, labels: Tensor | None = None) -> dict[str, float]:
        """One optimizer step on float32 windows [n, 1, 96, 96] of 0 and 1, at `progress` 0..1 of the run: metrics.

        labels: int64 [n], see Batch; None without conditions.
        """

    @abstractmethod
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Metrics on held-out windows; changes nothing, and gives the same numbers every time."""

    def bound(self, batches: Iterable[Batch], draws: int) -> float | None:
        """An upper bound on -log p of windows, in nats per window; None for a family that has no likelihood.

        Importance-weighted with `draws` positions a window (Burda et al., 2016): with 1 it is reconstruction + KL, and
        it falls towards the truth as they grow. The same number every time.
        """
        return None

    @abstractmethod
    def encode(self, batch: Tensor, labels: Tensor | None = None) -> Floats | None:
        """Positions [n, d] of windows in the latent space; None for a family without an encoder."""

    @abstractmethod
    def calibrate(self, batches: Iterable[Batch]) -> None:
        """Choose what the generating half needs beside its weights, from some training windows; before a checkpoint."""

    @abstractmethod
    def generator_tensors(self) -> dict[str, Tensor]:
        """Copies of the generating half's weights, by name."""

    def generator_facts(self) -> Facts:
        """What the generating half needs beside its tensors: JSON."""
        return {"threshold": self.threshold, "network": dict(self.preset.network), "step": self.steps_taken}

    def tensors(self) -> dict[str, Tensor]:
        """Copies of everything learnt, optimizers and averages included, by name."""
        return {key: value for trainee in self.trainees for key, value in trainee.tensors().items()}

    def facts(self) -> Facts:
        """What restoring needs beside the tensors: JSON."""
        return {"steps_taken": self.steps_taken, "threshold": self.threshold}

    def adopt(self, tensors: Mapping[str, Tensor]) -> None:
        """Begin, at step 0 and with fresh optimizers, from the weights and averages among another learner's tensors.

        Raises RuntimeError where its networks are of another shape.
        """
        for trainee in self.trainees:
            trainee.adopt(tensors)

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Become, bit for bit, the learner that gave these tensors and facts."""
        for trainee in self.trainees:
            trainee.restore(tensors)
        self.steps_taken = int(facts["steps_taken"])
        self.threshold = float(facts["threshold"])
