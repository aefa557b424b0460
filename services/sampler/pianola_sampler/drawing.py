"""From a sample's row to its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pianola.records.tables import Checkpoint, Sample
from pianola_sampler.admission import Deadline
from pianola_sampler.context import Context
from pianola_sampler.decoder import Positions, Rolls, Task
from pianola_sampler.generators import Source

# In measures: digests are too many to be names there.
_BY_DIGEST = "by digest"


@dataclass(frozen=True)
class Drawn:
    """Windows of a sample: their indices in it, positions z float32 [n, d], and rolls uint8 [n, 96, 96]."""

    family: str
    lowest_pitch: int
    threshold: float
    indices: Sequence[int]
    z: Positions
    windows: Rolls


def draw(context: Context, sample: Sample, checkpoint: Checkpoint, indices: Sequence[int], deadline: Deadline) -> Drawn:
    """The windows `indices` of a sample.

    Raises DeadlinePassed, ObjectMissing, ObjectCorrupt, StoreUnavailable, NotAGenerator.
    """
    source = Source(checkpoint.generator_key, checkpoint.generator_digest, checkpoint.generator_size)
    generator = context.generators.get(source, deadline)
    z = np.stack([generator.draw(sample.seed, index) for index in indices])
    asked = sample.options["threshold"]
    threshold = generator.threshold if asked is None else float(asked)
    model = _BY_DIGEST if sample.model in (checkpoint.digest, checkpoint.generator_digest) else sample.model
    windows = context.decoder.decode(Task(generator, model, z, threshold), deadline)
    context.measures.windows.inc(len(indices))
    return Drawn(generator.family, generator.lowest_pitch, threshold, indices, z, windows)
