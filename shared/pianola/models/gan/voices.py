"""A generator of voices: each sings one note at a time, and the window is what they sing together.

A painter of independent pixels must first learn that music is lines. Here that is built in: at every step a voice
strikes a note or not, holds it or not, and has one pitch. What is learnt is when, how long and which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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
# The row of a voice that is silent: one below the window.
NOTHING = SIDE


def sing(strike: Tensor, hold: Tensor, choice: Tensor, notes: Tensor) -> Tensor:
    """What voices sing together: [96 steps, n, 96 rows] of 0 and 1.

    strike, hold [96 steps, n, voices]: logits. choice [96 steps, n, voices]: the row a voice takes if it strikes there.
    notes [k, 96]: for each strike > 0, in order of steps, windows and voices, the logits of which `choice` is the
    largest.

    A voice's roll follows x(t) = s(t) p(t) + (1 - s(t)) h(t) x(t - 1), with hard decisions s, h of 0 or 1 and p
    one-hot; gradients go straight through to their probabilities (Bengio et al., 2013). Where a row is struck, by any
    voice, the step before is dark, as the codec leaves it: a note struck again is two notes, not one.
    """
    window: Tensor = _Sing.apply(strike, hold, choice, notes)  # type: ignore[no-untyped-call] # torch leaves it untyped
    return window


class _Sing(torch.autograd.Function):
    """`sing` by the rows that sound, one number for a voice and a step: rolls of the voices are never written out."""

    @staticmethod
    def forward(ctx: Any, strike: Tensor, hold: Tensor, choice: Tensor, notes: Tensor) -> Tensor:
        """See the class."""
        struck = strike > 0
        goes_on = (hold > 0) & ~struck
        # What a voice does at a step, it did last at the step where it struck or fell silent.
        steps = torch.arange(SIDE, device=strike.device)[:, None, None]
        since = torch.where(goes_on, 0, steps).cummax(0).values
        sung = torch.where(struck, choice, NOTHING).gather(0, since)
        # One row more takes what is nothing.
        empty = strike.new_zeros(*strike.shape[:2], SIDE + 1)
        lit = empty.scatter_add(2, sung, torch.ones_like(strike))[..., :SIDE]
        struck_rows = empty.scatter(2, torch.where(struck, choice, NOTHING), 1.0)[..., :SIDE]
        stays = 1 - functional.pad(struck_rows[1:], (0, 0, 0, 0, 0, 1))
        ctx.save_for_backward(strike, hold, choice, notes, sung, lit, stays)
        window: Tensor = (lit > 0) * stays
        return window

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, Tensor]:
        """See the class."""
        strike, hold, choice, notes, sung, lit, stays = ctx.saved_tensors
        struck, held = strike > 0, hold > 0
        # The step after the last one to which a voice that sounds is held.
        steps = torch.arange(1, SIDE + 1, device=strike.device)[:, None, None]
        ends = functional.pad(~held[1:] | struck[1:], (0, 0, 0, 0, 0, 1), value=True)
        end = torch.where(ends, steps, SIDE).flip(0).cummin(0).values.flip(0)
        # What lighting a pixel brings: where all voices are silent, and where one voice alone sounds, to that voice.
        brings = gradients[0] * stays
        to_all, to_one = (_summed_from(brings * (lit == count)) for count in (0, 1))
        puts_out = functional.pad(-gradients[0] * (lit > 0), (0, 0, 0, 0, 1, 0))[:-1]

        def effect(row: Tensor) -> Tensor:
            """Of a row [96, n, voices] that sounds from each step to its end; 0 of NOTHING."""
            of_all, of_one = (sums[:-1].gather(2, row) - _at(sums, end, row) for sums in (to_all, to_one))
            of_both: Tensor = of_all + (row == sung) * of_one
            return of_both

        before = functional.pad(sung[:-1], (0, 0, 0, 0, 1, 0), value=NOTHING)
        of_before = effect(before)
        of_strike = effect(choice) + functional.pad(puts_out, (0, 1)).gather(2, choice) - of_before * held
        of_hold = of_before * ~struck
        step, window, voice = struck.nonzero(as_tuple=True)
        last = end[step, window, voice]
        of_rows = (to_all[step, window] - to_all[last, window])[:, :SIDE] + puts_out[step, window]
        own = choice[step, window, voice]
        alone = to_one[step, window, own] - to_one[last, window, own]
        of_rows = of_rows.scatter_add(1, own[:, None], alone[:, None])
        likely = notes.softmax(1)
        of_notes = likely * (of_rows - (of_rows * likely).sum(1, keepdim=True))
        return of_strike * _slope(strike), of_hold * _slope(hold), None, of_notes


def _summed_from(values: Tensor) -> Tensor:
    """[96, n, 96] -> [97, n, 97]: sums over a step and all later ones; one step and one row more, of zeros."""
    return functional.pad(values.flip(0).cumsum(0).flip(0), (0, 1, 0, 0, 0, 1))


def _at(sums: Tensor, step: Tensor, row: Tensor) -> Tensor:
    """What sums [97, n, 97] are at steps and rows [96, n, voices]."""
    window = torch.arange(sums.shape[1], device=sums.device)[:, None]
    return sums[step, window, row]


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

    def forward(self, z: Tensor, threshold: float = 0.5, tilt: Tensor | None = None) -> Tensor:
        """Windows [n, 1, 96, 96] of 0 and 1, differentiable; a voice strikes where that is likelier than threshold.

        tilt [96]: what is added to the logits of the rows, see `Score.perform`.
        """
        return self.read(z, threshold).perform(tilt)

    def read(self, z: Tensor, threshold: float) -> Score:
        """See Score."""
        n = len(z)
        beats = self.whole(z).view(n, self.channels, BEATS)
        own = self.local(z[:, self.whole_size :].view(n, BEATS, self.local_size)).transpose(1, 2)
        hidden = functional.leaky_relu(self.quarter_beats(functional.leaky_relu(1.5 * (beats + 2 * own), 0.2)), 0.2)
        hidden = functional.leaky_relu(self.steps(hidden) + self.place.repeat(1, 1, BEATS), 0.2)
        hidden = functional.leaky_relu(self.blend(hidden), 0.2) + hidden
        hidden = hidden / (hidden.square().mean(1, keepdim=True) + 1e-6).sqrt()
        strike, hold = self.gates(hidden).split(self.voices, dim=1)
        strike = strike + self.strike_bias + self.metre.repeat(1, 1, BEATS) - math.log(threshold / (1 - threshold))
        hold = hold + self.hold_bias
        # Factors above 1 make what they multiply learn faster than the rest.
        of_window = 2 * self.key(z).view(n, self.voices, SIDE) + 3 * self.register_rows[..., 0]
        # Steps first, so that one step is one block of memory.
        strike, hold, hidden = (part.permute(2, 0, 1).contiguous() for part in (strike, hold, hidden))
        step, window, voice = (strike > 0).nonzero(as_tuple=True)
        # Pitches are needed of notes that are struck only: one step of a voice in ten or so.
        by_voice = voice.argsort(stable=True)
        heard = hidden[step[by_voice], window[by_voice]].split(torch.bincount(voice, minlength=self.voices).tolist())
        weight, bias = self.pitch.weight.view(self.voices, SIDE, -1), self.pitch.bias.view(self.voices, SIDE)  # type: ignore[union-attr] # it has a bias
        notes = torch.cat([functional.linear(*each) for each in zip(heard, weight, bias, strict=True)])
        notes = 2 * notes[by_voice.argsort()] + of_window[window, voice]
        choice = torch.zeros_like(strike, dtype=torch.int64)
        if torch.is_grad_enabled():
            # How good it were to strike elsewhere depends on the pitch there.
            with torch.no_grad():
                every = functional.linear(hidden, self.pitch.weight[..., 0], self.pitch.bias)
                choice = (2 * every.view(SIDE, n, self.voices, SIDE) + of_window).max(3).indices
        return Score(strike, hold, choice, notes.to(strike.dtype))


@dataclass(frozen=True, eq=False)
class Score:
    """What voices are about to sing: `strike`, `hold`, `choice` and `notes` as in `sing`."""

    strike: Tensor
    hold: Tensor
    choice: Tensor
    notes: Tensor

    def perform(self, tilt: Tensor | None = None) -> Tensor:
        """Windows [n, 1, 96, 96]. tilt [96]: how much likelier the rows are made than they were learnt, in logits."""
        notes = self.notes if tilt is None else self.notes + tilt
        choice = self.choice.masked_scatter(self.strike > 0, notes.max(1).indices)
        return sing(self.strike, self.hold, choice, notes).permute(1, 2, 0)[:, None]
