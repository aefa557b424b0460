"""The compiled writer of notes: see shared/native/writer/writer.h and native.py."""

import numpy as np
import numpy.typing as npt

def write(
    sizes: tuple[int, int, int, int, int],
    weights: npt.NDArray[np.float32],
    positions: npt.NDArray[np.float32],
    reluctance: float,
    temperature: float,
    dice: npt.NDArray[np.float64],
    opening: npt.NDArray[np.uint8],
    columns: int,
    count: int,
    windows: npt.NDArray[np.uint8],
    /,
) -> None:
    """Fill `windows` [count, 96, 96], and put the dice of the first `columns` where they write `opening`.

    Raises ValueError where the arrays are not of the sizes that go together.
    """
