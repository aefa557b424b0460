"""Interpolations: ways from one window to another, kept and answered as samples are."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from sqlalchemy.orm import Session

from pianola.records import models
from pianola.records.samples import Recipe
from pianola_http.authentication import protect
from pianola_sampler.admission import Deadline
from pianola_sampler.context import here
from pianola_sampler.ends import origin
from pianola_sampler.negotiation import choose
from pianola_sampler.samples import Plan, made
from pianola_sampler.schemas import NewInterpolation, NewSampleQuery, Sample
from pianola_sampler.sources import opener

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
        return made(lambda session: _planned(session, name, json_data, deadline), form, deadline)


def _planned(session: Session, name: str, wanted: NewInterpolation, deadline: Deadline) -> Plan:
    """What to draw, and from what. Raises NotFound, NoSuchWindow, OtherCheckpoint."""
    model, checkpoint = models.checkpoint_to_serve(session, name)
    digest = checkpoint.generator_digest
    options = wanted.model_dump(exclude={"begin", "to", "steps"})
    # The whole way is moved along the attributes, its ends too.
    plain = Recipe(model, digest, None, None, 1, options | {"way": None, "attributes": None})
    asked = {"from": wanted.begin, "to": wanted.to}
    opened = {field: opener(session, field, end, checkpoint, 1, deadline) for field, end in asked.items() if end.midi}
    ends = {field: origin(session, field, end, plain) for field, end in asked.items() if not end.midi}

    def recipe() -> Recipe:
        z, sources = [], []
        for field, end in asked.items():
            source: dict[str, Any] | None = None
            if field in opened:
                source = opened[field]().json()
                z.append(here().drawing.position_of(plain, checkpoint, source, deadline))
            else:
                z.append(here().drawing.position(ends[field], checkpoint, end.window, deadline))
            sources.append(source)
        return Recipe(model, digest, None, z, wanted.steps, options | {"ends": sources if any(sources) else None})

    return recipe, checkpoint
