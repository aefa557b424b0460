"""What the sampler takes and answers."""

from base64 import b64decode
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pianola.codec.window import SIDE, STEPS_PER_QUARTER
from pianola.models.generator import HOTTEST
from pianola_sampler.negotiation import Form
from pianola_sampler.scales import PATTERN, Key

LARGEST_SEED: Final = 2**53 - 1
"""The largest whole number that every JSON reader keeps."""
MOST_WINDOWS: Final = 64
MOST_MIDI_BYTES: Final = 2**19
WINDOW_BEATS: Final = SIDE // STEPS_PER_QUARTER


# Beyond that no model has learnt anything, and float32 soon ends.
Position = Annotated[list[Annotated[float, Field(ge=-1000, le=1000)]], Field(min_length=1, max_length=4096)]
MapPlace = Annotated[list[Annotated[float, Field(ge=-1000, le=1000)]], Field(min_length=2, max_length=2)]
"""x and y of a point of a model's map."""


class Playing(BaseModel):
    """How positions are played, and written in forms that have a tempo, a metre and an instrument."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    threshold: float | None = Field(
        None, gt=0, lt=1, description="where lit begins: higher gives fewer notes; the model's own if not given"
    )
    temperature: float | None = Field(
        None,
        gt=0,
        le=HOTTEST,
        description="how freely a model that has one chooses pitches: higher is bolder; the model's own if not given",
    )
    label: str | None = Field(
        None,
        max_length=200,
        description="a value of the label field that the model was told; else it plays as for music that has none",
    )
    key: str | None = Field(
        None,
        description="snap every note to this key's scale, such as C major or F# minor",
        json_schema_extra={"pattern": f"^{PATTERN}$"},
    )
    attributes: dict[str, Annotated[float, Field(ge=-10, le=10)]] | None = Field(
        None,
        max_length=16,
        description="moves positions along the model's attribute directions, in the steps that its vectors tell",
        examples=[{"density": 1.0, "pitch": -0.5}],
    )
    tempo: float = Field(120, ge=20, le=300, description="quarter notes a minute in MIDI, WAV and MusicXML")
    numerator: int = Field(4, ge=1, le=32, description="of the time signature in MIDI and MusicXML")
    denominator: Literal[1, 2, 4, 8, 16, 32] = Field(4, description="of the time signature in MIDI and MusicXML")
    program: int = Field(
        0, ge=0, le=127, description="instrument in MIDI, WAV and MusicXML; 0 is a grand piano, as General MIDI has it"
    )

    @field_validator("key")
    @classmethod
    def _a_key(cls, value: str | None) -> str | None:
        if value is not None:
            Key.of(value)
        return value


class NewSample(Playing):
    """What to draw, and how it is played and written."""

    n: int = Field(1, ge=1, le=MOST_WINDOWS, description="windows to draw; each is 8 quarter notes")
    seed: int | None = Field(
        None, ge=0, le=LARGEST_SEED, description="same seed, same windows; without one it is drawn and answered"
    )
    z: list[Position] | None = Field(
        None, min_length=1, max_length=MOST_WINDOWS, description="positions to play, one a window, instead of a seed"
    )
    at: list[MapPlace] | None = Field(
        None,
        min_length=1,
        max_length=MOST_WINDOWS,
        description="points (x, y) of the model's map to play, one a window, instead of a seed",
    )

    @model_validator(mode="after")
    def _seed_or_positions(self) -> Self:
        if sum(given is not None for given in (self.seed, self.z, self.at)) > 1:
            raise ValueError("give one of a seed, positions z and points at of the map")
        for name, given in (("z", self.z), ("at", self.at)):
            if given is not None and "n" in self.model_fields_set and self.n != len(given):
                raise ValueError(f"{name} has {len(given)} positions, but n is {self.n}: leave n out")
        return self

    @property
    def windows(self) -> int:
        """How many are asked for."""
        return len(self.z or self.at or ()) or self.n


class Uploaded(BaseModel):
    """A window of a MIDI file, which is sent along."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    midi: str | None = Field(
        None,
        min_length=1,
        max_length=4 * MOST_MIDI_BYTES // 3 + 4,
        description=f"a MIDI file of at most {MOST_MIDI_BYTES} bytes, in base64",
        json_schema_extra={"contentEncoding": "base64", "contentMediaType": "audio/midi"},
    )
    name: str | None = Field(None, max_length=200, description="the file's name, kept to tell where music came from")

    @field_validator("midi")
    @classmethod
    def _base64(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                b64decode(value, validate=True)
            except ValueError as bad:
                raise ValueError(f"it is not base64 ({bad})") from bad
        return value

    @property
    def data(self) -> bytes:
        """The file; none at all where none was sent."""
        return b64decode(self.midi or "")


class Like(Uploaded):
    """Windows to play something like: of a MIDI file, or of a sample of any model."""

    sample: str | None = Field(None, max_length=100, description="id of a sample, instead of a file")
    window: int = Field(0, ge=0, le=4096, description="the first window, each of 8 quarter notes, counted from 0")
    windows: int | None = Field(
        None, ge=1, le=MOST_WINDOWS, description="how many from there on; if not given as many as there are, and may be"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.midi is None) == (self.sample is None):
            raise ValueError("give one of midi and sample")
        if self.name is not None and self.midi is None:
            raise ValueError("a sample has its name already: leave name out")
        return self


class NewReconstruction(Playing):
    """What to play again, and how it is played and written."""

    source: Like = Field(description="the music")


class NewVariation(NewReconstruction):
    """What to vary and how much, and how it is played and written."""

    strength: float = Field(
        0.5,
        ge=0,
        le=1,
        description="0 is the music itself, 1 new music near it; where windows are drawn whole 0 is a reconstruction",
    )
    n: int = Field(1, ge=1, le=MOST_WINDOWS, description="variations; n times the windows is at most 64")
    seed: int | None = Field(
        None, ge=0, le=LARGEST_SEED, description="same seed, same variations; without one it is drawn and answered"
    )

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.n * (self.source.windows or 1) > MOST_WINDOWS:
            raise ValueError(
                f"{self.n} variations of {self.source.windows} windows are more than {MOST_WINDOWS} windows"
            )
        return self


class End(Uploaded):
    """Where a way begins or ends: at a window of a seed, of a MIDI file, of a sample, or at a position z."""

    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="the window that this seed draws")
    sample: str | None = Field(None, max_length=100, description="id of a sample of the same checkpoint")
    window: int = Field(0, ge=0, le=4096, description="which window of the seed (below 64), sample or file")
    z: Position | None = Field(None, description="a position of the model")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(given is not None for given in (self.seed, self.sample, self.z, self.midi)) != 1:
            raise ValueError("give one of seed, sample, z and midi")
        if self.name is not None and self.midi is None:
            raise ValueError("name is of a MIDI file: leave it out")
        if self.midi is None and self.window >= MOST_WINDOWS:
            raise ValueError(f"window must be below {MOST_WINDOWS}")
        if self.z is not None and "window" in self.model_fields_set:
            raise ValueError("a position z is one window: leave window out")
        return self


