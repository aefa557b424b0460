"""Networks of the `vae` family: an encoder, a likelihood of windows at a position, and what is minimised."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pianola.models.conditions import LABEL_SIZE, Batch, beside
from pianola.models.families.vae import VaeOptions
from pianola.models.notes.decoder import NoteDecoder, Notes
from pianola.models.vae.encoders import NoteEncoder, ThesisEncoder, outline
from pianola.models.windows import PIXELS


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


class VaeNetwork(nn.Module):
    """An encoder to a Gaussian over positions, and a likelihood of windows at a position."""

    latent: int

    @abstractmethod
    def posterior(self, windows: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See generator.Encoder."""

    @abstractmethod
    def nats(self, windows: Tensor, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """-log p(window | z, label) [n] of untransposed windows [n, 1, 96, 96], each at its z [n, latent].

        labels: int64 [n] for a network with conditions, here and below.
        """

    @abstractmethod
    def losses(self, windows: Tensor, semitones: Tensor, noise: Tensor, labels: Tensor | None = None) -> Losses:
        """semitones: how far each window was transposed, int64 [n]; noise: standard normal [n, latent]."""


def importance_bound(network: VaeNetwork, batch: Batch, draws: int, noise: torch.Generator) -> Tensor:
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
