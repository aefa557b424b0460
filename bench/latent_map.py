"""The map of a VAE's latent space: what is heard at the point of a window, and between windows.

    python bench/latent_map.py [--data FOLDER] [--size small] [--seconds 300] [--seed 0] [--threads 1] [--quick]

Trains the VAE for --seconds of processor time, makes the map of its training windows and plays points of it: of every
window (at most 500), and halfway between pairs of windows. Prints the share of the positions' variance that the map
shows; how far what is played lies from the window whose point it is and from another, drawn at random (1 - cosine of
how long each of the 96 pitches sounds); and how dense the data's posteriors are where a point between windows lies
(nats, median), by the map's way back and by the rival's, the plane alone. For comparison that of positions as samples
draw them.

The last line's ratio is how much farther the other window is than the point's own.
"""

from typing import Any, Final

import common
import numpy as np
from numpy.typing import NDArray
from pieces import trained
from windows import packed_windows

from pianola.codec.window import Bytes
from pianola.evaluation.plane import Plane
from pianola.models.conditions import Batch
from pianola.models.vae.learner import VaeLearner
from pianola_trainer.batches import evenly
from pianola_trainer.points import as_batch

MOST: Final = 500
GOAL: Final = 1.2

Floats = NDArray[np.floating[Any]]


def posteriors(learner: VaeLearner, batch: Batch) -> tuple[Floats, Floats]:
    """Means and deviations [n, latent]."""
    import torch

    with torch.inference_mode():
        mean, log_variance = learner.trainees[0].average.eval().posterior(*batch)
        return mean.numpy(), (0.5 * log_variance).exp().numpy()


def log_density(z: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Of positions z [m, d] under the mixture of posteriors [n, d], without the constant."""
    of_each = -0.5 * (((z[:, None] - mean) / deviation) ** 2).sum(2) - np.log(deviation).sum(1)
    largest = of_each.max(1)
    density: Floats = largest + np.log(np.exp(of_each - largest[:, None]).mean(1))
    return density


def unlike(some: Bytes, others: Bytes) -> Floats:
    """1 - cosine of how long each pitch sounds, window by window."""
    one, other = (windows.sum(2).astype(float) for windows in (some, others))
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    distance: Floats = 1 - (one * other).sum(1) / np.maximum(sizes, 1e-9)
    return distance


def main() -> None:
    given = common.arguments(
        __doc__ or "",
        size={"default": "small", "help": "data set"},
        seconds={"type": float, "default": 300.0, "help": "of processor time to train for"},
        seed={"type": int, "default": 0, "help": "of training and of what is compared"},
        threads={"type": int, "default": 1, "help": "CPU threads"},
    )
    windows = packed_windows(common.music(given.data, given.size))
    model, generator = trained(windows, 5.0 if given.quick else given.seconds, given.seed, given.threads)
    rows = evenly(model.sides.training, MOST)
    assert isinstance(model.learner, VaeLearner)
    mean, deviation = posteriors(model.learner, (as_batch(windows, rows), None))
    plane, music, chance = Plane.of(mean), windows.of(rows), np.random.default_rng(given.seed)
    points = plane.points(mean)
    played = generator.windows(plane.positions(points, mean).astype(np.float32))
    own, other = unlike(played, music), unlike(played, music[chance.permutation(len(rows))])
    print(f"{given.size}: {len(rows)} windows, {mean.shape[1]} dimensions; the map shows {sum(plane.shares):.0%}")
    print(f"played at a window's point: {np.median(own):.2f} from that window, {np.median(other):.2f} from another;")
    print(f"nearer to its own window than to the other: {(own < other).mean():.0%}")
    between = (points + points[chance.permutation(len(rows))]) / 2
    ways: dict[str, Floats] = {
        "as the map means them": plane.positions(between, mean),
        "on the plane alone": plane.middle + between @ plane.axes.T,
        "as samples draw them": generator.positions(given.seed, range(len(rows))),
    }
    for name, z in ways.items():
        lit = generator.windows(z.astype(np.float32)).mean() / music.mean()
        print(f"{name}: density {np.median(log_density(z, mean, deviation)):.1f} nats, {lit:.2f} times as much is lit")
    common.report("latent_map", "another window", float(np.median(other) / np.median(own)), GOAL)


if __name__ == "__main__":
    main()
