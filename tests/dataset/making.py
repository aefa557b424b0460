"""Windows to fill shards with: noise, and music that notes are drawn for."""

from collections.abc import Iterable

import numpy as np

from pianola.codec.window import Bytes
from pianola.codec.windows import Velocities, Windows, pack, run_begins


def noise(count: int, seed: int = 0, share: float = 0.5) -> Bytes:
    """Windows [count, 96, 96], so much of them lit."""
    return (np.random.default_rng(seed).random((count, 96, 96)) < share).astype(np.uint8)


def windows_of(lit: Bytes, seed: int = 0, hop: int = 96, velocity: bool = False, tempo: float | None = None) -> Windows:
    """A file's windows as the codec gives them, with tempi, metres and velocities drawn from the seed."""
    random = np.random.default_rng(seed)
    count = len(lit)
    tempi = random.uniform(20, 500, count) if tempo is None else np.full(count, tempo)
    metre = np.stack([random.choice([3, 4, 6], count), random.choice([4, 8], count)], axis=1)
    velocities = None
    if velocity:
        runs = run_begins(lit).sum(axis=(1, 2))
        velocities = Velocities(random.integers(1, 128, int(runs.sum())).astype(np.uint8), np.cumsum(runs))
    start = np.arange(count, dtype=np.int32) * hop
    return Windows(pack(lit), start, tempi.astype(np.float32), metre.astype(np.uint8), velocities)


def rolled(notes: Iterable[tuple[int, int, int]], hop: int = 96, shift: int = 0) -> Windows:
    """Windows of notes (row, first step, steps), cut after every `hop` steps; the roll begins `shift` steps in."""
    drawn = list(notes)
    end = shift + max(first + steps for _, first, steps in drawn)
    count = 1 + max(0, -(-(end - 96) // hop))
    roll = np.zeros((96, (count - 1) * hop + 96), np.uint8)
    for row, first, steps in drawn:
        roll[row, shift + first : shift + first + steps] = 1
    lit = np.stack([roll[:, first : first + 96] for first in range(0, count * hop, hop)])
    return windows_of(lit, hop=hop)
