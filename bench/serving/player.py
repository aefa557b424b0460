"""What the rivals serve: the very generator that the sampler plays, from seeds to MIDI files."""

import os
import site
from collections.abc import Sequence
from pathlib import Path

# Pianola and torch are those of the project, behind what the rivals need themselves.
site.addsitedir(os.environ["PIANOLA_PACKAGES"])

import numpy as np
import torch

from pianola.codec.roll import decode_notes
from pianola.codec.writer import MidiOptions, write_midi
from pianola.models.registry import load_generator


class Player:
    """A generator's file, and a thread of torch as the sampler has."""

    def __init__(self, file: Path) -> None:
        torch.set_num_threads(1)
        self._generator = load_generator(file.read_bytes())

    def play(self, seeds: Sequence[int]) -> list[bytes]:
        """The first window of each seed as a MIDI file, all of them decoded as one batch."""
        generator = self._generator
        windows = generator.windows(np.stack([generator.draw(seed, 0) for seed in seeds]))
        options = MidiOptions(tempo=120, numerator=4, denominator=4, program=0, track_name="bench")
        notes = (decode_notes(windows[place : place + 1], generator.lowest_pitch) for place in range(len(windows)))
        return [write_midi(each, options) for each in notes]
