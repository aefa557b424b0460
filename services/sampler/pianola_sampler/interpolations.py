"""Interpolations: ways from one window to another, kept and answered as samples are."""

from functools import partial
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint
from pianola_http.authentication import protect
from pianola_sampler.admission import Deadline
from pianola_sampler.context import here
from pianola_sampler.ends import origin
from pianola_sampler.negotiation import choose
from pianola_sampler.samples import made
from pianola_sampler.schemas import NewInterpolation, NewSampleQuery, Sample
from pianola_sampler.sources import source_of

blueprint = APIBlueprint("interpolations", __name__, tag="Interpolations")
protect(blueprint)


@blueprint.post("/models/<name>/interpolations")
@blueprint.input(NewInterpolation)
@blueprint.input(NewSampleQuery, location="query")
@blueprint.output(Sample, status_code=201)
def interpolate(name: str, json_data: NewInterpolation, query_data: NewSampleQuery) -> Response:
    """Draw a way from one window to another

    Each end is a window of a seed, of an uploaded MIDI file or of a sample of the same checkpoint, or a position z. The
    answer is a sample: its first and last windows are what the ends play with the options of this request; where an
    end is a file and the model has dice, the file's very window.
    """
    form = choose(request.accept_mimetypes, query_data.format, json_data.steps)
    with here().admission.admitted() as deadline:
        return made(name, partial(_planned, name, json_data, deadline), form, deadline)


def _planned(name: str, wanted: NewInterpolation, deadline: Deadline, checkpoint: Checkpoint) -> Recipe:
    """Raises NotFound, NoSuchWindow, OtherCheckpoint, and what drawing does."""
    digest = checkpoint.generator_digest
    options = wanted.model_dump(exclude={"begin", "to", "steps"})
    # The whole way is moved along the attributes, its ends too.
    plain = Recipe(name, digest, None, None, 1, options | {"way": None, "attributes": None})
    asked = {"from": wanted.begin, "to": wanted.to}
    z, sources = [], []
    for field, end in asked.items():
        source: dict[str, Any] | None = None
        if end.midi is None:
            z.append(here().drawing.position(origin(field, end, plain), checkpoint, end.window, deadline))
        else:
            source = source_of(field, end, checkpoint, 1, deadline).json()
            z.append(here().drawing.position_of(plain, checkpoint, source, deadline))
        sources.append(source)
    return Recipe(name, digest, None, z, wanted.steps, options | {"ends": sources if any(sources) else None})
