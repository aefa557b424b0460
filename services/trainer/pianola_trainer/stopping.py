"""What ends a run before its time, told from the points of its series alone: a resumed run ends where it would have."""

from collections.abc import Sequence
from typing import Final

from pianola.records.best import SAMPLE_DENSITY
from pianola.records.tables import Metric
from pianola_trainer.errors import Collapsed

SILENT: Final = 0.1
"""What is played counts as silent under this share of the data's density."""


def is_exhausted(losses: Sequence[float], patience: int | None) -> bool:
    """Whether none of the last `patience` held-out losses is lower than the lowest before them."""
    if patience is None or not losses:
        return False
    return len(losses) - 1 - losses.index(min(losses)) >= patience


def check_sound(points: Sequence[Metric], density: float, most: int) -> None:
    """Raise Collapsed where each of the last `most` points that played was silent; density: that of the data."""
    played = [point for point in points if SAMPLE_DENSITY in point.values]
    good = [point.step for point in played if point.values[SAMPLE_DENSITY] >= SILENT * density]
    silent = [point for point in played[-most:] if point.step not in good]
    if len(silent) == most:
        heard = [(point.step, float(point.values[SAMPLE_DENSITY])) for point in silent]
        raise Collapsed(heard, density, good[-1] if good else None)
