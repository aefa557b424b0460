"""The half of a model that learns, as all families have it.

Imports torch only where it works, so that a family's record may stand in one file with all the rest of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pianola.models.family import Facts, Preset, RunOptions
from pianola.models.windows import Floats

if TYPE_CHECKING:
    from torch import Tensor

    from pianola.models.conditions import Batch
    from pianola.models.fleet import Fleet
    from pianola.models.networks import Trainee

Options = TypeVar("Options", bound=RunOptions)


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
        """Begin, at step 0 and with fresh optimizers, from the weights that play among another learner's tensors.

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
