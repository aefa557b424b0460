"""The errors that the api alone raises, and how each is answered."""

from typing import Final

from pianola.dataset.labels import BadLabels
from pianola_api.comparisons import NotEvaluated, NothingDrawn, OtherData
from pianola_api.contents import NotBuilt
from pianola_api.events import BadLastEventId, TooManyStreams
from pianola_api.imports import BadSource
from pianola_api.lists import BadCursor
from pianola_api.submission import HeldOutAlready, NoCondition, OtherShape, TooFewWindows
from pianola_api.uploads import BadUpload
from pianola_http.problems import Kind

KINDS: Final[tuple[Kind, ...]] = (
    (BadCursor, 400, "bad-cursor", "The cursor is not one of this list"),
    (BadLastEventId, 400, "bad-last-event-id", "The Last-Event-ID is not a number"),
    (BadLabels, 422, "bad-labels", "The labels cannot be used"),
    (BadSource, 422, "bad-source", "Nothing can be imported from there"),
    (BadUpload, 422, "bad-upload", "The upload cannot be read"),
    (HeldOutAlready, 422, "held-out-already", "The dataset has a hold-out of its own"),
    (NoCondition, 422, "no-condition", "The dataset has no such label to tell the model"),
    (NotBuilt, 404, "not-built", "Only a built dataset has it"),
    (NotEvaluated, 404, "not-evaluated", "The run has no evaluation to compare"),
    (NothingDrawn, 404, "nothing-drawn", "The evaluations do not have these figures"),
    (OtherShape, 422, "other-shape", "These weights do not fit this run"),
    (OtherData, 422, "other-data", "The runs are on different datasets"),
    (TooFewWindows, 422, "too-few-windows", "The dataset is too small for this run"),
    (TooManyStreams, 503, "too-many-streams", "Too many event streams are open"),
)
