"""Small decoders of notes, what writes with them, and where."""

import numpy as np
import torch

from pianola.models.notes.decoder import STOP, NoteDecoder
from pianola.models.notes.dice import Dice, dice_of
from pianola.models.notes.native import CompiledWriter, Sizes, Writer, writer_of
from pianola.models.windows import Floats

SIZES = Sizes(latent=4, state=32, kernels=4, harmonies=2, registers=2)


def decoder(seed: int = 0) -> NoteDecoder:
    torch.manual_seed(seed)
    network = NoteDecoder(**SIZES._asdict(), dropout=0.0)
    network.expect(0.02)
    return network


def busy(seed: int) -> NoteDecoder:
    """A decoder of chance that writes many notes, with as many weights as make it choose."""
    network = decoder(seed)
    with torch.no_grad():
        network.rows.bias[STOP] -= 2
        for weight in (network.harmony, network.stop_after.weight):
            weight.normal_(0, 0.5)
    return network


def at_random(n: int, seed: int) -> tuple[Floats, Dice]:
    z = np.random.default_rng(seed).standard_normal((n, 4)).astype(np.float32)
    return z, dice_of(z)


def tensors(network: NoteDecoder) -> dict[str, Floats]:
    return {name: value.numpy() for name, value in network.float().state_dict().items()}


def compiled(network: NoteDecoder) -> Writer:
    """What writes with these weights where there is a compiler: here there is one, as there is for the codec."""
    writer = writer_of(SIZES, tensors(network))
    assert isinstance(writer, CompiledWriter)
    return writer
