"""Music that goes on from what was played: how likely a beginning is."""

import pytest
import torch

from pianola.models.note_decoder import NoteDecoder, Notes

from .music import Note, window


def decoder() -> NoteDecoder:
    torch.manual_seed(0)
    network = NoteDecoder(latent=4, state=32, kernels=4, harmonies=2, registers=2, dropout=0.0)
    network.expect(0.02)
    with torch.no_grad():
        network.stop_after.weight[1:] = 100  # one note in a column is enough here
    return network


@torch.no_grad()
def chance(network: NoteDecoder, begun: list[torch.Tensor]) -> float:
    untransposed = torch.zeros(len(begun), dtype=torch.int64)
    nats = network.nats(Notes.of(torch.stack(begun)), torch.ones(len(begun), 4), untransposed)
    return float((-nats.double()).exp().sum())


@pytest.mark.parametrize("length", [3, 5])
def test_a_beginning_is_as_likely_as_all_windows_that_begin_so(length: int) -> None:
    """A note ends before the beginning does, or it sounds until there: then it may end or go on."""
    network = decoder()
    before: tuple[Note, ...] = ((60, 40, 9), (64, 90, length))
    free = [pitch for pitch in range(17, 113) if pitch != 64 or length < 4]
    ends = [before, (before[0], (64, 90, 6))][: 1 if length < 5 else 2]
    windows = [window(*end, *more) for end in ends for more in [(), *(((pitch, 95, 1),) for pitch in free)]]
    assert chance(network, [window(*before)[:, :95]]) == pytest.approx(chance(network, windows), rel=1e-4)
