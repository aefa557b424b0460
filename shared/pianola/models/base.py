"""What every model family is to the rest of Pianola: a Learner that trains, and a Generator that plays."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pianola.models.conditions import Batch, Condition, Labels
from pianola.models.presets import Preset, RunOptions

Facts = dict[str, Any]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Windows = np.ndarray[Any, np.dtype[np.uint8]]
SIDE = 96
PIXELS = SIDE * SIDE
# When matching a density: tries, the relative error that ends them, and the bounds of the threshold (0.05..0.95).
MOST_TRIES = 4
CLOSE_ENOUGH = 0.02
FARTHEST_LOGIT = 3.0

Net = TypeVar("Net", bound=nn.Module)
Options = TypeVar("Options", bound=RunOptions)


def seeded_build(seed: int, kind: type[Net], sizes: Mapping[str, Any]) -> Net:
    """A network whose first weights come from `seed` alone; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Kernels laid out as convolutions want them: up to twice as fast on a CPU.
        return kind(**sizes).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return] # torch's stubs lack this form


@contextmanager
def on_cpu() -> Iterator[None]:
    """Make tensors on the CPU, whichever device learners use: what plays is the same everywhere, bit for bit."""
    # torch looks at every call while a device is set: on the CPU there is none to set.
    with nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu"):
        yield


def noise_of(seed: int, index: int) -> np.random.Generator:
    """Random numbers that belong to window `index` of `seed`, whatever was drawn before (Philox is counter-based)."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))


class Trainee(Generic[Net]):
    """One network with its AdamW and, if asked for, the running average of its weights, which is what plays."""

    def __init__(self, name: str, network: Net, options: RunOptions, averaged: bool = True) -> None:
        self.name = name
        self.network = network
        self.average = copy.deepcopy(network) if averaged and options.weight_average else network
        self.average.requires_grad_(self.average is network)
        self._options = options
        self._optimizer = torch.optim.AdamW(
            network.parameters(),
            options.learning_rate,
            betas=(options.beta1, options.beta2),
            weight_decay=options.weight_decay,
            fused=True,
        )

    def update(self, loss: Tensor, steps_taken: int, progress: float) -> None:
        """One optimizer step down the gradient of `loss`."""
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        if self._options.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._options.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._options, steps_taken, progress)
        self._optimizer.step()
        if self.average is not self.network:
            # The first steps count for more, or the average would hold the random start for long.
            decay = min(self._options.weight_average, (1 + steps_taken) / (10 + steps_taken))
            with torch.no_grad():
                for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                    mean.lerp_(now, 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """Copies of weights, averages and the optimizer's state, by name."""
        found = {f"{self.name}.network.{key}": value for key, value in self.network.state_dict().items()}
        if self.average is not self.network:
            found |= {f"{self.name}.average.{key}": value for key, value in self.average.state_dict().items()}
        for key, parameter in self.network.named_parameters():
            for part, value in self._optimizer.state.get(parameter, {}).items():
                found[f"{self.name}.optimizer.{part}.{key}"] = value
        return {key: plain(value) for key, value in found.items()}

    def adopt(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the weights and averages alone from what `tensors` gave, also of a trainee that has no average."""
        load_plain(self.network, tensors, f"{self.name}.network.")
        if self.average is not self.network:
            of_average = f"{self.name}.average."
            has_average = any(key.startswith(of_average) for key in tensors)
            load_plain(self.average, tensors, of_average if has_average else f"{self.name}.network.")

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take everything that `tensors` gave back in."""
        self.adopt(tensors)
        for key, parameter in self.network.named_parameters():
            state = {}
            for part in ("step", "exp_avg", "exp_avg_sq"):
                saved = tensors.get(f"{self.name}.optimizer.{part}.{key}")
                if saved is not None:
                    # As the optimizer makes them: moments are laid out in memory as their weight is.
                    state[part] = (
                        saved.to(parameter.device, copy=True)
                        if part == "step"
                        else torch.empty_like(parameter).copy_(saved).detach()
                    )
            if state:
                self._optimizer.state[parameter] = state
            else:
                self._optimizer.state.pop(parameter, None)


def learning_rate(options: RunOptions, steps_taken: int, progress: float) -> float:
    """The learning rate of the step after `steps_taken` steps, at `progress` 0..1 of the run."""
    warm = min(1.0, (steps_taken + 1) / options.warmup_steps) if options.warmup_steps else 1.0
    falls = 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0))) if options.schedule == "cosine" else 1.0
    return options.learning_rate * warm * falls


def plain(value: Tensor) -> Tensor:
    """A copy in plain row-major order and the CPU's memory, as safetensors wants it."""
    return value.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)


