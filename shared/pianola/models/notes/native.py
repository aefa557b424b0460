"""The writer of notes in C, where it is compiled, and a decoder's weights in the order in which it reads them.

`pianola.models.notes._writer` is made from shared/native/writer when Pianola is installed with a compiler at hand. It
takes the decisions that writer.py takes with torch, many times as fast. Without it, or with PIANOLA_PURE_WRITER=1 in
the environment, torch writes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np

from pianola.codec.window import SIDE
from pianola.models.notes.dice import MOST_STRUCK, Dice, writable
from pianola.models.windows import Floats, Windows

_PLANES, _FAR_PLANES, _SPAN, _FARTHEST, _LENGTH_STATE = 15, 5, 12, 24, 64
_REACH = 2 * _SPAN + 1


def _load() -> ModuleType | None:
    if os.environ.get("PIANOLA_PURE_WRITER") == "1":
        return None
    try:
        from pianola.models.notes import _writer
    except ImportError:
        return None
    return _writer


module = _load()
"""The function in C (its types: _writer.pyi), or None."""


class Sizes(NamedTuple):
    """The arguments of a NoteDecoder that its weights' shapes depend on."""

    latent: int
    state: int
    kernels: int
    harmonies: int
    registers: int


class Writer(Protocol):
    """Writes windows: see NoteWriter, which is one."""

    def write(
        self, z: Floats, threshold: float, temperature: float, dice: Dice, opening: Windows | None = None
    ) -> Windows:
        """See NoteWriter."""

    def dice_that_write(self, windows: Windows, z: Floats, threshold: float, temperature: float, dice: Dice) -> Dice:
        """See NoteWriter."""


def writer_of(sizes: Sizes, tensors: Mapping[str, Floats]) -> Writer:
    """The quickest there is for a NoteDecoder's float32 tensors by name. Raises RuntimeError where they are others."""
    if module is not None:
        return CompiledWriter(module, sizes, tensors)
    import torch

    from pianola.models.notes.decoder import NoteDecoder
    from pianola.models.notes.writer import NoteWriter

    decoder = NoteDecoder(**sizes._asdict(), dropout=0.0)
    decoder.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return NoteWriter(decoder)


class CompiledWriter:
    """What NoteWriter is, of the function in C and what `writer_of` takes."""

    def __init__(self, module: ModuleType, sizes: Sizes, tensors: Mapping[str, Floats]) -> None:
        if {name: value.shape for name, value in tensors.items()} != shapes_of(sizes):
            raise RuntimeError("these are not the weights of a NoteDecoder")
        self._module = module
        self._sizes = sizes
        self._weights = np.concatenate([part.ravel() for part in _packing(sizes, tensors)])

    def write(
        self, z: Floats, threshold: float, temperature: float, dice: Dice, opening: Windows | None = None
    ) -> Windows:
        """See NoteWriter."""
        nothing = np.zeros((len(z), SIDE, 0), np.uint8)
        return self._write(z, threshold, temperature, dice.copy(), nothing if opening is None else opening)

    def dice_that_write(self, windows: Windows, z: Floats, threshold: float, temperature: float, dice: Dice) -> Dice:
        """See NoteWriter."""
        found = dice.copy()
        self._write(z, threshold, temperature, found, writable(windows))
        return found

    def _write(self, z: Floats, threshold: float, temperature: float, dice: Dice, opening: Windows) -> Windows:
        windows = np.empty((len(z), SIDE, SIDE), np.uint8)
        reluctance = math.log(threshold / (1 - threshold))
        z, opening = np.ascontiguousarray(z, np.float32), np.ascontiguousarray(opening, np.uint8)
        columns = opening.shape[2]
        self._module.write(
            self._sizes, self._weights, z, reluctance, temperature, dice, opening, columns, len(z), windows
        )
        return windows


def shapes_of(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """The shapes of a NoteDecoder's tensors by name."""
    latent, state, kernels, harmonies, registers = sizes
    linear: dict[str, tuple[int, ...]] = {
        "first_state": (state, latent),
        "of_latent": (state, latent),
        "near": (kernels, _PLANES, _REACH, 1),
        "gates": (kernels, state),
        "rows": (SIDE + 1, state),
        "harmony_gates": (harmonies, state),
        "register_gates": (registers, state),
        "sketch": (2 * SIDE, latent),
        "state_length": (_LENGTH_STATE, state + kernels),
        "length": (SIDE, _LENGTH_STATE),
    }
    biased = {f"{name}.weight": shape for name, shape in linear.items()}
    biased |= {f"{name}.bias": shape[:1] for name, shape in linear.items()}
    recurrent: dict[str, tuple[int, ...]] = {f"recurrent.weight_{kind}_l0": (3 * state, state) for kind in ("ih", "hh")}
    recurrent |= {f"recurrent.bias_{kind}_l0": (3 * state,) for kind in ("ih", "hh")}
    return {
        **biased,
        **recurrent,
        "of_step.weight": (SIDE, state),
        "of_past.weight": (state, _FAR_PLANES * SIDE),
        "harmony": (SIDE, harmonies),
        "register_rows.weight": (SIDE + 2 * _FARTHEST, registers),
        "sketch_weights": (2,),
        "stop_after.weight": (MOST_STRUCK + 1, 1),
        "row_length.weight": (SIDE, _LENGTH_STATE),
        "last_length.weight": (SIDE + 1, _LENGTH_STATE),
    }


def _packing(sizes: Sizes, tensors: Mapping[str, Any]) -> Iterator[Floats]:
    """The parts of `Decoder` in writer.h, in its order; of a matrix a column for each input."""

    def biased(*names: str) -> Iterator[Floats]:
        yield np.concatenate([tensors[f"{name}.weight"] for name in names]).T
        yield np.concatenate([tensors[f"{name}.bias"] for name in names])

    yield from biased("first_state")
    yield from biased("of_latent")
    yield tensors["of_step.weight"]
    yield tensors["of_past.weight"].T
    for kind in ("ih", "hh"):
        yield tensors[f"recurrent.weight_{kind}_l0"].T
        yield tensors[f"recurrent.bias_{kind}_l0"]
    yield from biased("rows", "gates", "harmony_gates", "register_gates")
    yield tensors["register_rows.weight"][_FARTHEST:-_FARTHEST].T
    # What is heard at a row is laid out the other way: what a lit row lets be heard around it.
    around = tensors["near.weight"][:, :, ::-1, 0]
    yield around
    yield tensors["near.bias"]
    yield around.transpose(1, 2, 0)
    yield tensors["harmony"].T
    yield from biased("sketch")
    yield tensors["sketch_weights"]
    yield tensors["stop_after.weight"]
    yield tensors["row_length.weight"]
    yield tensors["last_length.weight"]
    of_state, of_heard = np.split(tensors["state_length.weight"].T, [sizes.state])
    yield of_state
    yield tensors["state_length.bias"]
    yield of_heard
    yield from biased("length")
