"""The `vae` family: variational autoencoders (Kingma and Welling, 2014)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pianola.codec.window import Integers
from pianola.models.aggregate import Places
from pianola.models.attributes import TENSOR, Directions, directions_of, facts_of, find_directions
from pianola.models.augmentation import transpose
from pianola.models.base import PIXELS, SIDE, Ends, Facts, Floats, Generator, Learner, Near, Windows, noise_of
from pianola.models.beginnings import CANDIDATES, Beginnings
from pianola.models.calibration import match_density, match_temperature, variety
from pianola.models.compiled_writer import Sizes, Writer, writer_of
from pianola.models.conditions import LABEL_SIZE, Batch, beside, count_conditions, forget, label_embedding
from pianola.models.encoders import LABEL, PARTS, Encoder, NoteEncoder, ThesisEncoder, load_encoder, outline
from pianola.models.families.vae import VaeOptions
from pianola.models.family import Preset
from pianola.models.networks import PixelGenerator, Trainee, load_plain, on_cpu, plain, seeded_build
from pianola.models.note_decoder import NoteDecoder, Notes
from pianola.models.note_dice import MOST_STRUCK, Dice, dice_between, dice_of
from pianola.models.note_tilt import match_rows
from pianola.models.variations import parts_of, put_between

# Samples that choosing a temperature and a threshold listens to.
AUDITION = 128
# Windows in which rows are made as likely as they were learnt.
LONG_AUDITION = 512
SKETCH_WEIGHT = 0.5
# Windows that are written together.
MOST_AT_ONCE = 64


def _evenly(n: int, most: int) -> Integers:
    """So many of 0..n-1, or all."""
    return np.linspace(0, n - 1, min(most, n)).round().astype(np.int64)


@dataclass(frozen=True)
class Losses:
    """Means over a batch, in nats per window. kl: of the posterior from the standard normal, summed over dimensions.

    sketch: the error of a rough outline told from the position alone, for networks that learn one.
    """

    reconstruction: Tensor
    kl: Tensor
    sketch: Tensor | float = 0.0

    def total(self, options: VaeOptions, kl_weight: float, free_bits: float) -> Tensor:
        """The bound in the units optimised: reconstruction per window or per pixel, plus the weighted KL.

        Free bits for the whole window (Roberts et al., MusicVAE, 2018): up to there, the KL costs the same.
        """
        reconstruction = self.reconstruction if options.loss == "sum" else self.reconstruction / PIXELS
        return reconstruction + kl_weight * self.kl.clamp(min=free_bits)


class VaeNetwork(Encoder):
    """An encoder to a Gaussian over positions, and a likelihood of windows at a position."""

    @abstractmethod
    def nats(self, windows: Tensor, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """-log p(window | z, label) [n] of untransposed windows [n, 1, 96, 96], each at its z [n, latent].

        labels: int64 [n] for a network with conditions, here and below.
        """

    @abstractmethod
    def losses(self, windows: Tensor, semitones: Tensor, noise: Tensor, labels: Tensor | None = None) -> Losses:
        """semitones: how far each window was transposed, int64 [n]; noise: standard normal [n, latent]."""


def _importance_bound(network: VaeNetwork, batch: Batch, draws: int, noise: torch.Generator) -> Tensor:
    """-log 1/k sum p(x | z_i) p(z_i) / q(z_i | x), z_1 .. z_k from the posterior q: [n]; all given the label."""
    windows, labels = batch
    mean, log_variance = network.posterior(windows, labels)
    weights = []
    for _ in range(draws):
        unit = torch.randn(mean.shape, generator=noise)
        z = mean + unit * (0.5 * log_variance).exp()
        of_positions = 0.5 * (unit.square() - z.square() + log_variance).sum(1)
        weights.append(of_positions - network.nats(windows, z, labels))
    return math.log(draws) - torch.stack(weights).logsumexp(0)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of Gaussians [n, latent] from the standard normal, in nats: the mean over n of the sum over dimensions."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()


class ThesisNetwork(ThesisEncoder, VaeNetwork):
    """Four convolutions, dense 32, a 2-D latent, and back: the thesis, section 3.2.1."""

    def __init__(self, latent: int, hidden: int) -> None:
        super().__init__(latent, hidden)
        self.decoder = ThesisDecoder(latent)

    def nats(self, windows: Tensor, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See VaeNetwork."""
        pixels = functional.binary_cross_entropy_with_logits(self.decoder(z), windows, reduction="none")
        return pixels.sum((1, 2, 3))

    def losses(self, windows: Tensor, semitones: Tensor, noise: Tensor, labels: Tensor | None = None) -> Losses:
        """See VaeNetwork; it does not use how far a window was transposed."""
        mean, log_variance = self.posterior(windows, labels)
        logits = self.decoder(mean + noise * (0.5 * log_variance).exp())
        nats = functional.binary_cross_entropy_with_logits(logits, windows, reduction="sum")
        return Losses(nats / len(windows), divergence(mean, log_variance))


