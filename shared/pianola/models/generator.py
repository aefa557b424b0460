"""The half of a model that plays, as all families have it.

Imports torch only where it works, so that a family's record may stand in one file with all the rest of it.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pianola.codec.window import SIDE
from pianola.models.attributes import Directions, moved
from pianola.models.family import Facts
from pianola.models.windows import Floats, Windows

if TYPE_CHECKING:
    from torch import Tensor

    from pianola.models.conditions import Condition, Labels

HOTTEST = 5.0


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


class Encoder(Protocol):
    """What says where windows lie: a network."""

    def posterior(self, windows: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance, [n, latent] each, of the positions of windows [n, 1, 96, 96].

        labels: int64 [n] for a network with conditions.
        """


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

        from pianola.models.device import on_cpu

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

        from pianola.models.device import on_cpu

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
