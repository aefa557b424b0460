"""A decoder that writes notes: the distribution of a window's notes given a latent position.

A binary window and its list of notes are the same thing, so the likelihood here is the window's own, exactly. Columns
are written from first to last; in a column, from the highest row down, each decision is "the next note struck is at
this row" or "no more in this column", and each struck note is given its length at once. A decision knows the latent
position, all former columns (through a recurrent state, and through what was struck and held at set lags before, what
was struck at all and how long ago, seen by interval, so that what is learnt in one octave serves in all), and what the
column has already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pianola.codec.window import SIDE
from pianola.models.notes.dice import MOST_STRUCK

STOP = SIDE
# In steps: what was just struck, the parts of a beat, and one, two and four beats ago.
NEAR_LAGS = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48)
FAR_LAGS = (12, 24, 48)
MOST_AGO = max(NEAR_LAGS)
SPAN = 12
FARTHEST = 24
# How much of a note struck a step earlier is left in the trace of former notes: half is gone after 17 steps.
FADES_TO = math.exp(-1 / 24)
# Notes that are learnt from are filled up to a multiple of so many.
GROUP = 256
# Mean length of the notes of a decoder that has learnt nothing yet.
FIRST_LENGTH = 8


@dataclass(frozen=True)
class Notes:
    """The notes of windows [n, 96, 96], or of their first k steps [n, 96, k]: where each begins, in order of window,
    step and row, and for how long it lasts.

    struck, held: float [n, 96, k]: a note begins here; a note that began before goes on here.
    window, step, row, length: int64 [number of notes].
    """

    struck: Tensor
    held: Tensor
    window: Tensor
    step: Tensor
    row: Tensor
    length: Tensor

    @classmethod
    def of(cls, windows: Tensor) -> Notes:
        """Read the notes of float windows [n, 96, k] of 0 and 1."""
        steps = windows.shape[2]
        before = functional.pad(windows, (1, 0))[:, :, :-1]
        held = windows * before
        struck = windows - held
        window, step, row = struck.transpose(1, 2).nonzero(as_tuple=True)
        dark_from = torch.where(windows > 0, steps, torch.arange(steps)).flip(2).cummin(2).values.flip(2)
        return cls(struck, held, window, step, row, dark_from[window, row, step] - step)

    def padded(self) -> Notes:
        """The same with notes at its end that are none, so that there are a multiple of GROUP of them.

        Kernels are made anew for every size that matrices have: there had been as many as batches.
        """
        more = -len(self.row) % GROUP
        window, step, row = (functional.pad(part, (0, more)) for part in (self.window, self.step, self.row))
        return Notes(self.struck, self.held, window, step, row, functional.pad(self.length, (0, more), value=1))

    @property
    def steps(self) -> int:
        """k: how many steps of the windows these notes are of."""
        return self.struck.shape[2]

    def times(self, n: int) -> Notes:
        """Of one window, the notes of n like it."""
        struck, held = self.struck.expand(n, -1, -1), self.held.expand(n, -1, -1)
        window = torch.arange(n).repeat_interleave(len(self.step))
        return Notes(struck, held, window, self.step.repeat(n), self.row.repeat(n), self.length.repeat(n))


class NoteDecoder(nn.Module):
    """p(window | z). latent, state: sizes of z and of the recurrent state; the others: how many of each there are."""

    _interval: Tensor
    _below: Tensor
    _fades: Tensor

    def __init__(self, latent: int, state: int, kernels: int, harmonies: int, registers: int, dropout: float) -> None:
        super().__init__()
        self.state = state
        self.dropout = dropout
        self.first_state = nn.Linear(latent, state)
        self.of_latent = nn.Linear(latent, state)
        self.of_step = nn.Embedding(SIDE, state)
        self.of_past = nn.Linear((2 + len(FAR_LAGS)) * SIDE, state, bias=False)
        self.recurrent = nn.GRU(state, state, batch_first=True)
        # Kernels over intervals up to an octave, for each lag; the state decides how much each counts at a step.
        self.near = nn.Conv2d(len(NEAR_LAGS) + 4, kernels, (2 * SPAN + 1, 1), padding=(SPAN, 0))
        self.gates = nn.Linear(state, kernels)
        self.rows = nn.Linear(state, SIDE + 1)
        # Kernels over the intervals to the notes the column has already.
        self.harmony = nn.Parameter(torch.zeros(SIDE, harmonies))
        self.harmony_gates = nn.Linear(state, harmonies)
        # The data's own rows, whichever way a window was transposed: the keys and registers that it prefers.
        self.register_rows = nn.Embedding(SIDE + 2 * FARTHEST, registers)
        self.register_gates = nn.Linear(state, registers)
        # From the position alone: which rows sound and at which steps something is struck.
        self.sketch = nn.Linear(latent, 2 * SIDE)
        self.sketch_weights = nn.Parameter(torch.tensor([0.5, 0.5]))
        self.stop_after = nn.Embedding(MOST_STRUCK + 1, 1)
        self.row_length = nn.Embedding(SIDE, 64)
        self.last_length = nn.Embedding(SIDE + 1, 64)
        self.state_length = nn.Linear(state + kernels, 64)
        self.length = nn.Linear(64, SIDE)
        after = torch.arange(SIDE)[None] - torch.arange(SIDE)[:, None]
        self.register_buffer("_interval", after.clamp(min=0), persistent=False)
        self.register_buffer("_below", (after > 0).float(), persistent=False)
        fades = torch.where(after > 0, FADES_TO ** (after - 1), torch.zeros(()))
        self.register_buffer("_fades", fades, persistent=False)
        nn.init.zeros_(self.stop_after.weight)

    def expect(self, density: float) -> None:
        """Set out with short notes, and with as many as make windows of this share of lit pixels.

        A decoder that starts even writes nearly white windows, and takes long over them.
        """
        rate = min(0.5, max(0.001, density * SIDE / FIRST_LENGTH))
        with torch.no_grad():
            self.rows.bias[STOP] = math.log(SIDE * (1 - rate) / rate)
            self.length.bias.copy_(-torch.arange(SIDE) / FIRST_LENGTH)

    # What one or many steps look like; the same for training (all steps at once) and for writing (one by one).

    def states(self, past: Tensor, z: Tensor, step: slice, before: Tensor) -> tuple[Tensor, Tensor]:
        """past: [n, steps, 5 * 96] -> states [n, steps, state], and the last one [1, n, state]."""
        seen = self.of_past(past) + self.of_latent(z)[:, None] + self.of_step.weight[step]
        states, last = self.recurrent(functional.relu(seen), before)
        return states, last

    def row_scores(self, states: Tensor, heard: Tensor, z: Tensor, semitones: Tensor, step: slice) -> Tensor:
        """Scores [n, steps, 97] of each row and of stopping in an empty column; heard: [n, 96, steps, kernels]."""
        own_rows = self.register_rows(torch.arange(SIDE) + semitones[:, None] + FARTHEST)
        rows = torch.einsum("nrk,ntk->ntr", own_rows, self.register_gates(states))
        rows = rows + (heard * self.gates(states)[:, None]).sum(3).transpose(1, 2)
        sketch = self.sketch(z)
        rows = rows + self.sketch_weights[0] * sketch[:, None, :SIDE]
        stop = -self.sketch_weights[1] * sketch[:, SIDE:][:, step, None]
        scores: Tensor = self.rows(states)
        return scores + torch.cat([rows, stop], 2)

    def harmonies(self) -> Tensor:
        """[96, harmonies * 96]: from each row struck, to each row below it."""
        kernels = functional.embedding(self._interval, self.harmony) * self._below[..., None]
        return kernels.transpose(1, 2).flatten(1)

    def harmony_scores(self, harmonies: Tensor, states: Tensor, chosen: Tensor) -> Tensor:
        """What a column's notes so far, chosen [m, 96], add to the scores [m, 97]; states: [m, state]."""
        seen = (chosen @ harmonies).view(len(chosen), -1, SIDE)
        rows = (seen * (1 + self.harmony_gates(states))[:, :, None]).sum(1)
        count = chosen.sum(1).long().clamp(max=MOST_STRUCK)
        return torch.cat([rows, self.stop_after(count)], 1)

    def length_scores(self, states: Tensor, heard: Tensor, row: Tensor, last: Tensor) -> Tensor:
        """Scores [m, 96] of lengths 1..96 of notes at `row`, after a note of length `last` (0: none) in the column."""
        seen = self.state_length(torch.cat([states, heard], 1))
        scores: Tensor = self.length(functional.relu(seen + self.row_length(row) + self.last_length(last)))
        return scores

    def nats(self, notes: Notes, z: Tensor, semitones: Tensor) -> Tensor:
        """-log p(window | z) in nats [n], of each of the n windows whose notes they are; z: [n, latent].

        Of windows' first k steps it is that of all windows which begin so. semitones: how far each window was
        transposed, int64 [n], so that it is learnt in its own register too.
        """
        return self._nats(notes, *self._scores_of_empty_columns(notes, z, semitones))

    def nats_at(self, notes: Notes, z: Tensor) -> Tensor:
        """As `nats`, of one untransposed window at each of the positions z [n, latent]: what is heard is heard once."""
        untransposed = torch.zeros(len(z), dtype=torch.int64)
        states, heard, first = self._scores_of_empty_columns(notes, z, untransposed)
        return self._nats(notes.times(len(z)), states, heard.expand(len(z), -1, -1, -1), first)

    def _nats(self, notes: Notes, states: Tensor, heard: Tensor, first: Tensor) -> Tensor:
        count, notes = len(notes.row), notes.padded()
        spot = notes.window * notes.steps + notes.step
        # Is the next note in the same column?
        same = functional.pad(spot[1:count] == spot[: count - 1], (0, len(spot) - count + 1))
        begins = notes.struck.transpose(1, 2).flatten(0, 1)
        target = torch.where(begins.any(1), begins.argmax(1), STOP)
        of_columns = functional.cross_entropy(first, target, reduction="none").view(len(states), notes.steps).sum(1)
        if count == 0:
            return of_columns
        # By embedding, not by indexing: the gradient of that is summed in no fixed order when there are many threads.
        of_notes = functional.embedding(spot, states.flatten(0, 1))
        scores = self._scores_after_notes(notes, spot, of_notes, first)
        target = torch.where(same, notes.row.roll(-1), STOP)
        after = functional.cross_entropy(scores, target, reduction="none")
        last = torch.where(same, notes.length, 0).roll(1)
        near = heard[notes.window, notes.row, notes.step]
        lengths = self.length_scores(of_notes, near, notes.row, last).log_softmax(1)
        exactly = lengths.gather(1, notes.length[:, None] - 1)[:, 0]
        # A note that reaches the last step lasts at least so long: the sum over all longer ones.
        longer = lengths.masked_fill(torch.arange(SIDE) < notes.length[:, None] - 1, -torch.inf).logsumexp(1)
        after = after - torch.where(notes.step + notes.length == notes.steps, longer, exactly)
        return of_columns.index_add(0, notes.window[:count], after[:count])

    def scores(self, notes: Notes, z: Tensor) -> Tensor:
        """Scores [m, 97] of rows and of stopping at every decision that writing untransposed windows takes: one in each
        still empty column, then one after each note.
        """
        untransposed = torch.zeros(len(z), dtype=torch.int64)
        states, _, first = self._scores_of_empty_columns(notes, z, untransposed)
        spot = notes.window * notes.steps + notes.step
        return torch.cat([first, self._scores_after_notes(notes, spot, states.flatten(0, 1)[spot], first)])

    def _scores_after_notes(self, notes: Notes, spot: Tensor, states: Tensor, first: Tensor) -> Tensor:
        """Scores [notes, 97]; spot: each note's column among all, whose states are `states`, and its scores `first`."""
        so_far = torch.arange(SIDE) <= notes.row[:, None]
        chosen = notes.struck.transpose(1, 2).flatten(0, 1)[spot] * so_far
        scores = functional.embedding(spot, first) + self.harmony_scores(self.harmonies(), states, chosen)
        return scores.masked_fill(functional.pad(so_far, (0, 1)), -torch.inf)

    def _scores_of_empty_columns(self, notes: Notes, z: Tensor, semitones: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        struck, held = self._overheard(notes)
        far = [_later(struck, 1), held, *(_later(struck, lag) for lag in FAR_LAGS)]
        past = torch.cat(far, 1).transpose(1, 2)
        states, _ = self.states(past, z, slice(0, notes.steps), self.first_state(z).tanh()[None])
        states = functional.dropout(states, self.dropout, self.training)
        lit_before = _later(notes.struck + notes.held, 1)
        lags = (_later(struck, lag) for lag in NEAR_LAGS)
        ever = _later(struck, 1).cummax(2).values
        trace = struck @ self._fades[: notes.steps, : notes.steps]
        near = torch.stack([held, _later(struck + held, 1), ever, trace, *lags], 1)
        heard = self.near(near.contiguous(memory_format=torch.channels_last)).permute(0, 2, 3, 1)  # twice as fast
        scores = self.row_scores(states, heard, z, semitones, slice(0, notes.steps))
        scores = scores.masked_fill(functional.pad(lit_before, (0, 0, 0, 1)).transpose(1, 2) > 0, -torch.inf)
        return states, heard, scores.flatten(0, 1)

    def _overheard(self, notes: Notes) -> tuple[Tensor, Tensor]:
        """What was struck and held before, as it is heard: in training without some of the notes, of one window more
        than of another, a share of `dropout` on average (word dropout: Bowman et al., 2016).

        A decoder that has only ever heard whole music takes a voice that it left out once for gone: what it writes
        would get thinner from beat to beat.
        """
        if not self.training:
            return notes.struck, notes.held
        missed = torch.rand(notes.struck.shape) < 2 * self.dropout * torch.rand(len(notes.struck), 1, 1)
        began = torch.where(notes.struck > 0, torch.arange(notes.steps), 0).cummax(2).values
        heard = ~missed.gather(2, began)
        return notes.struck * heard, notes.held * heard


def _later(planes: Tensor, steps: int) -> Tensor:
    """Planes [n, 96, k] moved later by `steps`: what was there so many steps ago."""
    return functional.pad(planes, (steps, 0))[:, :, : planes.shape[2]]
