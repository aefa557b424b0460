"""Several processes that learn one run together, with what one process would do with the whole batch as the measure.

Each has the whole of every network and takes a share of each batch; gradients are averaged before each optimizer step.
That is written out here, in place of torch's DistributedDataParallel, because networks here are asked for more than
their `forward` (a likelihood, a game of two networks with gradients of either), which that wrapper does not see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

GROUP: Final = 8
"""Consecutive windows of a batch that a network may compare with one another (see `variety`): no share parts them."""


@dataclass(frozen=True)
class Fleet:
    """One process's place among those that learn a run: `rank` of `size`. batch: windows of a whole step.

    With a size of 1 every method does nothing. Methods that say "all" wait for all processes to call them.
    """

    rank: int = 0
    size: int = 1
    batch: int = 1

    @property
    def share(self) -> slice:
        """The windows of a batch that are this process's, whole groups of them where there are enough."""
        unit = GROUP if self.batch % GROUP == 0 and self.batch // GROUP >= self.size else 1
        units = self.batch // unit
        return slice(self.rank * units // self.size * unit, (self.rank + 1) * units // self.size * unit)

    @property
    def windows(self) -> int:
        """How many windows of a batch are this process's."""
        return int(self.share.stop) - int(self.share.start)

    @property
    def weight(self) -> float:
        """What this process's mean over windows counts for in the mean over all, 0 to 1."""
        return self.windows / self.batch

    def noise(self) -> AbstractContextManager[object]:
        """While open, what is drawn for the share is what one process would have drawn for those windows.

        So all processes need the same seed. What is drawn with the share's length as its first size is for its windows.
        """
        return nullcontext() if self.size == 1 else _NoiseOfShare(self)

    def mean(self, value: Tensor) -> Tensor:
        """All: the mean over the whole batch of what is the mean over each share; its gradient is that of the share's.

        For what a loss is no linear function of. Averaged over all, gradients are then those of the whole batch.
        """
        if self.size == 1:
            return value
        total = value.detach() * self.weight
        torch.distributed.all_reduce(total)
        return value + (total - value).detach()

    def means(self, values: Mapping[str, float]) -> dict[str, float]:
        """All: the means over the whole batch of what each measured on its share."""
        if self.size == 1:
            return dict(values)
        total = torch.tensor(list(values.values()), dtype=torch.float64) * self.weight
        torch.distributed.all_reduce(total)
        return dict(zip(values, total.tolist(), strict=True))

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """All: give every parameter the gradient of the whole batch's loss, in one exchange.

        A parameter that no share of the batch came by keeps having none, so that the optimizer leaves it alone.
        """
        if self.size == 1:
            return
        found = list(parameters)
        touched = torch.tensor([float(one.grad is not None) for one in found])
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad * self.weight for one in found]
        total = torch.cat([touched, *(gradient.flatten() for gradient in gradients)])
        torch.distributed.all_reduce(total)
        touched, *parts = torch.split(total, [len(found), *(one.numel() for one in found)])
        for one, part, was in zip(found, parts, touched.tolist(), strict=True):
            # Laid out as the weight is, which the optimizer wants.
            one.grad = torch.empty_like(one).copy_(part.view(one.shape)) if was else None

    def tell(self, data: bytes = b"") -> bytes:
        """All: what rank 0 says."""
        if self.size == 1:
            return data
        size = torch.tensor([len(data)])
        torch.distributed.broadcast(size, 0)
        said = torch.empty(int(size), dtype=torch.uint8)
        if self.rank == 0:
            said.copy_(torch.from_numpy(np.frombuffer(data, np.uint8).copy()))
        torch.distributed.broadcast(said, 0)
        return said.cpu().numpy().tobytes()


_SIZED: Final[set[Callable[..., Any]]] = {torch.rand, torch.randn, torch.randint}
_LIKE: Final[set[Callable[..., Any]]] = {torch.rand_like, torch.randn_like}


class _NoiseOfShare(TorchFunctionMode):
    """Draws for the whole batch and hands out the share."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._share, self._windows, self._batch = fleet.share, fleet.windows, fleet.batch

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """See TorchFunctionMode."""
        given = kwargs or {}
        if func in _SIZED and args:
            *before, size = args if func is torch.randint or not isinstance(args[0], int) else (args,)
            if isinstance(size, tuple) and self._is_of_windows(size):
                return func(*before, self._whole(size), **given)[self._share]
        elif func in _LIKE and self._is_of_windows(args[0].shape):
            return func(self._whole_like(args[0]), **given)[self._share]
        elif func is functional.dropout and self._is_of_windows(args[0].shape):
            return args[0] * func(self._whole_like(args[0]), *args[1:], **given)[self._share]
        return func(*args, **given)

    def _is_of_windows(self, size: tuple[int, ...]) -> bool:
        return len(size) > 0 and size[0] == self._windows

    def _whole(self, size: tuple[int, ...]) -> tuple[int, ...]:
        return (self._batch, *size[1:])

    def _whole_like(self, part: Tensor) -> Tensor:
        """Ones for the whole batch, in the order of memory that the part has: numbers are drawn in that order."""
        order = sorted(range(part.dim()), key=part.stride, reverse=True)
        size = self._whole(part.shape)
        return part.new_ones([size[place] for place in order]).permute(
            [order.index(place) for place in range(part.dim())]
        )
