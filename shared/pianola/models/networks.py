"""What families of networks share: weights with their optimizer and average, and how they are saved and loaded."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from pianola.models.family import RunOptions
from pianola.models.fleet import Fleet

Net = TypeVar("Net", bound=nn.Module)


def seeded_build(seed: int, kind: type[Net], sizes: Mapping[str, Any]) -> Net:
    """A network whose first weights come from `seed` alone; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Kernels laid out as convolutions want them: up to twice as fast on a CPU.
        return kind(**sizes).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return] # torch's stubs lack this form


class Trainee(Generic[Net]):
    """One network with its AdamW and, if asked for, the running average of its weights, which is what plays."""

    def __init__(self, name: str, network: Net, options: RunOptions, averaged: bool = True) -> None:
        self.name = name
        self.network = network
        self.average = copy.deepcopy(network) if averaged and options.weight_average else network
        self.average.requires_grad_(self.average is network)
        self.fleet = Fleet()
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
        self.fleet.average_gradients(self.network.parameters())
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
                for kept, here in zip(self.average.buffers(), self.network.buffers(), strict=True):
                    kept.copy_(here)

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
        """Begin with the weights that play of what `tensors` gave: the averages, where there are any."""
        of_average = f"{self.name}.average."
        has_average = any(key.startswith(of_average) for key in tensors)
        for network in (self.network, self.average):
            load_plain(network, tensors, of_average if has_average else f"{self.name}.network.")

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take everything that `tensors` gave back in."""
        load_plain(self.network, tensors, f"{self.name}.network.")
        if self.average is not self.network:
            load_plain(self.average, tensors, f"{self.name}.average.")
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
