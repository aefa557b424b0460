"""The `vae` family: variational autoencoders (Kingma and Welling, 2014)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pianola.codec.window import SIDE, Integers
from pianola.models.aggregate import Places
from pianola.models.attributes import TENSOR, Directions, directions_of, facts_of, find_directions
from pianola.models.augmentation import transpose
from pianola.models.calibration import match_density, match_temperature, variety
from pianola.models.conditions import Batch, Labels, beside, forget
from pianola.models.families.vae import VaeOptions
from pianola.models.family import Facts, Preset
from pianola.models.generator import Generator
from pianola.models.learner import Learner
from pianola.models.networks import Trainee, plain, seeded_build
from pianola.models.notes.decoder import Notes
from pianola.models.notes.tilt import match_rows, nudge
from pianola.models.vae.encoders import LABEL, PARTS
from pianola.models.vae.generators import build_generator
from pianola.models.vae.networks import Losses, NoteNetwork, ThesisNetwork, VaeNetwork, importance_bound
from pianola.models.windows import PIXELS, Floats, noise_of

# Samples that choosing a temperature and a threshold listens to.
AUDITION = 128
# Windows in which rows are made as likely as they were learnt, and samples that show which ones are still heard too
# often: of half as many, chance says more than the rows.
LONG_AUDITION = 512
# Of those, together.
MOST_AT_ONCE = 64
SKETCH_WEIGHT = 0.5


def _evenly(n: int, most: int) -> Integers:
    """So many of 0..n-1, or all."""
    return np.linspace(0, n - 1, min(most, n)).round().astype(np.int64)


class VaeLearner(Learner[VaeOptions]):
    """Trains either network; they differ in their losses and in how positions are drawn."""

    def __init__(self, preset: Preset, options: VaeOptions, seed: int, density: float, conditions: int = 0) -> None:
        super().__init__(preset, options, seed, density, conditions)
        kind: type[VaeNetwork] = ThesisNetwork
        sizes: dict[str, Any] = dict(preset.network)
        if preset.name != "thesis":
            kind, sizes = NoteNetwork, sizes | {"conditions": conditions}
        network = seeded_build(seed, kind, sizes)
        if isinstance(network, NoteNetwork):
            network.decoder.expect(density)
        self._trainee = Trainee("vae", network, options)
        self._places: Places | None = None
        self._directions: Directions = ()
        self.temperature = 1.0
        # How much likelier each row is made than it was learnt, in logits: see match_rows.
        self._tilt = torch.zeros(SIDE, device="cpu")

    @property
    def trainees(self) -> tuple[Trainee[VaeNetwork], ...]:
        """See Learner."""
        return (self._trainee,)

    def step(self, batch: Tensor, progress: float, labels: Tensor | None = None) -> dict[str, float]:
        """See Learner. Metrics: train_loss, train_reconstruction, train_kl."""
        network = self._trainee.network.train()
        labels = None if labels is None else forget(labels, self.conditions)
        windows, semitones = transpose(batch, self.options.transpose_down, self.options.transpose_up)
        noise = torch.randn(len(batch), network.latent)
        losses = network.losses(windows, semitones, noise, labels)
        # Free bits are for the mean over the whole batch.
        losses = replace(losses, kl=self.fleet.mean(losses.kl))
        warmup = self.options.kl_warmup_steps
        kl_weight = self.options.kl_weight * (min(1.0, self.steps_taken / warmup) if warmup else 1.0)
        loss = losses.total(self.options, kl_weight, self.options.free_bits)
        self._trainee.update(loss + SKETCH_WEIGHT * losses.sketch, self.steps_taken, progress)
        self.steps_taken += 1
        return {
            "train_loss": loss.item(),
            "train_reconstruction": losses.reconstruction.item(),
            "train_kl": losses.kl.item(),
        }

    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """See Learner. validation_loss, validation_reconstruction, validation_kl, validation_pixel_loss."""
        network = self._trainee.average.eval()
        same_noise = torch.Generator(torch.get_default_device()).manual_seed(self.seed)
        windows, reconstruction, kl = 0, 0.0, 0.0
        with torch.inference_mode():
            for batch, labels in batches:
                noise = torch.randn(len(batch), network.latent, generator=same_noise)
                losses = network.losses(batch, torch.zeros(len(batch), dtype=torch.int64), noise, labels)
                windows += len(batch)
                reconstruction += losses.reconstruction.item() * len(batch)
                kl += losses.kl.item() * len(batch)
        if windows == 0:
            return {}
        mean = Losses(torch.tensor(reconstruction / windows), torch.tensor(kl / windows))
        return {
            "validation_loss": mean.total(self.options, self.options.kl_weight, 0.0).item(),
            "validation_reconstruction": reconstruction / windows,
            "validation_kl": kl / windows,
            "validation_pixel_loss": reconstruction / windows / PIXELS,
        }

    def bound(self, batches: Iterable[Batch], draws: int) -> float:
        """See Learner."""
        network = self._trainee.average.eval()
        same_noise = torch.Generator(torch.get_default_device()).manual_seed(self.seed)
        with torch.inference_mode():
            return torch.cat([importance_bound(network, batch, draws, same_noise) for batch in batches]).mean().item()

    def encode(self, batch: Tensor, labels: Tensor | None = None) -> Floats:
        """See Learner: the means of the posteriors."""
        with torch.inference_mode():
            return self._trainee.average.eval().posterior(batch, labels)[0].cpu().numpy()

    def calibrate(self, batches: Iterable[Batch]) -> None:
        """See Learner. The thesis's network plays as it is: its positions and its threshold, 0.5, are given."""
        network = self._trainee.average.eval()
        if not isinstance(network, NoteNetwork):
            windows = torch.cat([batch.to(torch.uint8) for batch, _ in batches])
            windows = windows[_evenly(len(windows), LONG_AUDITION)]
            means = [torch.from_numpy(self.encode(part.float())) for part in torch.split(windows, MOST_AT_ONCE)]
            self._directions = find_directions(plain(windows[:, 0]).numpy(), torch.cat(means).numpy())
            return
        with torch.inference_mode():
            found = [(*network.posterior(batch, told), batch.to(torch.uint8), told) for batch, told in batches]
        known = [told for _, _, _, told in found if told is not None]
        windows, labels = torch.cat([batch for _, _, batch, _ in found]), torch.cat(known) if known else None
        places = self._places = Places(
            plain(torch.cat([mean for mean, _, _, _ in found])),
            plain(torch.cat([(0.5 * log_variance).exp() for _, log_variance, _, _ in found])),
            None if labels is None else plain(labels),
        )
        self._directions = find_directions(plain(windows[:, 0]).numpy(), places.mean.numpy())
        z, asked, lit = self._audition(windows, AUDITION)
        self._tilt = torch.zeros(SIDE, device="cpu")
        self.temperature = match_temperature(self._player(), z, asked, variety(lit.numpy()))
        self._tilt = plain(self._match_rows(network, windows, labels))
        self._tilt += self._nudge(*self._audition(windows, LONG_AUDITION))
        self.threshold = match_density(self._cool_player(), z, asked, float(lit.sum(1).mean()) / PIXELS)

    def _audition(self, windows: Tensor, most: int) -> tuple[Floats, Labels | None, Tensor]:
        """Positions [n, latent], labels [n] or None, and lit pixels [n, 96] of the windows that each is to be like.

        Each is compared with the window that it is near: of that many drawn from all, some would be sparse by chance.
        """
        assert self._places is not None  # calibrating begins with them
        rows, places = _evenly(len(windows), most), self._places
        z = np.stack([places.near(int(row), noise_of(self.seed, index)) for index, row in enumerate(rows)])
        asked = None if places.label is None else places.label[rows].numpy()
        return z, asked, plain(windows[rows].sum((1, 3), dtype=torch.float32))

    def _nudge(self, z: Floats, asked: Labels | None, lit: Tensor) -> Tensor:
        played = torch.from_numpy(self._cool_player().windows(z, 0.5, asked)).sum((0, 2))
        return nudge(lit.sum(0), played, len(z), self.temperature)

    def _match_rows(self, network: NoteNetwork, windows: Tensor, labels: Tensor | None) -> Tensor:
        rows = torch.from_numpy(_evenly(len(windows), LONG_AUDITION))
        same_noise = torch.Generator(torch.get_default_device()).manual_seed(self.seed)

        def music() -> Iterator[tuple[Notes, Tensor]]:
            for part in torch.split(rows, MOST_AT_ONCE):
                batch, told = windows[part].float(), None if labels is None else labels[part]
                notes = Notes.of(batch[:, 0])
                mean, log_variance = network.posterior(batch, told)
                noise = torch.randn(mean.shape, generator=same_noise)
                yield notes, beside(mean + noise * (0.5 * log_variance).exp(), network.label, told)

        return match_rows(network.decoder, music(), windows.amax((0, 1, 3)) > 0, self.temperature)

    def _player(self) -> Generator:
        return build_generator(self.preset.name, self.generator_tensors(), self.generator_facts(), 0)

    def _cool_player(self) -> Generator:
        return self._player().tempered(self.temperature)

    def generator_facts(self) -> Facts:
        """See Learner."""
        facts = super().generator_facts() | {"attributes": facts_of(self._directions)}
        return facts if self.preset.name == "thesis" else facts | {"temperature": self.temperature}

    def facts(self) -> Facts:
        """See Learner."""
        return super().facts() | {
            "temperature": self.temperature,
            "tilt": self._tilt.tolist(),
            "attributes": facts_of(self._directions),
        }

    def generator_tensors(self) -> dict[str, Tensor]:
        """See Learner."""
        found = self._trainee.average.state_dict()
        half = {key: plain(value) for key, value in found.items() if key.startswith(("decoder.", LABEL, *PARTS))}
        if self.preset.name != "thesis":
            half["decoder.rows.bias"] = half["decoder.rows.bias"] + functional.pad(self._tilt, (0, 1))
        return half | self._tensors_of_data()

    def tensors(self) -> dict[str, Tensor]:
        """See Learner."""
        return super().tensors() | self._tensors_of_data()

    def _tensors_of_data(self) -> dict[str, Tensor]:
        """What the data that it was calibrated with left."""
        found = {} if self._places is None else self._places.tensors()
        if self._directions:
            found[TENSOR] = torch.from_numpy(np.stack([direction.vector for direction in self._directions]))
        return found

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """See Learner."""
        super().restore(tensors, facts)
        self.temperature = float(facts["temperature"])
        self._tilt = torch.tensor(facts["tilt"], device="cpu")
        self._places = Places.of_tensors(tensors)
        vectors = tensors.get(TENSOR)
        # Checkpoints of the first releases have none.
        self._directions = directions_of(facts.get("attributes", ()), None if vectors is None else vectors.numpy())
