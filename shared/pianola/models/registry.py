"""Families by name: make a learner, save the generating half of one, load it to play."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from pianola.models.conditions import Condition
from pianola.models.family import Facts, RunOptions
from pianola.models.generator import Generator, NotAGenerator
from pianola.models.learner import Learner
from pianola.models.presets import FAMILIES, find_preset

FORMAT = "pianola-generator-1"
METADATA = "pianola"

BuildGenerator = Callable[[str, Mapping[str, Tensor], Facts, int], Generator]
"""Preset, tensors and facts as a learner's generating half gave them, lowest pitch -> what plays."""


def create_learner(
    family: str, preset: str, options: RunOptions, seed: int, density: float, conditions: int = 0
) -> Learner[Any]:
    """A new learner with its first weights drawn from `seed`; density: lit share of the training windows.

    conditions: how many values the label field has that the model is told; 0 for a model without conditions.

    Raises BadRunOptions for a family or preset that does not exist.
    """
    record = find_preset(family, preset)
    learner: type[Learner[Any]] = _named(FAMILIES[family].learner)
    return learner(record, options, seed, density, conditions)


def save_generator(learner: Learner[Any], lowest_pitch: int, condition: Condition | None = None) -> bytes:
    """The generating half as safetensors, with all that `load_generator` needs in its metadata.

    lowest_pitch: MIDI pitch of row 95 in the dataset's windows. condition: what the labels mean that the learner takes.
    """
    told = {} if condition is None else {"condition": {"field": condition.field, "values": list(condition.values)}}
    identity = {
        "format": FORMAT,
        "family": learner.preset.family,
        "preset": learner.preset.name,
        "lowest_pitch": lowest_pitch,
        "facts": learner.generator_facts() | told,
    }
    # One name: safetensors writes several in an order of chance, and the same generator would get two digests.
    metadata = {METADATA: json.dumps(identity, sort_keys=True)}
    return safetensors.torch.save(learner.generator_tensors(), metadata)


def load_generator(data: bytes) -> Generator:
    """The generator that `save_generator` saved. Raises NotAGenerator."""
    try:
        size = int.from_bytes(data[:8], "little")
        identity = json.loads(json.loads(data[8 : 8 + size]).get("__metadata__", {}).get(METADATA, "{}"))
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError) as bad:
        raise NotAGenerator(f"it does not read as safetensors ({bad})") from bad
    if identity.get("format") != FORMAT:
        raise NotAGenerator(f"its format is {identity.get('format')!r}, not {FORMAT!r}")
    if identity["family"] not in FAMILIES:
        raise NotAGenerator(f"its family {identity['family']!r} is not known here")
    build: BuildGenerator = _named(FAMILIES[identity["family"]].generator)
    try:
        return build(identity["preset"], tensors, identity["facts"], identity["lowest_pitch"])
    except (RuntimeError, KeyError) as other:
        raise NotAGenerator("its weights are of other networks than this version makes: train it anew") from other


def _named(path: str) -> Any:
    """What "module:name" names."""
    module, name = path.split(":")
    return getattr(import_module(module), name)
