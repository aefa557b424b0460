"""Generating halves of the `gan` family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pianola.models.conditions import Labels, beside, count_conditions
from pianola.models.device import on_cpu
from pianola.models.family import Facts
from pianola.models.gan.networks import ChoirGenerator, ThesisGenerator
from pianola.models.gan.voices import Score
from pianola.models.generator import Generator
from pianola.models.networks import load_plain
from pianola.models.painting import PixelGenerator
from pianola.models.windows import Floats, Windows, noise_of

# Rows are made likelier or less so in rounds: how far towards the goal in logits, and at most how far in one. After
# the first rounds they get shorter, so that the last of them average over the windows that each of them hears.
PACE = 0.5
FULL_PACE = 6
FARTHEST = 2.0
# The least share of lit pixels of a row in the data's range: 1,000 windows then hold some of its notes. The range goes
# on for a few semitones on either side, since the data heard is a part of what there is.
LEAST = 4e-4
MARGIN = 3
# Of rows that must not sound, in logits.
NEVER = -1e9


class ChoirPlayer(Generator):
    """Draws positions from the standard normal distribution and lets the voices sing."""

    def __init__(self, generator: ChoirGenerator, **identity: Any) -> None:
        super().__init__(**identity)
        self.latent_size = generator.latent
        self.conditions = 0 if generator.label is None else generator.label.num_embeddings - 1
        # In float64 the last bits, which depend on how many are sung at once, decide nothing.
        self._choir = generator.choir.double().eval()
        self._label = generator.label
        tilt = self.facts.get("tilt")
        self._tilt = None if tilt is None else torch.tensor(tilt, dtype=torch.float64)

    def draw(self, seed: int, index: int, label: int | None = None) -> Floats:
        """See Generator; the same for every label."""
        return noise_of(seed, index).standard_normal(self.latent_size).astype(np.float32)

    def _windows(self, z: Floats, threshold: float, labels: Tensor | None) -> Windows:
        parts = [score.perform(self._tilt)[:, 0] for score in self._scores(z, threshold, labels)]
        return torch.cat(parts).numpy().astype(np.uint8)

    def _scores(self, z: Floats, threshold: float, labels: Tensor | None) -> Iterator[Score]:
        told = beside(torch.from_numpy(z), self._label, labels)
        return (self._choir.read(part.double(), threshold) for part in torch.split(told, 64))

    def match_rows(self, z: Floats, labels: Labels | None, goal: Tensor, rounds: range) -> list[float]:
        """The tilt (see Score.perform) under which lit pixels at z share out over the rows as `goal` [96] does.

        By iterative proportional fitting from the tilt that there is, in steps that shrink (Robbins and Monro, 1951):
        each round hears other windows than the one before, so that none of it fits a few. `rounds` are their numbers,
        from 0 where there is no tilt yet. Rows that have none in `goal` never sound.
        """
        tilt = torch.where(goal > 0, 0.0 if self._tilt is None else self._tilt, NEVER).double()
        with torch.inference_mode(), on_cpu():
            for place, number in enumerate(rounds):
                told = None if labels is None else torch.from_numpy(labels[place :: len(rounds)])
                scores = self._scores(z[place :: len(rounds)], self.threshold, told)
                lit = torch.stack([score.perform(tilt).sum((0, 1, 3)) for score in scores]).sum(0)
                # A tenth of the least share more on both sides: what was not heard yet has a logarithm, too.
                found = lit / lit.sum().clamp(min=1) + LEAST / 10
                pace = PACE * min(1.0, FULL_PACE / (number + 1))
                tilt += pace * ((goal + LEAST / 10) / found).log().clamp(-FARTHEST, FARTHEST) * (goal > 0)
        return tilt.tolist()


@on_cpu()
def build_generator(preset: str, tensors: Mapping[str, Tensor], facts: Facts, lowest_pitch: int) -> Generator:
    """The generating half from what a GanLearner's generator_tensors and generator_facts gave."""
    sizes = facts["network"]
    identity = {"family": "gan", "preset": preset, "lowest_pitch": lowest_pitch, "facts": facts}
    if preset == "thesis":
        thesis = ThesisGenerator(sizes["latent"])
        load_plain(thesis, tensors, "")
        return PixelGenerator(thesis, thesis.latent, reach=1.0, **identity)
    of_choir = {key: sizes[key] for key in ("latent", "local", "channels", "voices")}
    choir = ChoirGenerator(**of_choir, conditions=count_conditions(tensors, "label."))
    load_plain(choir, tensors, "")
    return ChoirPlayer(choir, **identity)


def share_of_rows(lit: Tensor) -> Tensor:
    """Lit pixels in each row of the data [96] -> how the rows of what is played should share them out [96].

    As in the data, but none of its range goes unheard: see LEAST.
    """
    heard = lit.nonzero()
    if len(heard) == 0:
        return torch.ones_like(lit) / len(lit)
    lowest, highest = max(0, int(heard.min()) - MARGIN), int(heard.max()) + MARGIN + 1
    share = lit / lit.sum()
    share[lowest:highest].clamp_(min=LEAST)
    return share / share.sum()
