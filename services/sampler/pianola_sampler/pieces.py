"""Pieces: music longer than a window, kept and answered as samples are."""

import secrets
from dataclasses import replace

from apiflask import APIBlueprint
from flask import Response, request
from sqlalchemy.orm import Session

from pianola.codec.roll import decode_notes
from pianola.records import models
from pianola.records.samples import Recipe
from pianola_http.authentication import protect
from pianola_sampler.admission import Deadline
from pianola_sampler.composing import listed
from pianola_sampler.context import here
from pianola_sampler.ends import origin
from pianola_sampler.negotiation import choose
from pianola_sampler.samples import Plan, made, windows_of
from pianola_sampler.schemas import LARGEST_SEED, NewPiece, NewSampleQuery, Sample
from pianola_sampler.sources import opener

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
        return made(lambda session: _planned(session, name, json_data, deadline), form, deadline)


def _planned(session: Session, name: str, wanted: NewPiece, deadline: Deadline) -> Plan:
    """What to play, and from what. Raises NotFound, NoSuchWindow, OtherCheckpoint."""
    model, checkpoint = models.checkpoint_to_serve(session, name)
    seed = secrets.randbelow(LARGEST_SEED + 1) if wanted.seed is None else wanted.seed
    options = wanted.model_dump(exclude={"begin", "beats", "seed"})
    recipe = Recipe(model, checkpoint.generator_digest, seed, None, wanted.windows, options)
    begin = wanted.begin
    if begin is None:
        return lambda: recipe, checkpoint
    if begin.midi is not None:
        opened = opener(session, "from", begin, checkpoint, 1, deadline)

        def after_file() -> Recipe:
            source = opened().json()
            z = [here().drawing.position_of(recipe, checkpoint, source, deadline)]
            return replace(recipe, z=z, options=options | {"opening": source["notes"][0]})

        return after_file, checkpoint
    played = {key: value for key, value in options.items() if key not in ("drift", "attributes")}
    before = origin(session, "from", begin, Recipe(model, recipe.checkpoint, None, None, 1, played))

    def going_on() -> Recipe:
        """What the piece goes on from may be forgotten: its notes are part of the recipe."""
        found = windows_of(before, checkpoint, range(begin.window, begin.window + 1), deadline)
        notes = listed(decode_notes(found.windows, found.lowest_pitch))
        z = [[float(number) for number in found.z[0]]]
        return Recipe(model, recipe.checkpoint, seed, z, recipe.n, options | {"opening": notes})

    return going_on, checkpoint