def load_plain(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Load the tensors whose names begin with `prefix` into a network, every one of its own and no other."""
    network.load_state_dict(
        {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    )


class Generator(ABC):
    """The half of a model that plays: from a position z to a window, the same window every time."""

    latent_size: int
    conditions: int = 0
    """Values of the label field that the model was told; 0 for a model without conditions."""

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
    def condition(self) -> Condition | None:
        """What the labels of `windows` mean; None for a model without conditions."""
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

    def way(self, z: Floats, threshold: float | None = None, labels: Labels | None = None) -> Windows:
        """Windows along a way of positions z [n, latent_size]: the first and the last are what `windows` plays there.

        Where chance has a part in a window, that too goes over from the first's to the last's by and by, so that
        neighbours on the way are alike.
        """
        return self._played(self._way, z, threshold, labels)

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
        with torch.inference_mode(), on_cpu():
            return play(np.ascontiguousarray(z, dtype=np.float32), limit, chosen)

    def _chosen(self, n: int, labels: Labels | None) -> Tensor | None:
        """Labels int64 [n] as the network takes them."""
        if not self.conditions:
            if labels is not None:
                raise ValueError("this model has no conditions, and so it takes no labels")
            return None
        if labels is None:
            return torch.full((n,), self.conditions)
        if labels.shape != (n,) or (n and not 0 <= labels.min() <= labels.max() <= self.conditions):
            raise ValueError(f"labels must be {n} numbers of 0..{self.conditions}, got {labels}")
        return torch.from_numpy(labels.astype(np.int64))

    @abstractmethod
    def _windows(self, z: Floats, threshold: float, labels: Tensor | None) -> Windows: ...

    def _way(self, z: Floats, threshold: float, labels: Tensor | None) -> Windows:
        return self._windows(z, threshold, labels)


class PixelGenerator(Generator):
    """Plays by painting: a network gives every pixel its logit, and a threshold decides."""

    def __init__(self, network: nn.Module, latent_size: int, reach: float | None, **identity: Any) -> None:
        """reach: positions are drawn evenly from -reach..reach; None: from the standard normal distribution."""
        super().__init__(**identity)
        self.latent_size = latent_size
        self._network = network.eval()
        self._reach = reach

    def draw(self, seed: int, index: int, label: int | None = None) -> Floats:
        """See Generator."""
        noise = noise_of(seed, index)
        if self._reach is None:
            return noise.standard_normal(self.latent_size).astype(np.float32)
        return noise.uniform(-self._reach, self._reach, self.latent_size).astype(np.float32)

    def _windows(self, z: Floats, threshold: float, labels: Tensor | None) -> Windows:
        limit = math.log(threshold / (1 - threshold))
        # One by one: in a batch, a pixel's last bits would depend on the size of the batch.
        lit = [self._network(torch.from_numpy(row)[None])[0, 0] > limit for row in z]
        return torch.stack(lit).numpy().astype(np.uint8)


def match_density(generator: Generator, z: Floats, labels: Labels | None, goal: float) -> float:
    """The threshold at which windows at z, of these labels, are about as dense as `goal`, their share of lit pixels.

    By the secant rule on the threshold's logit, always from 0.5, so that the same weights get the same threshold; a few
    tries, the best is taken.
    """
    logit, slope = 0.0, -0.5
    tried: list[tuple[float, float]] = []
    for _ in range(MOST_TRIES):
        density = float(generator.windows(z, _sigmoid(logit), labels).mean())
        excess = math.log(max(density, 1 / PIXELS) / max(goal, 1 / PIXELS))
        if tried and logit != tried[-1][0]:
            slope = min(-0.1, (excess - tried[-1][1]) / (logit - tried[-1][0]))
        tried.append((logit, excess))
        if abs(excess) < CLOSE_ENOUGH:
            break
        logit = min(max(logit - excess / slope, -FARTHEST_LOGIT), FARTHEST_LOGIT)
    return _sigmoid(min(tried, key=lambda one: abs(one[1]))[0])


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


class Learner(ABC, Generic[Options]):
    """One run's networks, loss and optimizers. Draws only from torch's generator, which the caller seeds per step."""

    def __init__(self, preset: Preset, options: Options, seed: int, density: float, conditions: int = 0) -> None:
        """density: the share of lit pixels in the training windows. conditions: values of a label field that the
        networks are told; 0 where they are told none.
        """
        self.preset = preset
        self.options = options
        self.seed = seed
        self.density = density
        self.conditions = conditions
        self.steps_taken = 0
        self.threshold = 0.5

    @property
    @abstractmethod
    def trainees(self) -> tuple[Trainee[Any], ...]:
        """The networks that learn."""

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
