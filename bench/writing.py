"""Writing windows from the `vae` preset `default`: a position to a window, by the compiled writer and by torch.

    python bench/writing.py [--quick]

One thread and processor seconds, which a busy machine changes least; one window at a time, as for a lone listener, and
64 together. The decoder is a new one that writes about as many notes as real music has. Holds when the compiled writer
is at least 10 times as fast for one window.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from common import arguments, report

from pianola.models.notes import native
from pianola.models.notes.decoder import NoteDecoder
from pianola.models.notes.dice import dice_of
from pianola.models.notes.native import Sizes, Writer, writer_of
from pianola.models.presets import find_preset

GOAL = 10.0
DENSITY = 0.03
TOGETHER = 64


def decoder() -> tuple[Sizes, dict[str, np.ndarray]]:
    """Sizes and weights of a new decoder of the default preset."""
    network = find_preset("vae", "default").network
    sizes = Sizes(**{name: network[name] for name in Sizes._fields})
    torch.manual_seed(0)
    notes = NoteDecoder(**sizes._asdict(), dropout=0.0)
    notes.expect(DENSITY)
    return sizes, {name: value.numpy() for name, value in notes.state_dict().items()}


def writers() -> dict[str, Writer]:
    """The compiled one, where there is one, and torch's."""
    found, compiled = {}, native.module
    if compiled is None:
        print("installed without a C compiler: there is no compiled writer to measure")
    else:
        found["compiled"] = writer_of(*decoder())
    native.module = None
    return found | {"torch": writer_of(*decoder())}


def processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parsed = arguments(__doc__ or "")
    torch.set_num_threads(1)
    z = np.random.default_rng(0).standard_normal((TOGETHER, decoder()[0].latent)).astype(np.float32)
    contenders, taken = writers(), {}
    for count, rounds in ((1, 9 if parsed.quick else 41), (TOGETHER, 3 if parsed.quick else 9)):
        given = z[:count], 0.5, 1.0, dice_of(z[:count])
        turns = {name: partial(writer.write, *given) for name, writer in contenders.items()}
        found = [{name: processor_seconds(turn) for name, turn in turns.items()} for _ in range(rounds)]
        for name in turns:
            taken[name, count] = statistics.median(each[name] for each in found) / count
            print(f"{name:10s}{count:4d} at once: {1000 * taken[name, count]:8.2f} ms a window")
    report("writing", "torch", taken["torch", 1] / next(iter(taken.values())), GOAL)


if __name__ == "__main__":
    main()
