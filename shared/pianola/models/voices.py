"""A generator of voices: each sings one note at a time, and the window is what they sing together.

A painter of independent pixels must first learn that music is lines. Here that is built in: at every step a voice
strikes a note or not, holds it or not, and has one pitch. What is learnt is when, how long and which.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 96
BEATS = 8
STEPS_PER_BEAT = 12
# A voice's first logit of holding on, and how many steps a note then lasts on average.
FIRST_HOLD = 0.8
FIRST_LENGTH = 4.5
# Deviation of the first logits of striking, over positions and steps.
FIRST_DEVIATION = 0.7


def sing(strike: Tensor, hold: Tensor, pitch: Tensor) -> Tensor:
    """strike, hold [n, voices, 96 steps] and pitch [n, voices, 96 rows, 96 steps], all logits -> rolls of the voices.

    A roll [n, voices, 96 rows, 96 steps] follows x(t) = s(t) p(t) + (1 - s(t)) h(t) x(t - 1), with hard decisions s, h
    of 0 or 1 and p one-hot; gradients go straight through to their probabilities (Bengio et al., 2013).
    """
    rolls: Tensor = _Sing.apply(strike, hold, pitch)  # type: ignore[no-untyped-call] # torch leaves it untyped
    return rolls


class _Sing(torch.autograd.Function):
    """`sing`, without recording its 96 steps one by one: ten times as fast in training."""

    @staticmethod
    def forward(ctx: Any, strike: Tensor, hold: Tensor, pitch: Tensor) -> Tensor:
        """See the class."""
        # Steps first, so that one step is one block of memory.
        struck = (strike > 0).to(pitch.dtype).permute(2, 0, 1)[..., None]
        goes_on = (1 - struck) * (hold > 0).to(pitch.dtype).permute(2, 0, 1)[..., None]
        likely = pitch.softmax(2).permute(3, 0, 1, 2).contiguous()
        chosen = torch.zeros_like(likely).scatter_(3, likely.argmax(3, keepdim=True), 1.0)
        rolls = struck * chosen
        for step in range(1, SIDE):
            rolls[step].addcmul_(goes_on[step], rolls[step - 1])
        ctx.save_for_backward(strike, hold, likely, chosen, rolls)
        return rolls.permute(1, 2, 3, 0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        strike, hold, likely, chosen, rolls = ctx.saved_tensors
        struck = (strike > 0).to(rolls.dtype).permute(2, 0, 1)[..., None]
        held = (hold > 0).to(rolls.dtype).permute(2, 0, 1)[..., None]
        goes_on = (1 - struck) * held
        # What a pixel does to all later ones that hold it.
        effect = gradients[0].permute(3, 0, 1, 2).clone(memory_format=torch.contiguous_format)
        for step in range(SIDE - 2, -1, -1):
            effect[step].addcmul_(goes_on[step + 1], effect[step + 1])
        before = functional.pad(rolls, (0, 0, 0, 0, 0, 0, 1, 0))[:-1]
        of_strike = (effect * (chosen - held * before)).sum(3).permute(1, 2, 0)
        of_hold = (effect * (1 - struck) * before).sum(3).permute(1, 2, 0)
        of_choice = effect * struck
        of_pitch = likely * (of_choice - (of_choice * likely).sum(3, keepdim=True))
        return of_strike * _slope(strike), of_hold * _slope(hold), of_pitch.permute(1, 2, 3, 0)


def _slope(logits: Tensor) -> Tensor:
    likely = logits.sigmoid()
    return likely * (1 - likely)


class Choir(nn.Module):
    """z [n, latent] -> windows. Of z, `local` numbers belong to each beat and the rest to the whole window."""

    def __init__(self, latent: int, local: int, channels: int, voices: int) -> None:
        super().__init__()
        self.local_size = local
        self.whole_size = latent - BEATS * local
        self.voices = voices
        self.channels = channels
        self.whole = nn.Linear(latent, channels * BEATS)
        self.local = nn.Linear(local, channels)
        self.quarter_beats = nn.ConvTranspose1d(channels, channels, 7, stride=4, padding=2, output_padding=1)
        self.steps = nn.ConvTranspose1d(channels, channels, 5, stride=3, padding=1)
        self.place = nn.Parameter(torch.zeros(1, channels, STEPS_PER_BEAT))
        self.blend = nn.Conv1d(channels, channels, 5, padding=2)
        self.gates = nn.Conv1d(channels, 2 * voices, 1, bias=False)
        self.strike_bias = nn.Parameter(torch.zeros(1, voices, 1))
        self.hold_bias = nn.Parameter(torch.full((1, voices, 1), FIRST_HOLD))
        self.pitch = nn.Conv1d(channels, voices * SIDE, 1)
        self.key = nn.Linear(latent, voices * SIDE)
        self.metre = nn.Parameter(0.4 * torch.randn(1, voices, STEPS_PER_BEAT))
        # The voices start an even way apart from treble to bass, each within an octave or so of its own row.
        middle = torch.linspace(30, 62, voices)[:, None]
        self.register_rows = nn.Parameter(-((torch.arange(SIDE) - middle) / 10).square()[..., None] / 6)

    def expect(self, density: float) -> None:
        """Set out so that the first windows are about as dense as the data: `density` is its lit share."""
        share = min(0.5, max(0.001, density * SIDE / (self.voices * FIRST_LENGTH)))
        with torch.no_grad():
            self.strike_bias.fill_(FIRST_DEVIATION * NormalDist().inv_cdf(share))

    def forward(self, z: Tensor, threshold: float = 0.5) -> Tensor:
        """Windows [n, 1, 96, 96] of 0 and 1, differentiable; a voice strikes where that is likelier than threshold."""
        n = len(z)
        beats = self.whole(z).view(n, self.channels, BEATS)
        own = self.local(z[:, self.whole_size :].view(n, BEATS, self.local_size)).transpose(1, 2)
        hidden = functional.leaky_relu(self.quarter_beats(functional.leaky_relu(1.5 * (beats + 2 * own), 0.2)), 0.2)
        hidden = functional.leaky_relu(self.steps(hidden) + self.place.repeat(1, 1, BEATS), 0.2)
        hidden = functional.leaky_relu(self.blend(hidden), 0.2) + hidden
        hidden = hidden / (hidden.square().mean(1, keepdim=True) + 1e-6).sqrt()
        strike, hold = self.gates(hidden).split(self.voices, dim=1)
        strike = strike + self.strike_bias + self.metre.repeat(1, 1, BEATS) - math.log(threshold / (1 - threshold))
        # Factors above 1 make what they multiply learn faster than the rest.
        pitch = 2 * self.pitch(hidden).view(n, self.voices, SIDE, SIDE)
        pitch = pitch + 2 * self.key(z).view(n, self.voices, SIDE, 1) + 3 * self.register_rows
        rolls = sing(strike, hold + self.hold_bias, pitch)
        dark = torch.stack([1 - roll for roll in rolls.unbind(1)]).prod(0)
        return 1 - dark[:, None]
