"""Rows as likely as they were learnt, at any temperature, and heard as often as in the data.

A temperature below 1 makes what is likely anyway likelier: rare rows would hardly be struck any more. And what is
played goes on from what was played before, not from music: it strays, to some rows more than to others.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from pianola.codec.window import SIDE
from pianola.models.notes.decoder import STOP, NoteDecoder, Notes

ROUNDS = 4
# A row that has less than this share of the notes, among or between those that sound in the data, gets as much.
LEAST = 1e-4
# In logits, in a round.
FARTHEST = 2.0
# Rows with a share of the pixels below that of so many windows among all are too rare for what these say of them.
TELLING = 0.5


Music = Iterable[tuple[Notes, Tensor]]


def match_rows(decoder: NoteDecoder, music: Music, heard: Tensor, temperature: float) -> Tensor:
    """What to add to the scores of rows [96], so that each has the share of notes at a temperature that it has at 1.

    By iterative proportional fitting of what is expected, decision by decision, in given music: notes of windows and
    the positions z [n, latent] that they have. So there is no chance in it, as there would be in counting what is
    played. heard: bool [96], the rows that sound in the data; those beyond them stay as they are.
    """
    with torch.inference_mode():
        decisions = torch.cat([_to_strike(decoder.scores(notes, z)) for notes, z in music])
        rows, odds = decisions[:, :STOP], decisions[:, STOP:]
        lit = heard.nonzero().flatten()
        within = (torch.arange(SIDE) >= lit.min()) & (torch.arange(SIDE) <= lit.max())
        goal = _shares(rows, odds)
        goal = torch.where(within, goal.clamp(min=LEAST), goal)
        added = torch.zeros(SIDE)
        for _ in range(ROUNDS):
            short = (goal / _shares((rows + added) / temperature, odds)).log().clamp(-FARTHEST, FARTHEST)
            added += torch.where(within, temperature * short, 0.0)
        return added


def nudge(goal: Tensor, played: Tensor, windows: int, temperature: float) -> Tensor:
    """What more to add to the scores of rows [96], played so often where `goal` has others: lit pixels [96] of windows.

    The fewer windows there are, the less of it: what a handful play is chance.
    """
    wanted, found = (lit / lit.sum().clamp(min=1) + TELLING / windows for lit in (goal, played))
    return temperature * (wanted / found).log()


def _to_strike(scores: Tensor) -> Tensor:
    """Scores [m, 97] of which the last becomes the probability that any row is struck; decisions without choice go."""
    scores = scores[scores[:, :STOP].isfinite().any(1)]
    chance = (scores[:, :STOP].logsumexp(1) - scores[:, STOP]).sigmoid()
    return torch.cat([scores[:, :STOP], chance[:, None]], 1)


def _shares(rows: Tensor, odds: Tensor) -> Tensor:
    """Expected shares of the notes [96]; a little more than none, so that all have logarithms."""
    expected = (rows.softmax(1) * odds).sum(0) + 1e-9
    return expected / expected.sum()
