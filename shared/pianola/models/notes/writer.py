"""Writing: windows from a decoder of notes, by dice, decision after decision."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pianola.codec.window import SIDE
from pianola.models.notes.decoder import FADES_TO, FAR_LAGS, MOST_AGO, NEAR_LAGS, SPAN, STOP, NoteDecoder, Notes
from pianola.models.notes.dice import MOST_STRUCK, Dice, writable
from pianola.models.windows import Floats, Windows

# Whatever may be written at all has at least this chance: so there are dice for every window, whatever its likelihood,
# that no rounding changes. About one window in 100,000 has a decision that is owed to it.
FAINTEST = 1e-10
# Windows that are written together.
MOST_AT_ONCE = 64
# Dice found for a decision keep this share of its chance away from the decisions next to it.
APART = 0.01


@dataclass(frozen=True)
class Given:
    """The first columns of windows, which are not to be written but kept.

    struck: bool [columns, n, 96]; length: int64 [columns, n, 96] of what is struck, at least, where it sounds until the
    columns' end, else exactly.
    """

    struck: Tensor
    length: Tensor

    @classmethod
    def of(cls, opening: Windows) -> Given:
        """Those of windows [n, 96, columns]."""
        n, _, columns = opening.shape
        notes = Notes.of(functional.pad(torch.from_numpy(opening).float(), (0, SIDE - columns)))
        length = torch.zeros(SIDE, n, SIDE, dtype=torch.int64)
        length[notes.step, notes.window, notes.row] = notes.length
        length = length[:columns]
        return cls(length > 0, length)

    def lasts(self, step: int) -> tuple[Tensor, Tensor]:
        """The shortest and the longest that each note of a column may be, [n, 96]."""
        shortest = self.length[step]
        until_end = shortest == len(self.length) - step
        return shortest, torch.where(until_end, SIDE, shortest)


@dataclass(frozen=True)
class Column:
    """What the decisions of one column have in common.

    dice: [n, MOST_STRUCK, 2], of decisions that were given: in place of the ones there, those that take them.
    states [n, state], heard [n, 96, kernels], scores [n, 97] of the empty column.
    """

    step: int
    dice: Tensor
    states: Tensor
    heard: Tensor
    scores: Tensor
    given: Given | None


class NoteWriter:
    """Writes windows with a decoder."""

    def __init__(self, decoder: NoteDecoder) -> None:
        # In double precision the last bits, which depend on how many are written at once, decide nothing.
        self._decoder = decoder.double().eval()

    def write(
        self, z: Floats, threshold: float, temperature: float, dice: Dice, opening: Windows | None = None
    ) -> Windows:
        """Windows [n, 96, 96] at positions z [n, latent], by dice [n, 96, MOST_STRUCK, 2].

        Stopping's odds are multiplied by the threshold's, so that 0.5 writes as learnt and a higher one writes less.
        The temperature divides the scores of rows among themselves: it decides which, not how many.

        opening: [n, 96, k], the first k columns: they are kept as they are, and what follows goes on from them. A note
        that sounds until the opening's end lasts at least so long: its length is drawn, by its own dice, from those
        that are. Of a column with more than MOST_STRUCK notes, the lowest beyond them end with the opening.
        """
        return self._write(z, threshold, temperature, dice.copy(), opening)

    def dice_that_write(self, windows: Windows, z: Floats, threshold: float, temperature: float, dice: Dice) -> Dice:
        """Dice by which `write` writes these windows at these positions.

        Each decision's die is where `dice` has it, as a share of the decision's chance: from even dice come even ones.
        Decisions that are not taken keep theirs. Of a column with more than MOST_STRUCK notes the lowest are left out.
        """
        found = dice.copy()
        self._write(z, threshold, temperature, found, writable(windows))
        return found

    def _write(self, z: Floats, threshold: float, temperature: float, dice: Dice, opening: Windows | None) -> Windows:
        windows = np.zeros((len(z), SIDE, SIDE), np.uint8)
        for first in range(0, len(z), MOST_AT_ONCE):
            part = slice(first, first + MOST_AT_ONCE)
            given = None if opening is None else Given.of(opening[part])
            windows[part] = self._write_together(z[part], threshold, temperature, torch.from_numpy(dice[part]), given)
        return windows

    @torch.inference_mode()
    def _write_together(
        self, position: Floats, threshold: float, temperature: float, dice: Tensor, given: Given | None
    ) -> Windows:
        decoder, n = self._decoder, len(position)
        z = torch.from_numpy(position).to(decoder.rows.weight.dtype)
        # By step first, so that one step is one block of memory. Before the window nothing sounds.
        struck = z.new_zeros(SIDE + MOST_AGO, n, SIDE)
        lit = z.new_zeros(SIDE + 1, n, SIDE)
        ever, trace = z.new_zeros(n, SIDE), z.new_zeros(n, SIDE)  # what was struck before, for good and fading
        left = torch.zeros(n, SIDE, dtype=torch.int64)  # steps that a sounding note still has
        harmonies = decoder.harmonies()
        untransposed = torch.zeros(n, dtype=torch.int64)
        state = decoder.first_state(z).tanh()[None]
        reluctance = math.log(threshold / (1 - threshold))
        for step in range(SIDE):
            ago = {lag: struck[MOST_AGO + step - lag] for lag in NEAR_LAGS}
            held = (left > 0).to(z.dtype)
            past = torch.cat([ago[1], held, *(ago[lag] for lag in FAR_LAGS)], 1)[:, None]
            states, state = decoder.states(past, z, slice(step, step + 1), state)
            heard = hear(decoder, torch.stack([held, lit[step], ever, trace, *ago.values()], 1))
            scores = decoder.row_scores(states, heard[:, :, None], z, untransposed, slice(step, step + 1))[:, 0]
            scores = scores.masked_fill(functional.pad(lit[step], (0, 1)) > 0, -torch.inf)
            scores[:, STOP] += reluctance
            known = given if given is not None and step < len(given.struck) else None
            column = Column(step, dice[:, step], states[:, 0], heard, scores, known)
            now = struck[MOST_AGO + step]
            self._write_column(harmonies, column, temperature, now, left)
            ever = torch.maximum(ever, now)
            trace = FADES_TO * trace + now
            lit[step + 1] = left > 0
            left = (left - 1).clamp(min=0)
        return lit[1:].permute(1, 2, 0).to(torch.uint8).numpy()

    def _write_column(
        self, harmonies: Tensor, column: Column, temperature: float, struck: Tensor, left: Tensor
    ) -> None:
        """Strike the notes of one column of all windows: marks struck [n, 96] and puts their lengths into left."""
        decoder, given = self._decoder, column.given
        at = torch.arange(len(struck))
        last = torch.zeros(len(struck), dtype=torch.int64)
        now = column.scores
        for turn in range(MOST_STRUCK):
            row = None if given is None else _next(given.struck[column.step] & (struck == 0))[at]
            row = _cast(_tempered(now, temperature), column.dice, at, turn, 0, row, row)
            going = row < STOP
            if not going.any():
                return
            at, row, last = at[going], row[going], last[going]
            shortest, longest = (None, None) if given is None else given.lasts(column.step)
            lengths = decoder.length_scores(column.states[at], column.heard[at, row], row, last)
            least, most = (None if bound is None else bound[at, row] - 1 for bound in (shortest, longest))
            last = 1 + _cast(lengths, column.dice, at, turn, 1, least, most)
            struck[at, row] = 1
            left[at, row] = last
            now = column.scores[at] + decoder.harmony_scores(harmonies, column.states[at], struck[at])
            now = now.masked_fill(functional.pad(torch.arange(SIDE) <= row[:, None], (0, 1)), -torch.inf)
        if given is not None:
            more = given.struck[column.step] & (struck == 0)
            struck[more] = 1
            left[more] = given.length[column.step][more]


def hear(decoder: NoteDecoder, near: Tensor) -> Tensor:
    """What decoder.near makes of planes [n, planes, 96] of one step, [n, 96, kernels]; visits lit rows only."""
    window, plane, row = near.nonzero(as_tuple=True)
    reach = 2 * SPAN + 1
    kernels = decoder.near.weight[..., 0].permute(1, 2, 0).flip(1)  # [planes, reach, kernels]
    heard = near.new_zeros(len(near) * (SIDE + 2 * SPAN), kernels.shape[2])
    place = (window * (SIDE + 2 * SPAN) + row)[:, None] + torch.arange(reach)
    parts = kernels[plane] * near[window, plane, row][:, None, None]
    heard.index_add_(0, place.flatten(), parts.flatten(0, 1))
    bias = decoder.near.bias if decoder.near.bias is not None else 0.0
    return heard.view(len(near), SIDE + 2 * SPAN, -1)[:, SPAN:-SPAN] + bias


def _next(struck: Tensor) -> Tensor:
    """The highest of the rows left to strike [n, 96], or STOP where there is none: [n]."""
    return torch.where(struck.any(1), struck.int().argmax(1), STOP)


def _tempered(scores: Tensor, temperature: float) -> Tensor:
    """Scores [m, 97] at a temperature that leaves the chance of stopping, the last, as it is."""
    if temperature == 1:
        return scores
    rows = scores[:, :STOP]
    # No row may be left to strike.
    among = (rows / temperature).log_softmax(1).nan_to_num(nan=-torch.inf, neginf=-torch.inf)
    return torch.cat([rows.logsumexp(1, keepdim=True) + among, scores[:, STOP:]], 1)


def _cast(
    scores: Tensor, dice: Tensor, at: Tensor, turn: int, kind: int, least: Tensor | None, most: Tensor | None
) -> Tensor:
    """A choice for each row of scores [m, k], by the inverse of its cumulated probabilities at the dice in 0..1 of
    windows `at` [m].

    least, most: bounds of the choice where it is given; the dice are then put between them.
    """
    die = dice[at, turn, kind]
    chances = torch.where(scores > -torch.inf, scores.softmax(1).clamp(min=FAINTEST), 0.0)
    sums = chances.cumsum(1)
    sums = sums / sums[:, -1:]
    if least is None or most is None:
        return (sums <= die[:, None]).sum(1).clamp(max=scores.shape[1] - 1)
    below = functional.pad(sums, (1, 0))
    begin, end = below.gather(1, least[:, None])[:, 0], below.gather(1, most[:, None] + 1)[:, 0]
    die = begin + (end - begin) * (APART + (1 - 2 * APART) * die)
    dice[at, turn, kind] = die
    return torch.minimum(torch.maximum((sums <= die[:, None]).sum(1), least), most)
