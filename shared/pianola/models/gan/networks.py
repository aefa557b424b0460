"""Networks of the `gan` family: generators as discriminators meet them, and discriminators."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from pianola.codec.window import SIDE
from pianola.models.conditions import LABEL_SIZE, beside, label_embedding
from pianola.models.fleet import GROUP
from pianola.models.gan.voices import Choir


class GanNetwork(nn.Module):
    """A generator as its discriminator meets it."""

    latent: int

    @abstractmethod
    def play(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the discriminator sees, differentiable in the weights: [n, 1, 96, 96].

        labels: int64 [n] for a generator with conditions.
        """

    @abstractmethod
    def show(self, windows: Tensor) -> Tensor:
        """Windows of 0 and 1 in the range that `play` has."""


class ThesisGenerator(GanNetwork):
    """100-D noise, a dense layer, two transposed convolutions, tanh: the thesis, section 3.2.2."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.dense = nn.Linear(latent, 32 * 24 * 24)
        self.paint = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(32, 64, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(64, 64, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 1, 7, padding=3),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Noise [n, latent] -> logits [n, 1, 96, 96] of being lit: tanh(x) in -1..1 is sigmoid(2 x) in 0..1."""
        hidden = self.dense(z).view(-1, 32, 24, 24).contiguous(memory_format=torch.channels_last)
        logits: Tensor = 2 * self.paint(hidden)
        return logits

    def play(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See GanNetwork; -1..1."""
        return torch.tanh(self.forward(z) / 2)

    def show(self, windows: Tensor) -> Tensor:
        """See GanNetwork."""
        return windows * 2 - 1


class ThesisDiscriminator(nn.Module):
    """Two strided convolutions with dropout and a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = nn.Sequential(
            nn.Conv2d(1, 64, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.4),
            nn.Conv2d(64, 64, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.4),
            nn.Flatten(),
            nn.Linear(64 * 24 * 24, 1),
        )

    def forward(self, windows: Tensor, labels: Tensor | None = None) -> Tensor:
        """Windows [n, 1, 96, 96] of -1..1 -> [n, 1]; above 0 is real. It is told no labels."""
        verdict: Tensor = self.judge(windows)
        return verdict


class ChoirGenerator(GanNetwork):
    """Voices that strike and hold notes; sees and makes 0 and 1 only."""

    def __init__(self, latent: int, local: int, channels: int, voices: int, conditions: int = 0) -> None:
        super().__init__()
        self.latent = latent
        self.label = label_embedding(conditions)
        # The label's numbers come first, where Choir has those that belong to the whole window.
        self.choir = Choir(latent + (LABEL_SIZE if conditions else 0), local, channels, voices)

    def play(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """See GanNetwork; 0 or 1."""
        windows: Tensor = self.choir(beside(z, self.label, labels))
        return windows

    def show(self, windows: Tensor) -> Tensor:
        """See GanNetwork."""
        return windows


class MusicDiscriminator(nn.Module):
    """Looks at notes and their beginnings twice: on the roll, down to octaves x beats, and by pitch class over time.

    With conditions, what it sees is also multiplied by what it looks for under the label (Miyato and Koyama, 2018).
    """

    def __init__(self, channels: list[int], chroma: list[int], conditions: int = 0) -> None:
        super().__init__()
        self.thirds = nn.Conv2d(2, channels[0], (12, 8), stride=4, padding=(4, 2))  # 24 x 24
        self.beats = nn.Conv2d(channels[0], channels[1], 5, stride=3, padding=1)  # 8 octaves x 8 beats
        self.blend = nn.Conv2d(channels[1] + 1, channels[1], 3, padding=1)
        self.classes = nn.Conv2d(2, chroma[0], (12, 8), stride=(1, 4), padding=(0, 2))
        self.class_beats = nn.Conv1d(chroma[0], chroma[1], 5, stride=3, padding=1)
        self.verdict = nn.Linear(channels[1] * 64 + chroma[1] * 8, 1)
        self.of_label: nn.Embedding | None = None
        if conditions:
            self.of_label = nn.Embedding(conditions + 1, self.verdict.in_features)
            nn.init.zeros_(self.of_label.weight)

    def forward(self, windows: Tensor, labels: Tensor | None = None) -> Tensor:
        """Windows [n, 1, 96, 96] of 0 and 1 -> [n, 1]; above 0 is real."""
        begins = windows * (1 - functional.pad(windows, (1, 0))[..., :SIDE])
        seen = torch.cat([windows, begins], 1)
        hidden = functional.leaky_relu(self.thirds(seen.contiguous(memory_format=torch.channels_last)), 0.2)
        hidden = functional.leaky_relu(self.beats(hidden), 0.2)
        hidden = functional.leaky_relu(self.blend(torch.cat([hidden, variety(hidden)], 1)), 0.2)
        octaves = seen.reshape(len(seen), 2, 8, 12, SIDE).sum(2)
        classes = functional.leaky_relu(self.classes(octaves), 0.2)[:, :, 0]
        classes = functional.leaky_relu(self.class_beats(classes), 0.2)
        found = torch.cat([hidden.flatten(1), classes.flatten(1)], 1)
        verdict: Tensor = self.verdict(found)
        if self.of_label is not None and labels is not None:
            verdict = verdict + (found * self.of_label(labels)).sum(1, keepdim=True)
        return verdict


def variety(hidden: Tensor) -> Tensor:
    """How much the windows of a group differ at each place: [n, c, h, w] -> [n, 1, h, w].

    Shows up a generator that plays one thing (minibatch standard deviation, Karras et al., 2018).
    """
    n, group = len(hidden), GROUP if len(hidden) % GROUP == 0 else len(hidden)
    groups = hidden.reshape(n // group, group, *hidden.shape[1:])
    return (groups.var(1, correction=0) + 1e-8).sqrt().mean(1, keepdim=True).repeat_interleave(group, 0)
