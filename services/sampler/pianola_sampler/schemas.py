"""What the sampler takes and answers."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pianola.codec.window import STEPS_PER_QUARTER
from pianola_sampler.negotiation import Form

LARGEST_SEED: Final = 2**53 - 1
"""The largest whole number that every JSON reader keeps."""
MOST_WINDOWS: Final = 64


class NewSample(BaseModel):
    """What to draw, and how a MIDI file of it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    n: int = Field(1, ge=1, le=MOST_WINDOWS, description="windows to draw; each is 8 quarter notes")
    seed: int | None = Field(
        None, ge=0, le=LARGEST_SEED, description="same seed, same windows; without one it is drawn and answered"
    )
    threshold: float | None = Field(
        None, gt=0, lt=1, description="where lit begins: higher gives fewer notes; the model's own if not given"
    )
    tempo: float = Field(120, ge=20, le=300, description="quarter notes a minute in MIDI, WAV and MusicXML")
    numerator: int = Field(4, ge=1, le=32, description="of the time signature in MIDI, WAV and MusicXML")
    denominator: Literal[1, 2, 4, 8, 16, 32] = Field(4, description="of the time signature in MIDI, WAV and MusicXML")
    program: int = Field(0, ge=0, le=127, description="instrument in MIDI, WAV and MusicXML; 0 is a grand piano")


class NewSampleQuery(BaseModel):
    """In which form the answer is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Form | None = Field(None, description="instead of Accept")


class SampleQuery(NewSampleQuery):
    """In which form the answer is wanted, and what of it."""

    window: int | None = Field(None, ge=0, lt=MOST_WINDOWS, description="index of one window; all of them if not given")


class Options(BaseModel):
    """What a sample was drawn and is written with."""

    threshold: float
    tempo: float
    numerator: int
    denominator: int
    program: int


class Note(BaseModel):
    """A note: MIDI pitch; start and length in steps, in beats (quarter notes) and in seconds at the sample's tempo."""

    pitch: int
    start: int
    length: int
    start_beats: float
    length_beats: float
    start_seconds: float
    length_seconds: float


class Window(BaseModel):
    """One generated window: its position in the latent space, and its notes."""

    index: int
    z: list[float]
    notes: list[Note]
    empty: bool


class Sample(BaseModel):
    """Generated windows with everything needed to make them again."""

    id: str
    model: str = Field(description="the name, or the digest, that was asked for")
    checkpoint: str = Field(description="sha256 of the generating half that played")
    family: str
    seed: int
    n: int
    options: Options
    windows: list[Window]
    steps_per_quarter: int = STEPS_PER_QUARTER
    created_at: datetime
