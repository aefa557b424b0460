"""Conditions: the value of one label field, such as a window's composer, that networks are told beside a position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Labels = np.ndarray[Any, np.dtype[np.int64]]
Batch = tuple[Tensor, Tensor | None]
"""Windows, float32 [n, 1, 96, 96] of 0 and 1, and their labels, int64 [n]; None for a learner without conditions.

A label is 0 .. conditions - 1, the place of a value among the label field's, or `conditions`: no label.
"""

# A conditional model learns from so many windows without their label, so that it plays without one too.
FORGOTTEN = 0.1
# Numbers that stand for a label beside a position.
LABEL_SIZE = 16


@dataclass(frozen=True)
class Condition:
    """What a conditional model was told of every window: its value of one label field of the dataset."""

    field: str
    values: tuple[str, ...]


def forget(labels: Tensor, conditions: int) -> Tensor:
    """Labels [n] without some of them, drawn from torch's generator, which are then as of windows that have none."""
    return torch.where(torch.rand(len(labels)) < FORGOTTEN, conditions, labels)


def in_proportion(labels: Labels, n: int) -> Labels:
    """So many labels, in order, each as often as it is among `labels`, as near as n allows."""
    return np.sort(labels)[np.linspace(0, len(labels) - 1, n).round().astype(np.int64)]


def label_embedding(conditions: int) -> nn.Embedding | None:
    """What stands for each label, and for having none, beside a position; None without conditions."""
    return nn.Embedding(conditions + 1, LABEL_SIZE) if conditions else None


def count_conditions(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """How many conditions the embedding saved under `prefix` is of; 0 where there is none."""
    weights = tensors.get(f"{prefix}weight")
    return 0 if weights is None else len(weights) - 1


def beside(position: Tensor, embedding: nn.Embedding | None, labels: Tensor | None) -> Tensor:
    """Positions [n, latent] with what stands for their labels before them; as they are without conditions."""
    if embedding is None:
        return position
    assert labels is not None  # whoever makes a conditional network gives labels
    return torch.cat([embedding(labels).to(position.dtype), position], 1)
