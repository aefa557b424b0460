"""The `gan` family: a generator that learns to pass for the data before a discriminator (Goodfellow et al., 2014)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pianola.models.augmentation import transpose
from pianola.models.base import SIDE, Facts, Floats, Generator, Learner, Windows, noise_of
from pianola.models.calibration import match_density
from pianola.models.conditions import (
    LABEL_SIZE,
    Batch,
    Labels,
    beside,
    count_conditions,
    forget,
    in_proportion,
    label_embedding,
)
from pianola.models.families.gan import GanOptions
from pianola.models.family import Preset
from pianola.models.fleet import GROUP
from pianola.models.networks import PixelGenerator, Trainee, load_plain, on_cpu, plain, seeded_build
from pianola.models.voices import Choir, Score

# Samples that choosing a threshold listens to, and those that choosing how likely rows are made does.
AUDITION = 64
LONG_AUDITION = 384
# Times that a threshold and then a tilt are matched.
TURNS = 2
# Rows are made likelier or less so in rounds: how many, how far towards the goal in logits, and at most how far in one.
ROUNDS = 20
PACE = 0.5
FARTHEST = 2.0
# The least share of lit pixels of a row in the data's range: 1,000 windows then hold some of its notes. The range goes
# on for a few semitones on either side, since the data heard is a part of what there is.
LEAST = 4e-4
MARGIN = 3
# Of rows that must not sound, in logits.
NEVER = -1e9
# The gradient penalty is a difference quotient over noise of this deviation, taken every few steps and then for more.
PENALTY_NOISE = 0.05
PENALTY_EVERY = 4
# Half of the windows stay where they are: if all were moved by -6..5 semitones, the discriminator could not see that
# a generator uses every fourth row only, since moving spreads that evenly.
MOVED = 0.5


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

    def match_rows(self, z: Floats, labels: Labels | None, goal: Tensor) -> list[float]:
        """The tilt (see Score.perform) under which lit pixels at z share out over the rows as `goal` [96] does.

        By iterative proportional fitting, always from no tilt; rows that have none in `goal` never sound.
        """
        tilt = torch.where(goal > 0, 0.0, NEVER).double()
        with torch.inference_mode(), on_cpu():
            told = None if labels is None else torch.from_numpy(labels)
            scores = list(self._scores(z, self.threshold, told))
            for _ in range(ROUNDS):
                lit = torch.stack([score.perform(tilt).sum((0, 1, 3)) for score in scores]).sum(0)
                # A tenth of the least share more on both sides: what was not heard yet has a logarithm, too.
                found = lit / lit.sum().clamp(min=1) + LEAST / 10
                tilt += PACE * ((goal + LEAST / 10) / found).log().clamp(-FARTHEST, FARTHEST) * (goal > 0)
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


class GanLearner(Learner[GanOptions]):
    """Trains a generator against a discriminator."""

    def __init__(self, preset: Preset, options: GanOptions, seed: int, density: float, conditions: int = 0) -> None:
        super().__init__(preset, options, seed, density, conditions)
        sizes = preset.network
        generator: GanNetwork
        if preset.name == "thesis":
            generator = seeded_build(seed, ThesisGenerator, sizes)
            discriminator: nn.Module = seeded_build(seed + 1, ThesisDiscriminator, {})
        else:
            of_choir = {key: sizes[key] for key in ("latent", "local", "channels", "voices")}
            of_choir["conditions"] = conditions
            of_judge = {"channels": sizes["judge"], "chroma": sizes["judge_chroma"], "conditions": conditions}
            generator = seeded_build(seed, ChoirGenerator, of_choir)
            generator.choir.expect(density)
            discriminator = seeded_build(seed + 1, MusicDiscriminator, of_judge)
        self._generator = Trainee("generator", generator, options)
        self._discriminator = Trainee("discriminator", discriminator, options, averaged=False)
        self._generator_loss = 0.0
        self._tilt: list[float] | None = None

    @property
    def trainees(self) -> tuple[Trainee[Any], ...]:
        """See Learner."""
        return (self._generator, self._discriminator)

    def step(self, batch: Tensor, progress: float, labels: Tensor | None = None) -> dict[str, float]:
        """See Learner. generator_loss, discriminator_loss, accuracy_real, accuracy_fake, density (of what it plays)."""
        generator, judge = self._generator.network.train(), self._discriminator.network.train()
        labels = None if labels is None else forget(labels, self.conditions)
        with torch.no_grad():
            fake = generator.play(torch.randn(len(batch), generator.latent), labels)
        real = self._move(generator.show(batch))
        on_real, on_fake = judge(real, labels), judge(self._move(fake), labels)
        if self.options.loss == "hinge":
            loss = (functional.relu(1 - on_real).mean() + functional.relu(1 + on_fake).mean()) / 2
        else:
            loss = (functional.softplus(-on_real).mean() + functional.softplus(on_fake).mean()) / 2
        penalty = self._penalty(judge, real, labels, on_real) if self.steps_taken % PENALTY_EVERY == 0 else 0.0
        self._discriminator.update(loss + penalty, self.steps_taken, progress)
        if (self.steps_taken + 1) % self.options.discriminator_steps == 0:
            self._generator_loss = self._step_of_generator(len(batch), labels, progress)
        self.steps_taken += 1
        return {
            "generator_loss": self._generator_loss,
            "discriminator_loss": loss.item(),
            "accuracy_real": (on_real > 0).float().mean().item(),
            "accuracy_fake": (on_fake < 0).float().mean().item(),
            "density": (fake > generator.show(torch.tensor(0.5))).float().mean().item(),
        }

    def _step_of_generator(self, n: int, labels: Tensor | None, progress: float) -> float:
        generator, judge = self._generator.network, self._discriminator.network
        judge.requires_grad_(False)  # its gradients would cost a third more and not be used
        verdict = judge(self._move(generator.play(torch.randn(n, generator.latent), labels)), labels)
        loss = -verdict.mean() if self.options.loss == "hinge" else functional.softplus(-verdict).mean()
        self._generator.update(loss, self.steps_taken, progress)
        judge.requires_grad_(True)
        return loss.item()

    def _move(self, windows: Tensor) -> Tensor:
        """Transpose real and generated windows alike (Zhao et al., DiffAugment, 2020); what comes in is dark."""
        dark = self._generator.network.show(torch.tensor(0.0))
        moved, _ = transpose(windows - dark, self.options.transpose_down, self.options.transpose_up, MOVED)
        return moved + dark

    def _penalty(self, judge: nn.Module, real: Tensor, labels: Tensor | None, on_real: Tensor) -> Tensor | float:
        """R1 (Mescheder et al., 2018) without second derivatives: how much little noise on real windows changes it."""
        if self.options.gradient_penalty == 0:
            return 0.0
        slope: Tensor = (judge(real + PENALTY_NOISE * torch.randn_like(real), labels) - on_real) / PENALTY_NOISE
        penalty: Tensor = PENALTY_EVERY * self.options.gradient_penalty / 2 * slope.square().mean()
        return penalty

    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """See Learner. validation_accuracy_real: far below accuracy_real, the discriminator knows its data by heart."""
        judge, show = self._discriminator.network.eval(), self._generator.network.show
        with torch.inference_mode():
            right = [(judge(show(batch), labels) > 0).float().flatten() for batch, labels in batches]
        return {"validation_accuracy_real": torch.cat(right).mean().item()} if right else {}

    def encode(self, batch: Tensor, labels: Tensor | None = None) -> None:
        """See Learner: there is no encoder."""
        return

    def calibrate(self, batches: Iterable[Batch]) -> None:
        """See Learner. The thesis's network keeps its threshold, 0.5."""
        if self.preset.name == "thesis":
            return
        found = [(batch.sum((0, 1, 3)), batch[0].numel() * len(batch), labels) for batch, labels in batches]
        lit = torch.stack([rows for rows, _, _ in found]).sum(0).double().cpu()
        goal = float(lit.sum()) / sum(pixels for _, pixels, _ in found)
        known = [labels.cpu().numpy() for _, _, labels in found if labels is not None]
        # From no tilt, so that the same weights get the same one; each of the two moves the other.
        self._tilt, self.threshold = None, 0.5
        for _ in range(TURNS):
            self._match_density(goal, known)
            self._match_rows(share_of_rows(lit), known)

    def _match_rows(self, goal: Tensor, known: list[Labels]) -> None:
        player = self._player()
        played = in_proportion(np.concatenate(known), LONG_AUDITION) if known else None
        self._tilt = player.match_rows(player.positions(self.seed, range(LONG_AUDITION), played), played, goal)

    def _match_density(self, goal: float, known: list[Labels]) -> None:
        player = self._player()
        played = in_proportion(np.concatenate(known), AUDITION) if known else None
        self.threshold = match_density(player, player.positions(self.seed, range(AUDITION), played), played, goal)

    def _player(self) -> ChoirPlayer:
        player = build_generator(self.preset.name, self.generator_tensors(), self.generator_facts(), 0)
        assert isinstance(player, ChoirPlayer)
        return player

    def generator_tensors(self) -> dict[str, Tensor]:
        """See Learner."""
        return {key: plain(value) for key, value in self._generator.average.state_dict().items()}

    def generator_facts(self) -> Facts:
        """See Learner; `tilt`: how much likelier each row is made than it was learnt, in logits, once calibrated."""
        return {**super().generator_facts(), "tilt": self._tilt}

    def facts(self) -> Facts:
        """See Learner."""
        return {**super().facts(), "generator_loss": self._generator_loss, "tilt": self._tilt}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """See Learner."""
        super().restore(tensors, facts)
        self._generator_loss = float(facts["generator_loss"])
        self._tilt = facts.get("tilt")
