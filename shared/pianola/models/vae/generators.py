"""Generating halves of the `vae` family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pianola.codec.window import SIDE
from pianola.models.aggregate import Places
from pianola.models.attributes import TENSOR, directions_of
from pianola.models.conditions import beside, count_conditions, label_embedding
from pianola.models.device import on_cpu
from pianola.models.family import Facts
from pianola.models.generator import Ends, Generator, Near
from pianola.models.networks import load_plain
from pianola.models.notes.beginnings import CANDIDATES, Beginnings
from pianola.models.notes.dice import MOST_STRUCK, Dice, dice_between, dice_of
from pianola.models.notes.native import Sizes, Writer, writer_of
from pianola.models.notes.variations import parts_of, put_between
from pianola.models.painting import PixelGenerator
from pianola.models.vae.encoders import LABEL, NoteEncoder, ThesisEncoder, load_encoder
from pianola.models.vae.networks import ThesisDecoder
from pianola.models.windows import Floats, Windows

# Windows that are written together.
MOST_AT_ONCE = 64


class NoteGenerator(Generator):
    """Draws positions where the data lies and lets the decoder write notes there."""

    goes_on = True

    def __init__(
        self, writer: Writer, beginnings: Beginnings, label: nn.Embedding | None, places: Places, **identity: Any
    ) -> None:
        super().__init__(**identity)
        self._writer = writer
        self._beginnings = beginnings
        self._label = label
        self._places = places
        self.conditions = label.num_embeddings - 1 if label is not None else 0
        self.latent_size = places.mean.shape[1]

    def draw(self, seed: int, index: int, label: int | None = None) -> Floats:
        """See Generator."""
        return self._places.draw(seed, index, label)

    def _windows(self, z: Floats, threshold: float, labels: Tensor | None) -> Windows:
        return self._write(z, threshold, labels, dice_of(z))

    def _way(self, z: Floats, threshold: float, labels: Tensor | None, ends: Ends) -> Windows:
        dice = dice_of(z[[0, -1]])
        for end, (row, window) in enumerate(zip((0, -1), ends, strict=True)):
            if window is not None:
                label = None if labels is None else labels[[row]]
                dice[[end]] = self._dice(window[None], z[[row]], threshold, label, dice[[end]])
        return self._write(z, threshold, labels, dice_between(dice[:1], dice[1:], np.linspace(0, 1, len(z))))

    def _varied(self, near: Near, z: Floats, threshold: float, labels: Tensor | None) -> Windows:
        found = near.windows.copy()
        for row, noise in enumerate(near.noises):
            dice = noise.random((1, SIDE, MOST_STRUCK, 2))
            label = None if labels is None else labels[[row]]
            for first, last in parts_of(near.strength, noise):
                written = self._write(z[[row]], threshold, label, dice, found[[row], :, :first])[0]
                found[row] = put_between(written, found[row], last)
        return found

    def go_on(
        self,
        opening: Windows,
        home: Floats,
        drift: float,
        noise: np.random.Generator,
        threshold: float | None = None,
        label: int | None = None,
    ) -> tuple[Floats, Windows]:
        """See Generator."""
        candidates = self._places.around(home, drift, CANDIDATES, noise, label)
        chosen = self._fitting(opening, candidates, label, noise.random())
        z = candidates[chosen : chosen + 1]

        def write(z: Floats, limit: float, labels: Tensor | None) -> Windows:
            return self._write(z, limit, labels, dice_of(z), opening[None])

        (window,) = self._played(write, z, threshold, None if label is None else np.array([label]))
        return z[0], window

    def _fitting(self, opening: Windows, candidates: Floats, label: int | None, die: float) -> int:
        labels = None if label is None else np.full(len(candidates), label, np.int64)
        with torch.inference_mode(), on_cpu():
            told = beside(torch.from_numpy(candidates), self._label, self._chosen(len(candidates), labels))
            return self._beginnings.choose(opening, told, die)

    def _write(
        self, z: Floats, threshold: float, labels: Tensor | None, dice: Dice, opening: Windows | None = None
    ) -> Windows:
        return self._writer.write(self._told(z, labels), threshold, self._warmth, dice, opening)

    def _dice(self, windows: Windows, z: Floats, threshold: float, labels: Tensor | None, dice: Dice) -> Dice:
        """See NoteWriter.dice_that_write."""
        return self._writer.dice_that_write(windows, self._told(z, labels), threshold, self._warmth, dice)

    def _told(self, z: Floats, labels: Tensor | None) -> Floats:
        told: Floats = beside(torch.from_numpy(z), self._label, labels).numpy()
        return told

    @property
    def _warmth(self) -> float:
        return float(self.facts["temperature"])


@on_cpu()
def build_generator(preset: str, tensors: Mapping[str, Tensor], facts: Facts, lowest_pitch: int) -> Generator:
    """The generating half from what a VaeLearner's generator_tensors and generator_facts gave."""
    identity = {"family": "vae", "preset": preset, "lowest_pitch": lowest_pitch, "facts": facts}
    generator = (_build_thesis if preset == "thesis" else _build_notes)(tensors, facts["network"], identity)
    vectors = tensors.get(TENSOR)
    generator.directions = directions_of(facts.get("attributes", ()), None if vectors is None else vectors.numpy())
    return generator


def _build_thesis(tensors: Mapping[str, Tensor], sizes: Mapping[str, Any], identity: Mapping[str, Any]) -> Generator:
    thesis = ThesisDecoder(sizes["latent"])
    load_plain(thesis, tensors, "decoder.")
    generator = PixelGenerator(thesis, sizes["latent"], reach=4.0, **identity)
    generator.encoder = load_encoder(ThesisEncoder, sizes, tensors)
    return generator


def _build_notes(tensors: Mapping[str, Tensor], sizes: Mapping[str, Any], identity: Mapping[str, Any]) -> Generator:
    conditions = count_conditions(tensors, LABEL)
    label = label_embedding(conditions)
    told = 0
    if label is not None:
        load_plain(label, tensors, LABEL)
        told = label.embedding_dim
    of_notes = Sizes(**{key: sizes[key] for key in Sizes._fields} | {"latent": told + sizes["latent"]})
    weights = {
        name.removeprefix("decoder."): value.numpy() for name, value in tensors.items() if name.startswith("decoder.")
    }
    places = Places.of_tensors(tensors)
    assert places is not None  # a generator is saved after its learner was calibrated
    writer, beginnings = writer_of(of_notes, weights), Beginnings(of_notes, weights)
    generator = NoteGenerator(writer, beginnings, label, places, **identity)
    of_encoder = {key: sizes[key] for key in ("latent", "channels", "hidden", "dropout")}
    generator.encoder = load_encoder(NoteEncoder, of_encoder | {"conditions": conditions}, tensors)
    return generator