class NewInterpolation(Playing):
    """A way from one position to another, and how its windows are played and written."""

    begin: End = Field(alias="from", description="what the first window is")
    to: End = Field(description="what the last window is")
    steps: int = Field(8, ge=2, le=MOST_WINDOWS, description="windows on the way, both ends among them")
    way: Literal["linear", "slerp"] = Field(
        "slerp", description="along a straight line, or along an arc, on which positions stay as far out as the ends"
    )


class NewPiece(Playing):
    """Music longer than a window, and how it is played and written."""

    beats: int = Field(
        64,
        ge=2 * WINDOW_BEATS,
        le=MOST_WINDOWS * WINDOW_BEATS,
        multiple_of=WINDOW_BEATS,
        description="quarter notes, whole windows of 8",
    )
    seed: int | None = Field(
        None, ge=0, le=LARGEST_SEED, description="same seed, same piece; without one it is drawn and answered"
    )
    drift: float = Field(
        0.5,
        ge=0,
        le=1,
        description="how far the music may move from how it begins: from 0, hardly, to 1, to anything that fits",
    )
    begin: End | None = Field(
        None, alias="from", description="the window to begin with and to go on from; else the one that the seed draws"
    )

    @property
    def windows(self) -> int:
        """How many that is."""
        return self.beats // WINDOW_BEATS


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
    temperature: float | None = Field(description="null of a model that has only a threshold")
    way: Literal["linear", "slerp"] | None = Field(description="of an interpolation: how it went from end to end")
    drift: float | None = Field(description="of a piece: how far it may move from how it begins")
    strength: float | None = Field(description="of a variation: how far it is from its source")
    attributes: dict[str, float] | None = Field(description="how far its positions were moved along directions")
    label: str | None
    key: str | None
    tempo: float
    numerator: int
    denominator: int
    program: int


