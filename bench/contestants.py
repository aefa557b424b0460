"""What the benchmarks of quality train: our families as the trainer trains them, and the thesis's two networks.

A contestant takes steps, says now and then how likely held-out windows are, goes back to its best moment at the end,
and plays. Only its steps are on the clock; both sides see every training window once an epoch, and none twice.
"""

import copy
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import torch
from common import peer
from torch import Tensor

from pianola.codec.window import Bytes, Integers
from pianola.models.generator import Generator
from pianola.models.learner import Learner
from pianola.models.presets import FAMILIES, resolve
from pianola.models.registry import create_learner, load_generator, save_generator
from pianola.records.best import SLACK
from pianola_sampler.drawing import between
from pianola_trainer.batches import Batches, Split, evenly, step_seed
from pianola_trainer.points import MOST_CALIBRATED, as_batch
from pianola_trainer.probing import probe
from pianola_trainer.setup import Setup
from pianola_trainer.stepping import Steps
from pianola_trainer.windows import PackedWindows

Clock = Callable[[], float]

MOST_ASKED: Final = 512
"""Held-out windows that a point asks about."""
MOST_BOUNDED: Final = 1000
"""Held-out windows of the bound at the end, as in an evaluation."""
_PART: Final = 64
THESIS_BATCH: Final = 64


class Contestant(ABC):
    """One model on one data set's sides."""

    def __init__(self, windows: PackedWindows, sides: Split, seed: int, batch: int) -> None:
        self.windows, self.sides, self.seed = windows, sides, seed
        self.batches = Batches(sides.training, batch, seed)
        self.steps = 0
        self.slack = 0.0
        """Weights that are worse than the best by this share of it are kept still."""
        self._best: float | None = None

    @property
    @abstractmethod
    def batch(self) -> int:
        """Windows in a step."""

    @abstractmethod
    def step(self, progress: float) -> None:
        """One step, at `progress` 0..1 of the time there is."""

    @abstractmethod
    def nats(self, rows: Integers) -> float | None:
        """Reconstruction + KL in nats per window; None where the model has no likelihood."""

    def kl(self, rows: Integers) -> float | None:
        """What positions tell of those windows, in nats per window; None where nobody asks."""
        return None

    def halfway(self, count: int) -> Bytes | None:
        """Windows [count, 96, 96] in the middle of ways between two positions each; None where nobody asks."""
        return None

    @abstractmethod
    def _keep(self) -> None:
        """Remember the weights as they are."""

    @abstractmethod
    def settle(self) -> None:
        """Become what plays: the best moment seen, where there is a measure, made ready."""

    @abstractmethod
    def play(self, count: int) -> Bytes:
        """Windows [count, 96, 96], the same ones every time."""

    def look(self) -> float | None:
        """Held-out nats now; weights better than before are kept."""
        found = self._ask(evenly(self.sides.held_out, MOST_ASKED))
        if found is not None:
            self._best = found if self._best is None else min(self._best, found)
            if found <= self._best + self.slack * abs(self._best):
                self._keep()
        return found

    def _ask(self, rows: Integers) -> float | None:
        return self.nats(rows)

    def _parts(self, rows: Integers) -> Iterator[Tensor]:
        for start in range(0, len(rows), _PART):
            yield as_batch(self.windows, rows[start : start + _PART])


