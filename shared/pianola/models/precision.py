"""In which numbers networks multiply while they learn, and in which order their weights lie in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Literal

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from pianola.models.learner import Learner

Precision = Literal["float32", "bfloat16"]

_MATRIX_LAYERS: Final = (nn.Linear, _ConvNd, nn.RNNBase)


@contextmanager
def multiplying_in(precision: Precision, learner: Learner[Any]) -> Iterator[None]:
    """While open, the convolutions, dense and recurrent layers of the learner's networks multiply in `precision`.

    bfloat16 is torch's autocast, layer by layer: weights, and whatever a layer hands on, stay float32. So nothing
    between layers (softmax, sums, likelihoods) loses digits, whatever a family does there. On a CPU with matrix units
    that cost 5 to 6 percent of the speed of autocast around a whole step.
    """
    if precision == "float32":
        yield
        return
    layers = [layer for one in learner.trainees for layer in one.network.modules() if isinstance(layer, _MATRIX_LAYERS)]
    for layer in layers:
        # On the layer itself, before its class's: called as always, hooks and all.
        setattr(layer, "forward", partial(_in_bfloat16, layer.forward))  # noqa: B010 # a method, says mypy
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _in_bfloat16(forward: Callable[..., Any], *inputs: Any) -> Any:
    with torch.autocast(torch.get_default_device().type, torch.bfloat16):
        output = forward(*inputs)
    return tuple(part.float() for part in output) if isinstance(output, tuple) else output.float()


def has_bfloat16_units() -> bool:
    """Whether what learners run on multiplies matrices in bfloat16 by itself; elsewhere it would be emulated."""
    if torch.get_default_device().type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    can = torch.cpu.get_capabilities()
    return any(bool(can.get(unit)) for unit in ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16"))


def lay_out(learner: Learner[Any], channels_last: bool) -> None:
    """Lay the weights of convolutions out in memory: channels last, or as safetensors has them. Before any step."""
    order = torch.channels_last if channels_last else torch.contiguous_format
    for trainee in learner.trainees:
        trainee.network.to(memory_format=order)
        trainee.average.to(memory_format=order)