class Note(BaseModel):
    """A note: MIDI pitch; start and length in steps, in beats (quarter notes) and in seconds at the sample's tempo.

    Starts are counted from the beginning of the window, of a piece from the piece's.
    """

    pitch: int
    start: int
    length: int
    start_beats: float
    length_beats: float
    start_seconds: float
    length_seconds: float


class Window(BaseModel):
    """One generated window: its position in the latent space, and its notes; of a piece those that begin in it."""

    index: int
    z: list[float]
    notes: list[Note]
    empty: bool


class Source(BaseModel):
    """Where music came from: a file, with its sha256, or a sample; how many of its windows, the first of them."""

    name: str | None
    sha256: str | None
    sample: str | None
    window: int
    windows: int
    of: int = Field(description="windows that the file or sample has")
    notes: list[Note] = Field(
        description="what the model was given: its windows as one music, from the first's beginning"
    )


class Sample(BaseModel):
    """Generated windows with everything needed to make them again."""

    id: str
    model: str = Field(description="the name, or the digest, that was asked for")
    checkpoint: str = Field(description="sha256 of the generating half that played")
    family: str
    seed: int | None = Field(description="null where positions were given")
    n: int
    options: Options
    source: Source | None = Field(description="of a reconstruction or variation: what it is like")
    ends: list[Source | None] | None = Field(description="of an interpolation: files that it begins and ends with")
    windows: list[Window]
    steps_per_quarter: int = STEPS_PER_QUARTER
    created_at: datetime


class Vector(BaseModel):
    """An attribute's direction: what a step of 1 along it changes."""

    name: str
    more: str = Field(description="what music gets along it")
    unit: str = Field(description="what step and mean are counted in")
    step: float = Field(description="how much more of it a step of 1 is: a standard deviation of the data's windows")
    mean: float = Field(description="how much of it the data's windows have")
    r2: float = Field(description="share of its variance that positions explain, on windows held out from the fit")
    vector: list[float] = Field(description="added to a position z, a step of 1")


class Vectors(BaseModel):
    """The attribute directions that were found when the checkpoint was saved, from the windows it learnt from."""

    model: str = Field(description="the name, or the digest, that was asked for")
    checkpoint: str = Field(description="sha256 of the generating half that they belong to")
    family: str
    latent_size: int
    vectors: list[Vector]


class MapQuery(NewSampleQuery):
    """In which form a map is wanted, and what of the data it shows."""

    field: str | None = Field(
        None,
        max_length=200,
        description="the label field to show; if not given that which the model was told, or the first",
    )


class MapPoint(BaseModel):
    """Where a window of the data lies: x, y on the map; its file, its number there from 0, and its file's label."""

    x: float
    y: float
    file: str
    window: int | None = Field(description="null where the dataset was built before Pianola knew")
    label: str | None


class Map(BaseModel):
    """The windows of a dataset as a checkpoint's encoder places them, flattened to two dimensions."""

    model: str = Field(description="the name, or the digest, that was asked for")
    checkpoint: str = Field(description="sha256 of the generating half that plays its points")
    family: str
    step: int
    dataset: str = Field(description="name@version")
    latent_size: int
    axes: list[str] = Field(description="what x and y are")
    variance: list[float] = Field(description="shares of the positions' variance that x and y show, 0 to 1")
    field: str | None = Field(description="the label field shown; null where the dataset has none")
    fields: list[str] = Field(description="label fields of the dataset")
    of: int = Field(description="windows of the dataset, from which those shown are taken evenly")
    windows: list[MapPoint]