class Ours(Contestant):
    """A family's preset, by the learner, the steps and the measurement before the first one that the trainer uses."""

    def __init__(
        self,
        family: str,
        windows: PackedWindows,
        sides: Split,
        seed: int,
        seconds: float,
        threads: int,
        preset: str = "default",
        **overrides: Any,
    ) -> None:
        self.options = resolve(family, preset, {"seconds": seconds, **overrides})
        super().__init__(windows, sides, seed, self.options.batch)
        self.slack = SLACK if self.options.keep == "settled" else 0.0
        self._family, self._preset, self._decides = family, preset, FAMILIES[family].decides
        # The trainer's supervisor tells its child so.
        os.environ["OMP_NUM_THREADS"] = str(threads)
        self.setup = Setup.of_options(self.options)
        if self.options.precision == "auto":
            self.setup = probe(self.setup, lambda way: self._steps(self._learner(way), way), self.batch)
        self.learner = self._learner(self.setup)
        self._taking = self._steps(self.learner, self.setup)
        self._kept: tuple[dict[str, Tensor], dict[str, Any]] | None = None

    def _learner(self, setup: Setup) -> Learner[Any]:
        density = self.windows.density(self.sides.training)
        learner = create_learner(self._family, self._preset, self.options, self.seed, density)
        setup.apply(learner)
        return learner

    def _steps(self, learner: Learner[Any], setup: Setup) -> Steps:
        return Steps(learner, self.windows, self.batches, self.seed, setup)

    @property
    def batch(self) -> int:
        """See Contestant."""
        return self.batches.size

    def step(self, progress: float) -> None:
        """See Contestant."""
        torch.set_num_threads(self.setup.threads)
        self._taking.take(progress)
        self.steps += 1

    def nats(self, rows: Integers) -> float | None:
        """See Contestant: as an evaluation has it."""
        return self.learner.bound(self._batches(rows), 1)

    def kl(self, rows: Integers) -> float | None:
        """See Contestant."""
        return self.learner.validate(self._batches(rows)).get("validation_kl")

    def _ask(self, rows: Integers) -> float | None:
        # What decides which of a run's checkpoints plays.
        return self.learner.validate(self._batches(rows))[self._decides] if self._decides else None

    def _batches(self, rows: Integers) -> Iterator[tuple[Tensor, None]]:
        return ((part, None) for part in self._parts(rows))

    def _keep(self) -> None:
        self._kept = self.learner.tensors(), self.learner.facts()

    def settle(self) -> None:
        """See Contestant."""
        if self._kept is not None and self.options.keep != "last":
            self.learner.restore(*self._kept)
        torch.manual_seed(step_seed(self.seed, self.learner.steps_taken))
        self.learner.calibrate(self._batches(evenly(self.sides.training, MOST_CALIBRATED)))

    def play(self, count: int) -> Bytes:
        """See Contestant: what the saved generating half plays."""
        generator = self.generator()
        return np.concatenate(
            [
                generator.windows(np.stack([generator.draw(self.seed, index) for index in part]))
                for part in np.split(np.arange(count), range(_PART, count, _PART))
            ]
        )

    def halfway(self, count: int) -> Bytes:
        """See Contestant: as an interpolation has them."""
        generator = self.generator()
        ends = generator.positions(self.seed, range(2 * count)).tolist()
        ways = (between(first, last, 3, "slerp") for first, last in zip(ends[::2], ends[1::2], strict=True))
        return np.stack([generator.way(way)[1] for way in ways])

    def generator(self) -> Generator:
        """The generating half as a checkpoint has it."""
        return load_generator(save_generator(self.learner, self.windows.lowest_pitch))


class Theirs(Contestant):
    """A network of the thesis with the step that its loop takes."""

    def __init__(
        self, windows: PackedWindows, sides: Split, seed: int, threads: int, batch: int = THESIS_BATCH
    ) -> None:
        super().__init__(windows, sides, seed, batch)
        self.thesis = peer("thesis")
        self._threads = threads
        torch.manual_seed(seed)

    @property
    def batch(self) -> int:
        """See Contestant."""
        return self.batches.size

    def step(self, progress: float) -> None:
        """See Contestant."""
        torch.set_num_threads(self._threads)
        self.learn(as_batch(self.windows, self.batches.at(self.steps)))
        self.steps += 1

    @abstractmethod
    def learn(self, batch: Tensor) -> None:
        """The step on windows [n, 1, 96, 96] of 0 and 1."""

    def _keep(self) -> None:
        return

    def settle(self) -> None:
        """See Contestant: what there is at the end plays."""

    @abstractmethod
    def _lit(self, count: int) -> Tensor:
        """Bool [count, 1, 96, 96]: positions as the thesis draws them, its threshold of 0.5."""

    def play(self, count: int) -> Bytes:
        """See Contestant."""
        torch.manual_seed(self.seed)
        with torch.inference_mode():
            parts = [self._lit(min(_PART, count - start)) for start in range(0, count, _PART)]
        return torch.cat(parts)[:, 0].numpy().astype(np.uint8)