class ThesisDecoder(nn.Module):
    """z [n, latent] -> logits [n, 1, 96, 96]."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.expand = nn.Linear(latent, 64 * 48 * 48)
        self.paint = nn.Sequential(
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 1, 3, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:
        """See the class."""
        hidden = self.expand(z).relu_().view(-1, 64, 48, 48)
        logits: Tensor = self.paint(hidden.contiguous(memory_format=torch.channels_last))
        return logits


class NoteNetwork(NoteEncoder, VaeNetwork):
    """Convolutions down to octaves x beats, and a decoder that writes notes."""

    def __init__(
        self,
        latent: int,
        channels: list[int],
        hidden: int,
        state: int,
        kernels: int,
        harmonies: int,
        registers: int,
        dropout: float,
        conditions: int = 0,
    ) -> None:
        super().__init__(latent, channels, hidden, dropout, conditions)
        told = LABEL_SIZE if conditions else 0
        self.decoder = NoteDecoder(told + latent, state, kernels, harmonies, registers, dropout)

    def nats(self, windows: Tensor, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See VaeNetwork."""
        untransposed = torch.zeros(len(windows), dtype=torch.int64)
        return self.decoder.nats(Notes.of(windows[:, 0]), beside(z, self.label, labels), untransposed)

    def losses(self, windows: Tensor, semitones: Tensor, noise: Tensor, labels: Tensor | None = None) -> Losses:
        """See VaeNetwork.

        Telling the outline from the position alone keeps the decoder from doing without positions (the bag-of-words
        loss of Zhao et al., 2017).
        """
        notes = Notes.of(windows[:, 0])
        mean, log_variance = self.posterior_of_notes(windows, notes, labels)
        z = beside(mean + noise * (0.5 * log_variance).exp(), self.label, labels)
        nats = self.decoder.nats(notes, z, semitones)
        sketch = functional.binary_cross_entropy_with_logits(
            self.decoder.sketch(z), outline(windows[:, 0], notes), reduction="sum"
        )
        return Losses(nats.mean(), divergence(mean, log_variance), sketch / len(windows))


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
            return torch.cat([_importance_bound(network, batch, draws, same_noise) for batch in batches]).mean().item()

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
        # Each is compared with the window that it is near: of that many drawn from all, some would be sparse by chance.
        rows = _evenly(len(windows), AUDITION)
        z = np.stack([places.near(int(row), noise_of(self.seed, index)) for index, row in enumerate(rows)])
        lit = plain(windows[rows].sum((1, 3), dtype=torch.float32)).numpy()
        asked = None if places.label is None else places.label[rows].numpy()
        self._tilt = torch.zeros(SIDE, device="cpu")
        self.temperature = match_temperature(self._player(), z, asked, variety(lit))
        self._tilt = plain(self._match_rows(network, windows, labels))
        density = float(lit.sum(1).mean()) / PIXELS
        self.threshold = match_density(self._player().tempered(self.temperature), z, asked, density)

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
