"""Samples: drawn from a model, kept as what is needed to draw them again, and answered in the form asked for."""

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Final

from apiflask import APIBlueprint
from flask import Response, g, jsonify, request
from sqlalchemy.exc import DBAPIError

from pianola.records import idempotency, runs, samples
from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint
from pianola.records.tables import Sample as Row
from pianola_http.authentication import protect
from pianola_http.idempotency import idempotency_key, request_digest
from pianola_sampler import drawing
from pianola_sampler.admission import Deadline, DeadlinePassed
from pianola_sampler.context import here
from pianola_sampler.drawn import Drawn
from pianola_sampler.ends import NoSuchWindow
from pianola_sampler.forms import described, numbered, written
from pianola_sampler.keeping import keep_unmoved
from pianola_sampler.names import Moved
from pianola_sampler.negotiation import MEDIA_TYPES, Form, choose
from pianola_sampler.schemas import LARGEST_SEED, NewSample, NewSampleQuery, Sample, SampleQuery

_ENDINGS: Final = {form: "mid" if form == Form.MIDI else form.value for form in Form}
_SHOWN: Final = frozenset({Form.PNG, Form.SVG})

blueprint = APIBlueprint("samples", __name__, tag="Samples")
protect(blueprint)


@blueprint.post("/models/<name>/samples")
@blueprint.input(NewSample)
@blueprint.input(NewSampleQuery, location="query")
@blueprint.output(Sample, status_code=201)
def draw(name: str, json_data: NewSample, query_data: NewSampleQuery) -> Response:
    """Draw a sample from a model, or from a checkpoint by its digest

    The same seed and checkpoint give the same windows, and window i of a seed is the same whatever n is. The same
    request is the same sample with the same id. The body may be left out: one window, with a seed that the answer
    tells.
    """
    form = choose(request.accept_mimetypes, query_data.format, json_data.windows)
    with here().admission.admitted() as deadline:
        return made(name, partial(_planned, name, json_data), form, deadline)


@blueprint.get("/samples/<sample>")
@blueprint.input(SampleQuery, location="query")
@blueprint.output(Sample)
def show(sample: str, query_data: SampleQuery) -> Response:
    """Get a sample again, all of it or one window, in any form

    If it is not in memory any more it is made again, bit for bit.
    """
    with here().records.read() as session:
        row = samples.get(session, sample)
        checkpoint = runs.checkpoint(session, row.checkpoint)
    window = query_data.window
    if window is not None and window >= row.n:
        raise NoSuchWindow(window, row.n)
    indices = range(row.n) if window is None else range(window, window + 1)
    musics = 1 if drawing.is_joined(samples.recipe_of(row), indices) else len(indices)
    form = choose(request.accept_mimetypes, query_data.format, musics)
    with here().admission.admitted() as deadline:
        return _answer(row, windows_of(samples.recipe_of(row), checkpoint, indices, deadline), form, deadline)


@blueprint.delete("/samples/<sample>")
@blueprint.output({}, status_code=204)
def forget(sample: str) -> tuple[str, int]:
    """Forget a sample

    The same request would keep it anew.
    """
    with here().records.write() as session:
        samples.delete(session, sample)
    return "", 204


Plan = Callable[[Checkpoint], Recipe]
"""What to draw, of the checkpoint that plays it."""


def made(name: str, plan: Plan, form: Form, deadline: Deadline) -> Response:
    """The answer to a POST of whatever kind to a model: what is planned is drawn, kept and given in a form.

    Raises NotFound, BadIdempotencyKey, IdempotencyKeyReused, and what planning and drawing do.
    """
    row, drawn, repeated = _drawn(name, plan, deadline)
    response = _answer(row, drawn, form, deadline)
    response.status_code = 201
    response.headers["Location"] = f"/v1/samples/{row.id}"
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _drawn(name: str, plan: Plan, deadline: Deadline) -> tuple[Row, Drawn, bool]:
    """A sample, recorded while it is drawn; whether this request's Idempotency-Key had made it before."""
    row = _former()
    if row is not None:
        return row, _again(row, deadline), True
    checkpoint = here().names.checkpoint(name)
    try:
        recipe = plan(checkpoint)
        keeping = _Keeping(recipe, checkpoint)
        drawn = windows_of(recipe, checkpoint, range(recipe.n), deadline, keeping.begin)
        row, repeated = keeping.done(deadline)
    except (DeadlinePassed, DBAPIError):
        raise
    except Exception as error:
        # Whatever it is, it may be so only of the checkpoint that the name meant before.
        if here().names.moved(name, checkpoint) or isinstance(error, Moved):
            return _drawn(name, plan, deadline)
        raise
    # Else another request with the same key was faster, and it may have drawn another seed.
    return row, drawn if row.id == recipe.id else _again(row, deadline), repeated


