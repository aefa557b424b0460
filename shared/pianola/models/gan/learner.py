"""The `gan` family: a generator that learns to pass for the data before a discriminator (Goodfellow et al., 2014)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pianola.models.augmentation import transpose
from pianola.models.calibration import match_density
from pianola.models.conditions import Batch, Labels, forget, in_proportion
from pianola.models.families.gan import GanOptions
from pianola.models.family import Facts, Preset
from pianola.models.gan.generators import ChoirPlayer, build_generator, share_of_rows
from pianola.models.gan.networks import (
    ChoirGenerator,
    GanNetwork,
    MusicDiscriminator,
    ThesisDiscriminator,
    ThesisGenerator,
)
from pianola.models.learner import Learner
from pianola.models.networks import Trainee, plain, seeded_build

# Samples that choosing a threshold listens to, and those that each round of choosing how likely rows are made does.
AUDITION = 64
ROUND_OF_AUDITION = 128
# A threshold is matched and then a tilt, in these rounds, and once more.
TURNS = (range(16), range(16, 40))
# The gradient penalty is a difference quotient over noise of this deviation, taken every few steps and then for more.
PENALTY_NOISE = 0.05
PENALTY_EVERY = 4
# Half of the windows stay where they are: if all were moved by -6..5 semitones, the discriminator could not see that
# a generator uses every fourth row only, since moving spreads that evenly.
MOVED = 0.5


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
        for rounds in TURNS:
            self._match_density(goal, known)
            self._match_rows(share_of_rows(lit), known, rounds)

    def _match_rows(self, goal: Tensor, known: list[Labels], rounds: range) -> None:
        player = self._player()
        heard = range(rounds.start * ROUND_OF_AUDITION, rounds.stop * ROUND_OF_AUDITION)
        played = in_proportion(np.concatenate(known), len(heard)) if known else None
        self._tilt = player.match_rows(player.positions(self.seed, heard, played), played, goal, rounds)

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
