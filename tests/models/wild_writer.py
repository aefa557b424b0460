"""Weights, dice and openings of any kind through a build of the compiled writer: see test_native.py.

python wild_writer.py LIBRARY       prints a digest of all that was written, and of the dice that write it
"""

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np

from pianola.models.notes.native import CompiledWriter, Sizes, shapes_of

WILD = (0.0, 1e-30, 1.0, -1.0, 50.0, 1e30, -1e30, np.inf, -np.inf, np.nan)


def main(library: Path) -> None:
    specification = importlib.util.spec_from_file_location("pianola.models.notes._writer", library)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    digest = hashlib.sha256()
    for seed in range(24):
        random = np.random.default_rng(seed)
        sizes = Sizes(*random.integers(1, 9, 5).tolist())
        scale = (0.1, 1.0, 10.0)[seed % 3]
        tensors = {
            name: (scale * random.standard_normal(shape)).astype(np.float32) for name, shape in shapes_of(sizes).items()
        }
        if seed % 2:
            for value in tensors.values():
                value[random.random(value.shape) < 0.01] = random.choice(WILD)
        writer = CompiledWriter(module, sizes, tensors)
        z = random.standard_normal((2, sizes.latent)).astype(np.float32)
        dice = random.random((2, 96, 16, 2))
        dice[random.random(dice.shape) < 0.05] = random.choice(WILD)
        opening = (random.random((2, 96, 4 * seed)) < (0.02, 0.5, 1.0)[seed % 3]).astype(np.uint8)
        written = writer.write(z, 0.5, (0.01, 1.0, 5.0)[seed % 3], dice, opening)
        assert np.array_equal(written[:, :, : 4 * seed], opening)
        digest.update(written)
        # What is no number has many forms.
        digest.update(np.nan_to_num(writer.dice_that_write(written, z, 0.5, 1.0, dice)))
    print(digest.hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
