"""Rows as likely at a temperature as they were learnt."""

import math

import pytest
import torch
from torch import Tensor

from pianola.codec.window import SIDE
from pianola.models.notes.decoder import STOP, NoteDecoder, Notes
from pianola.models.notes.tilt import LEAST, TELLING, match_rows, nudge

from .music import batch

COOL = 0.7


def decoder() -> NoteDecoder:
    torch.manual_seed(0)
    made = NoteDecoder(latent=4, state=8, kernels=2, harmonies=2, registers=2, dropout=0.0)
    made.expect(0.03)
    with torch.no_grad():
        made.rows.bias[:STOP] = torch.linspace(-6, 4, SIDE)  # rows as unequal as a real corpus's
    return made.eval()


def shares(of: NoteDecoder, music: list[tuple[Notes, Tensor]], temperature: float) -> Tensor:
    """What is expected of each row [96], as the writer's temperature has it: stopping is as likely as ever."""
    total = torch.zeros(SIDE)
    with torch.inference_mode():
        for notes, z in music:
            scores = of.scores(notes, z)
            scores = scores[scores[:, :STOP].isfinite().any(1)]
            among = (scores[:, :STOP] / temperature).softmax(1)
            total += (among * (1 - scores.softmax(1)[:, STOP:])).sum(0)
    return total / total.sum()


def test_a_cool_decoder_strikes_rows_as_often_as_it_learnt_to() -> None:
    one = decoder()
    windows = batch(12)
    music = [(Notes.of(windows[:, 0]), torch.randn(len(windows), 4, generator=torch.Generator().manual_seed(1)))]
    goal = shares(one, music, 1.0)
    cooled = shares(one, music, COOL)
    assert (cooled - goal).abs().max() > 0.01
    heard = torch.zeros(SIDE, dtype=torch.bool)
    heard[20], heard[80] = True, True
    added = match_rows(one, music, heard, COOL)
    assert not added[:20].any()
    assert not added[81:].any()
    with torch.no_grad():
        one.rows.bias[:STOP] += added
    found = shares(one, music, COOL)
    assert (found - goal)[20:81].abs().max() < 0.002
    rare = goal[20:81] < LEAST
    assert rare.any()
    assert found[20:81][rare].min() > LEAST / 2


def test_rows_that_are_heard_too_often_are_made_less_likely_and_rare_ones_are_left_alone() -> None:
    goal, played = torch.zeros(SIDE), torch.zeros(SIDE)
    goal[[10, 20, 30]] = torch.tensor([6000.0, 3999.0, 1.0])
    played[[10, 20]] = torch.tensor([300.0, 700.0])
    added = nudge(goal, played, 500, COOL)
    telling = TELLING / 500
    assert added[10].item() == pytest.approx(COOL * math.log((0.6 + telling) / (0.3 + telling)))
    assert added[20] < 0 < added[10]
    assert 0 < added[30] < 0.1, "one pixel in ten thousand that was not heard says next to nothing"
    others = torch.ones(SIDE, dtype=torch.bool)
    others[[10, 20, 30]] = False
    assert not added[others].any()
    assert nudge(goal, played, 1, COOL)[10] < added[10] / 2
    silent = nudge(goal, torch.zeros(SIDE), 500, COOL)
    assert silent.isfinite().all()