class ThesisVae(Theirs):
    """Its VAE. It may play from its best moment too, which the thesis did not do."""

    def __init__(
        self, windows: PackedWindows, sides: Split, seed: int, threads: int, batch: int = THESIS_BATCH
    ) -> None:
        super().__init__(windows, sides, seed, threads, batch)
        self.network = self.thesis.Vae()
        self._optimizer = torch.optim.Adam(self.network.parameters(), 1e-3)
        self._kept: dict[str, Tensor] | None = None

    def learn(self, batch: Tensor) -> None:
        """See Theirs."""
        logits, mean, log_variance = self.network.train()(batch)
        loss = self.thesis.vae_loss(logits, batch, mean, log_variance)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def nats(self, rows: Integers) -> float:
        """See Contestant."""
        self.network.eval()
        total = sum(self.thesis.nats_per_window(self.network, part) * len(part) for part in self._parts(rows))
        return float(total / len(rows))

    def _keep(self) -> None:
        self._kept = copy.deepcopy(self.network.state_dict())

    def settle(self) -> None:
        """See Contestant."""
        if self._kept is not None:
            self.network.load_state_dict(self._kept)

    def _lit(self, count: int) -> Tensor:
        lit: Tensor = self.network.eval().decode(torch.rand(count, 2) * 8 - 4) > 0
        return lit


class ThesisGan(Theirs):
    """Its DCGAN."""

    def __init__(
        self, windows: PackedWindows, sides: Split, seed: int, threads: int, batch: int = THESIS_BATCH
    ) -> None:
        super().__init__(windows, sides, seed, threads, batch)
        self.generator, self.discriminator = self.thesis.Generator(), self.thesis.Discriminator()
        self._optimizers = [
            torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999))
            for network in (self.generator, self.discriminator)
        ]

    def learn(self, batch: Tensor) -> None:
        """See Theirs."""
        softplus = torch.nn.functional.softplus
        of_generator, of_discriminator = self._optimizers
        real = batch * 2 - 1
        with torch.no_grad():
            fake = self.generator(torch.randn(len(real), 100))
        loss = (softplus(-self.discriminator(real)).mean() + softplus(self.discriminator(fake)).mean()) / 2
        of_discriminator.zero_grad()
        torch.autograd.backward(loss)
        of_discriminator.step()
        loss = softplus(-self.discriminator(self.generator(torch.randn(len(real), 100)))).mean()
        of_generator.zero_grad()
        torch.autograd.backward(loss)
        of_generator.step()

    def nats(self, rows: Integers) -> None:
        """See Contestant: a GAN has no likelihood."""
        return

    def _lit(self, count: int) -> Tensor:
        lit: Tensor = self.generator(torch.rand(count, 100) * 2 - 1) > 0
        return lit


def train(
    model: Contestant,
    seconds: float,
    clock: Clock,
    every: float,
    told: Callable[[float, float | None], bool] = lambda elapsed, nats: False,
) -> float:
    """Let it take steps for `seconds` of `clock`, looking every `every` seconds and at the end; looking costs nothing.

    `told` hears how far it is and what was seen, and ends it by True. Returns the seconds spent in steps.
    """
    elapsed, next_look = 0.0, every
    while elapsed < seconds:
        began = clock()
        model.step(elapsed / seconds)
        elapsed += clock() - began
        if next_look <= elapsed < seconds:
            next_look = elapsed + every
            if told(elapsed, model.look()):
                return elapsed
    told(elapsed, model.look())
    return elapsed


CLOCKS: Final[dict[str, Clock]] = {"wall": time.perf_counter, "processor": time.process_time}
