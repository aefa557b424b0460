"""Something like somebody's own music: reconstructions and variations, kept and answered as samples are."""

import secrets
from functools import partial

from apiflask import APIBlueprint
from flask import Response, request

from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint
from pianola_http.authentication import protect
from pianola_sampler.admission import Deadline
from pianola_sampler.context import here
from pianola_sampler.negotiation import choose
from pianola_sampler.samples import made
from pianola_sampler.schemas import (
    LARGEST_SEED,
    MOST_WINDOWS,
    NewReconstruction,
    NewSampleQuery,
    NewVariation,
    Sample,
)
from pianola_sampler.sources import source_of

blueprint = APIBlueprint("resemblance", __name__, tag="Something like my music")
protect(blueprint)


@blueprint.post("/models/<name>/reconstructions")
@blueprint.input(NewReconstruction)
@blueprint.input(NewSampleQuery, location="query")
@blueprint.output(Sample, status_code=201)
def reconstruct(name: str, json_data: NewReconstruction, query_data: NewSampleQuery) -> Response:
    """Let a model play what it makes of a MIDI file, or of an earlier sample

    Each window is what the model plays at the place where its encoder puts the source's window. The answer is a sample
    whose windows follow one another: MIDI, WAV and MusicXML hold all of them.
    """
    form = choose(request.accept_mimetypes, query_data.format, 1)
    with here().admission.admitted() as deadline:
        return made(name, partial(_planned, name, json_data, 1, None, deadline), form, deadline)


@blueprint.post("/models/<name>/variations")
@blueprint.input(NewVariation)
@blueprint.input(NewSampleQuery, location="query")
@blueprint.output(Sample, status_code=201)
def vary(name: str, json_data: NewVariation, query_data: NewSampleQuery) -> Response:
    """Let a model vary a MIDI file, or an earlier sample

    strength 0 is the music itself, 1 is new music near it. Of n variations of k windows, variation v is windows v * k
    to v * k + k - 1 of the answer, which is a sample; of one variation MIDI, WAV and MusicXML hold all. The same seed
    and strength give the same music.
    """
    form = choose(request.accept_mimetypes, query_data.format, json_data.n)
    with here().admission.admitted() as deadline:
        seed = secrets.randbelow(LARGEST_SEED + 1) if json_data.seed is None else json_data.seed
        return made(name, partial(_planned, name, json_data, json_data.n, seed, deadline), form, deadline)


def _planned(
    name: str, wanted: NewReconstruction, n: int, seed: int | None, deadline: Deadline, checkpoint: Checkpoint
) -> Recipe:
    """Raises NotFound, NoSuchWindow, UnreadableSource, and what drawing does."""
    source = source_of("source", wanted.source, checkpoint, wanted.source.windows or MOST_WINDOWS // n, deadline)
    options = wanted.model_dump(exclude={"source", "n", "seed"}) | {"source": source.json()}
    return Recipe(name, checkpoint.generator_digest, seed, None, n * len(source.notes), options)