def _former() -> Row | None:
    """The sample that this request's Idempotency-Key made. Raises BadIdempotencyKey, IdempotencyKeyReused, NotFound."""
    key = idempotency_key()
    if key is None:
        return None
    with here().records.read() as session:
        former = idempotency.answered(session, key, str(g.caller), request_digest())
        return None if former is None else samples.get(session, str(former.body["id"]))


def _again(row: Row, deadline: Deadline) -> Drawn:
    """All of a sample that was kept before."""
    with here().records.read() as session:
        checkpoint = runs.checkpoint(session, row.checkpoint)
    return windows_of(samples.recipe_of(row), checkpoint, range(row.n), deadline)


def _planned(name: str, wanted: NewSample, checkpoint: Checkpoint) -> Recipe:
    """Raises NoMap."""
    seed = wanted.seed
    if seed is None and wanted.z is None and wanted.at is None:
        seed = secrets.randbelow(LARGEST_SEED + 1)
    z = wanted.z if wanted.at is None else here().maps.get(checkpoint).at(wanted.at)
    options = wanted.model_dump(exclude={"n", "seed", "z", "at"})
    return Recipe(name, checkpoint.generator_digest, seed, z, wanted.windows, options)


class _Keeping:
    """Records a sample while it is drawn, beside other requests' samples; with an Idempotency-Key, after that."""

    def __init__(self, recipe: Recipe, checkpoint: Checkpoint) -> None:
        self._recipe = recipe
        self._checkpoint = checkpoint
        self._key = idempotency_key()
        self._kept: Future[Row] | None = None

    def begin(self) -> None:
        if self._key is None and self._kept is None:
            self._kept = here().keeper.keep(self._recipe, self._checkpoint)

    def done(self, deadline: Deadline) -> tuple[Row, bool]:
        """The record; if this Idempotency-Key has made one meanwhile it is that, and the second is True.

        Raises Moved.
        """
        if self._key is not None:
            return _kept_by_key(self._recipe, self._checkpoint, self._key)
        self.begin()
        assert self._kept is not None
        if not self._kept.done():  # it came from memory, or is about to be
            here().keeper.commit()
        return deadline.wait(self._kept), False


def _kept_by_key(recipe: Recipe, checkpoint: Checkpoint, key: str) -> tuple[Row, bool]:
    caller = str(g.caller)
    with here().records.write() as session:
        former = idempotency.begin(session, key, caller, request_digest())
        if former is not None:
            return samples.get(session, str(former.body["id"])), True
        row = keep_unmoved(session, [(recipe, checkpoint)]).get(recipe.id)
        if row is None:
            raise Moved(recipe.model)
        # The row is all it takes to answer again, in whatever form is asked for then.
        idempotency.finish(session, key, caller, idempotency.Answer(201, {"id": row.id}))
    return row, False


def windows_of(
    recipe: Recipe,
    checkpoint: Checkpoint,
    indices: range,
    deadline: Deadline,
    accepted: Callable[[], None] = lambda: None,
) -> Drawn:
    """From memory, or drawn; see `Drawing.draw`."""
    context = here()
    if drawing.is_whole(recipe) and len(indices) < recipe.n:
        return windows_of(recipe, checkpoint, range(recipe.n), deadline).part(indices)
    drawn = context.cache.get(recipe.id, indices)
    if drawn is None and len(indices) < recipe.n and (whole := context.cache.get(recipe.id, range(recipe.n))):
        drawn = whole.part(indices)
    if drawn is None:
        drawn = context.drawing.draw(recipe, checkpoint, indices, deadline, accepted)
        context.cache.put(recipe.id, drawn)
    return drawn


def _answer(row: Row, drawn: Drawn, form: Form, deadline: Deadline) -> Response:
    if form == Form.JSON:
        response = jsonify(described(row, drawn).model_dump(mode="json"))
    else:
        response = Response(written(form, row, drawn, deadline), mimetype=MEDIA_TYPES[form])
        part = f"-{numbered(drawn.indices[0])}" if len(drawn.indices) < row.n else ""
        placed = "inline" if form in _SHOWN else "attachment"
        response.headers["Content-Disposition"] = f'{placed}; filename="{row.id}{part}.{_ENDINGS[form]}"'
    response.headers["Pianola-Sample"] = row.id
    if row.seed is not None:
        response.headers["Pianola-Seed"] = str(row.seed)
    response.headers["Pianola-Checkpoint"] = row.checkpoint
    response.vary.add("Accept")
    return response
