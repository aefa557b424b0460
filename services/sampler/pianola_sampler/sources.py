"""Music that somebody brings: a window or more of an uploaded MIDI file, or of a sample that was drawn before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy.orm import Session

from pianola.codec.options import CodecOptions
from pianola.codec.reader import Limits
from pianola.codec.roll import decode_notes
from pianola.codec.verdict import Verdict, judge
from pianola.codec.window import SIDE
from pianola.codec.windows import unpack
from pianola.dataset.options import DatasetOptions
from pianola.records import runs, samples
from pianola.records.tables import Checkpoint, Dataset, Run
from pianola_sampler.admission import Deadline
from pianola_sampler.composing import listed
from pianola_sampler.context import here
from pianola_sampler.ends import NoSuchWindow
from pianola_sampler.samples import windows_of
from pianola_sampler.schemas import MOST_MIDI_BYTES, End, Like
from pianola_sampler.tasks import Rolls

# The largest of 2,348 real files has 280 KB, and their reading takes milliseconds. A file of strangers is read here in
# the sampler's process, one at a time, by a reader that is held to any bytes.
LIMITS: Final = Limits(bytes=MOST_MIDI_BYTES)


class UnreadableSource(ValueError):
    """A MIDI file that the codec refuses."""

    def __init__(self, field: str, verdict: Verdict) -> None:
        super().__init__(f"the MIDI file is refused: {verdict.reason} ({verdict.code}, at byte {verdict.offset})")
        told = {"field": field, "message": str(verdict.reason), "code": verdict.code, "offset": verdict.offset}
        self.errors = [told]


@dataclass(frozen=True)
class Source:
    """Consecutive windows as a recipe keeps them, so that they can be forgotten wherever they came from.

    notes: of each window pitch, first step and length. name, sha256: of a file; sample: the id of a sample.
    """

    notes: list[list[list[int]]]
    window: int
    of: int
    name: str | None = None
    sha256: str | None = None
    sample: str | None = None

    def json(self) -> dict[str, Any]:
        """As it is in a recipe's options."""
        return dict(vars(self))


def source_of(field: str, asked: Like | End, checkpoint: Checkpoint, most: int, deadline: Deadline) -> Source:
    """The windows that the request's `field` asks for, at most so many, as the checkpoint's data were made.

    Raises NotFound, UnreadableSource, NoSuchWindow, and what drawing does.
    """
    with here().records.read() as session:
        codec = _codec(session, checkpoint)
        if asked.sample is not None:
            row = samples.get(session, asked.sample)
            recipe, of = samples.recipe_of(row), runs.checkpoint(session, row.checkpoint)
    # The records are closed again: what follows may take long.
    if asked.sample is None:
        return _of_file(field, asked, codec, most, deadline)
    chosen = _chosen(field, asked, recipe.n, most)
    drawn = windows_of(recipe, of, chosen, deadline)
    notes = _notes(drawn.windows, drawn.lowest_pitch)
    kept = [[note for note in window if 0 <= note[0] - codec.lowest_pitch < SIDE] for window in notes]
    return Source(kept, asked.window, recipe.n, sample=recipe.id)


def _codec(session: Session, checkpoint: Checkpoint) -> CodecOptions:
    """How the windows that the model learnt from were made; nothing that somebody brings is filtered or cut off."""
    run = session.get_one(Run, checkpoint.run_id)
    options = DatasetOptions.from_json(session.get_one(Dataset, run.dataset_id).options).codec
    return replace(options, hop=SIDE, metres=(), least_notes=0, velocity=False, partial="pad")


def _of_file(field: str, asked: Like | End, codec: CodecOptions, most: int, deadline: Deadline) -> Source:
    data = asked.data
    with deadline.holding(here().reading):
        verdict, windows = judge(data, codec, LIMITS)
    if not verdict.accepted:
        raise UnreadableSource(f"{field}.midi", verdict)
    chosen = _chosen(field, asked, len(windows), most)
    rolls = unpack(windows.lit[chosen.start : chosen.stop])
    sha256 = hashlib.sha256(data).hexdigest()
    return Source(_notes(rolls, codec.lowest_pitch), asked.window, len(windows), asked.name, sha256)


def _chosen(field: str, asked: Like | End, of: int, most: int) -> range:
    if asked.window >= of:
        raise NoSuchWindow(asked.window, of, f"{field}.window", "the sample" if asked.sample else "the file")
    return range(asked.window, min(of, asked.window + most))


def _notes(rolls: Rolls, lowest_pitch: int) -> list[list[list[int]]]:
    return [listed(decode_notes(roll[None], lowest_pitch)) for roll in rolls]
