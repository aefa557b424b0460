"""The errors that the sampler alone raises, and how each is answered."""

from typing import Final

from pianola.models.attributes import NoSuchAttribute
from pianola.models.generator import CannotGoOn, NoEncoder, NotAGenerator
from pianola_http.problems import Kind
from pianola_sampler.admission import DeadlinePassed, Stopping, TooManyRequests
from pianola_sampler.drawing import BadPosition, NoSuchLabel, NoTemperature, OtherCheckpoint
from pianola_sampler.ends import NoSuchWindow
from pianola_sampler.latent_map import NoMap
from pianola_sampler.maps import NoSuchField
from pianola_sampler.negotiation import NotAcceptable
from pianola_sampler.sources import UnreadableSource
from pianola_sampler.vectors import NoVectors

KINDS: Final[tuple[Kind, ...]] = (
    (NotAcceptable, 406, "not-acceptable", "The sample cannot be had in this form"),
    (NoSuchWindow, 422, "no-such-window", "The sample has no such window"),
    (NoSuchLabel, 422, "no-such-label", "The model was not told this label"),
    (NoTemperature, 422, "no-temperature", "The model has no temperature"),
    (OtherCheckpoint, 422, "other-checkpoint", "The sample is of another checkpoint"),
    (NoSuchField, 422, "no-such-field", "The dataset has no such label field"),
    (NoMap, 409, "no-map", "The checkpoint has no map"),
    (BadPosition, 422, "bad-position", "The model has no such position"),
    (CannotGoOn, 409, "no-pieces", "The model plays no longer pieces"),
    (NoEncoder, 409, "no-encoder", "The model does not know where music lies"),
    (NoSuchAttribute, 422, "no-such-attribute", "The model has no such attribute"),
    (NoVectors, 409, "no-vectors", "The checkpoint has no attribute directions"),
    (UnreadableSource, 422, "unreadable-midi", "The MIDI file cannot be played"),
    (NotAGenerator, 409, "unplayable-model", "This version cannot play the model"),
    (TooManyRequests, 429, "too-many-requests", "The sampler has all it can do"),
    (Stopping, 503, "stopping", "The sampler is stopping"),
    (DeadlinePassed, 504, "deadline-passed", "The sample was not drawn in time"),
)
