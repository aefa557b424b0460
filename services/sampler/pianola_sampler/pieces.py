"""Pieces: music longer than a window, kept and answered as samples are."""

import secrets
from dataclasses import replace
from functools import partial

from apiflask import APIBlueprint
from flask import Response, request

from pianola.codec.roll import decode_notes
from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint
from pianola_http.authentication import protect
from pianola_sampler.admission import Deadline
from pianola_sampler.composing import listed
from pianola_sampler.context import here
from pianola_sampler.ends import origin
from pianola_sampler.negotiation import choose
from pianola_sampler.samples import made, windows_of
from pianola_sampler.schemas import LARGEST_SEED, NewPiece, NewSampleQuery, Sample
from pianola_sampler.sources import source_of

blueprint = APIBlueprint("pieces", __name__, tag="Pieces")
protect(blueprint)


@blueprint.post("/models/<name>/pieces")
@blueprint.input(NewPiece)
@blueprint.input(NewSampleQuery, location="query")
@blueprint.output(Sample, status_code=201)
def play(name: str, json_data: NewPiece, query_data: NewSampleQuery) -> Response:
    """Play a piece: music longer than a window

    Every half window goes on from the one before. The answer is a sample whose windows are one music: MIDI, WAV and
    MusicXML hold all of it, notes sound on from window to window, and JSON counts every note from the piece's
    beginning. The body may be left out: 64 quarter notes, with a seed that the answer tells.
    """
    form = choose(request.accept_mimetypes, query_data.format, 1)
    with here().admission.admitted() as deadline:
        return made(name, partial(_planned, name, json_data, deadline), form, deadline)


def _planned(name: str, wanted: NewPiece, deadline: Deadline, checkpoint: Checkpoint) -> Recipe:
    """Raises NotFound, NoSuchWindow, OtherCheckpoint, and what drawing does."""
    seed = secrets.randbelow(LARGEST_SEED + 1) if wanted.seed is None else wanted.seed
    options = wanted.model_dump(exclude={"begin", "beats", "seed"})
    recipe = Recipe(name, checkpoint.generator_digest, seed, None, wanted.windows, options)
    begin = wanted.begin
    if begin is None:
        return recipe
    # What the piece goes on from may be forgotten: its notes are part of the recipe.
    if begin.midi is not None:
        source = source_of("from", begin, checkpoint, 1, deadline).json()
        z = here().drawing.position_of(recipe, checkpoint, source, deadline)
        return replace(recipe, z=[z], options=options | {"opening": source["notes"][0]})
    played = {key: value for key, value in options.items() if key not in ("drift", "attributes")}
    before = origin("from", begin, Recipe(name, recipe.checkpoint, None, None, 1, played))
    found = windows_of(before, checkpoint, range(begin.window, begin.window + 1), deadline)
    notes = listed(decode_notes(found.windows, found.lowest_pitch))
    return replace(recipe, z=[found.z[0].tolist()], options=options | {"opening": notes})
