"""An evaluation point: what is measured and drawn of the learner as it is."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor

from pianola.codec.window import Bytes, Integers
from pianola.evaluation.pictures import grid_png
from pianola.models.conditions import Batch, in_proportion
from pianola.models.learner import Learner
from pianola.models.registry import load_generator, save_generator
from pianola.records.best import SAMPLE_DENSITY
from pianola_trainer.batches import Split, evenly, step_seed
from pianola_trainer.checkpoints import File
from pianola_trainer.errors import Diverged
from pianola_trainer.orders import Order, Orders
from pianola_trainer.windows import PackedWindows

GRID: Final = 25
"""Sample windows in a picture: five lines of five, of the run's seed, so that pictures of two steps compare."""
MOST_ENCODED: Final = 2000
"""Windows whose latent positions are kept: as many as a scatter can show."""
MOST_CALIBRATED: Final = 4096
_BATCH: Final = 64


class Point:
    """Evaluates one run's learner, with the same windows and the same seed every time.

    Every method raises Asked, between two batches, where an order came in: any, or one of `only`.
    """

    def __init__(self, windows: PackedWindows, split: Split, seed: int, orders: Orders) -> None:
        self._windows, self._split, self._seed, self._orders = windows, split, seed, orders
        self._encoded = evenly(np.arange(len(windows)), MOST_ENCODED)
        self._calibrated = evenly(split.training, MOST_CALIBRATED)

    def calibrate(self, learner: Learner[Any], *only: Order) -> None:
        """Make the generating half ready to play."""
        # As in a step: what is drawn here depends on the run's seed and the step alone.
        torch.manual_seed(step_seed(self._seed, learner.steps_taken))
        learner.calibrate(self._batches(self._calibrated, *only))

    def measure(self, learner: Learner[Any], *only: Order) -> dict[str, float]:
        """What the held-out windows say."""
        return learner.validate(self._batches(self._split.held_out, *only))

    def draw(self, learner: Learner[Any], *only: Order) -> tuple[dict[str, float], list[File]]:
        """What the learner plays: its density, and files: the sample grid and, for a family that encodes, the latent
        positions of the data.
        """
        step = learner.steps_taken
        self._orders.check(*only)
        played = self._play(learner)
        picture = grid_png(played, columns=5, lowest_pitch=self._windows.lowest_pitch)
        grid = File(f"samples-{step}.png", "samples", "image/png", picture)
        return {SAMPLE_DENSITY: float(played.mean())}, [grid, *self._latent(learner, step, *only)]

    def _play(self, learner: Learner[Any]) -> Bytes:
        # What is shown is what the saved half plays.
        windows = self._windows
        generator = load_generator(save_generator(learner, windows.lowest_pitch, windows.condition))
        labels = None if windows.told is None else in_proportion(windows.told, GRID)
        return generator.windows(generator.positions(self._seed, range(GRID), labels), labels=labels)

    def _latent(self, learner: Learner[Any], step: int, *only: Order) -> list[File]:
        found = []
        for batch, labels in self._batches(self._encoded, *only):
            positions = learner.encode(batch, labels)
            if positions is None:
                return []
            found.append(positions)
        positions, files = np.concatenate(found), self._windows.file[self._encoded]
        index = self._windows.places(self._encoded).astype(np.int32)
        table = save({"positions": positions, "file": files, "index": index})
        kept = [File(f"latent-{step}.safetensors", "latent", "application/vnd.safetensors", table)]
        if np.isfinite(positions).all():
            # matplotlib takes most of a second to import: families without an encoder never need it here.
            from pianola.evaluation.plots import latent_scatter

            kept.append(File(f"latent-{step}.png", "latent_scatter", "image/png", latent_scatter(positions, files)))
        return kept

    def _batches(self, rows: Integers, *only: Order) -> Iterator[Batch]:
        for start in range(0, len(rows), _BATCH):
            self._orders.check(*only)
            yield labelled(self._windows, rows[start : start + _BATCH])


def as_batch(windows: PackedWindows, rows: Integers) -> Tensor:
    """Float32 windows [n, 1, 96, 96] of 0 and 1, as learners take them, on the device they are on.

    They get there packed, a 32nd of the size, and are unpacked there.
    """
    packed = torch.from_numpy(windows.packed[rows]).to(torch.get_default_device())
    bits = packed.unsqueeze(-1).bitwise_right_shift(torch.arange(7, -1, -1, dtype=torch.uint8)).bitwise_and(1)
    return bits.flatten(2).unsqueeze(1).float()


def labelled(windows: PackedWindows, rows: Integers) -> Batch:
    """The same with their labels, where the windows are for a model with conditions."""
    told = None if windows.told is None else torch.from_numpy(windows.told[rows]).to(torch.get_default_device())
    return as_batch(windows, rows), told


def check_finite(values: Mapping[str, float], learner: Learner[Any]) -> None:
    """Raise Diverged where a value that the learner measured is not finite."""
    for name, value in values.items():
        if not np.isfinite(value):
            raise Diverged(_spoken(name), value, learner.steps_taken, learner.options.learning_rate)


def check_weights(learner: Learner[Any]) -> None:
    """Raise Diverged where a weight is not finite: a checkpoint of it would be of no use."""
    for tensor in learner.tensors().values():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise Diverged("a weight", float("nan"), learner.steps_taken, learner.options.learning_rate)


def _spoken(name: str) -> str:
    """A metric's name in a sentence: what the learner optimises is just the loss."""
    return "loss" if name == "train_loss" else name.replace("_", " ")
