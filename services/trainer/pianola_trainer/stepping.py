"""Steps of a run: the batch, the seed and the precision of each are functions of its number."""

from typing import Any

import torch

from pianola.models.learner import Learner
from pianola.models.precision import multiplying_in
from pianola_trainer.batches import Batches, step_seed
from pianola_trainer.points import labelled
from pianola_trainer.setup import Setup
from pianola_trainer.windows import PackedWindows


class Steps:
    """The steps of one learner, which knows how many it has taken."""

    def __init__(
        self, learner: Learner[Any], windows: PackedWindows, batches: Batches, seed: int, setup: Setup
    ) -> None:
        self._learner, self._windows, self._batches, self._seed = learner, windows, batches, seed
        self._setup = setup

    def take(self, progress: float) -> dict[str, float]:
        """The next step, at `progress` 0..1 of the run; what it measured on the whole batch."""
        step, fleet = self._learner.steps_taken, self._learner.fleet
        rows = self._batches.at(step)
        windows, labels = labelled(self._windows, rows if fleet.size == 1 else rows[fleet.share])
        torch.manual_seed(step_seed(self._seed, step))
        with multiplying_in(self._setup.precision, self._learner), fleet.noise():
            values = self._learner.step(windows, progress, labels)
        return fleet.means(values)
