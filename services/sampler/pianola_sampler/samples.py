"""Samples: drawn from a model, kept as what is needed to draw them again, and answered in the form asked for."""

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from apiflask import APIBlueprint
from flask import Response, g, jsonify, request
from sqlalchemy.orm import Session

from pianola.records import idempotency, models, runs, samples
from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint
from pianola.records.tables import Sample as Row
from pianola_http.authentication import protect
from pianola_http.idempotency import idempotency_key, request_digest
from pianola_sampler import drawing
from pianola_sampler.admission import Deadline
from pianola_sampler.context import here
from pianola_sampler.drawn import Drawn
from pianola_sampler.ends import NoSuchWindow
from pianola_sampler.forms import described, numbered, written
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
        return made(lambda session: _planned(session, name, json_data), form, deadline)


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


Plan = tuple[Callable[[], Recipe], Checkpoint]
"""From what to draw, and what, which is asked when the records are closed again: it may load a generator."""


def made(plan: Callable[[Session], Plan], form: Form, deadline: Deadline) -> Response:
    """The answer to a POST of whatever kind: what is planned is drawn, kept and given in a form.

    Raises NotFound, BadIdempotencyKey, IdempotencyKeyReused, and what drawing does.
    """
    row, drawn, repeated = _drawn(plan, deadline)
    response = _answer(row, drawn, form, deadline)
    response.status_code = 201
    response.headers["Location"] = f"/v1/samples/{row.id}"
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _drawn(plan: Callable[[Session], Plan], deadline: Deadline) -> tuple[Row, Drawn, bool]:
    """A sample, recorded while it is drawn; whether this request's Idempotency-Key had made it before.

    Raises NotFound, BadIdempotencyKey, IdempotencyKeyReused, and what drawing does.
    """
    with here().records.read() as session:
        row = _former(session)
        if row is None:
            planned, checkpoint = plan(session)
        else:
            former, checkpoint = samples.recipe_of(row), runs.checkpoint(session, row.checkpoint)
    if row is not None:
        return row, windows_of(former, checkpoint, range(former.n), deadline), True
    recipe = planned()
    keeping = _Keeping(recipe)
    drawn = windows_of(recipe, checkpoint, range(recipe.n), deadline, keeping.begin)
    row, repeated = keeping.done(deadline)
    if row.id != recipe.id:
        # Another request with the same key was faster, and it drew another seed.
        with here().records.read() as session:
            checkpoint = runs.checkpoint(session, row.checkpoint)
        drawn = windows_of(samples.recipe_of(row), checkpoint, range(row.n), deadline)
    return row, drawn, repeated


def _former(session: Session) -> Row | None:
    """The sample that this request's Idempotency-Key made. Raises BadIdempotencyKey, IdempotencyKeyReused, NotFound."""
    key = idempotency_key()
    former = None if key is None else idempotency.answered(session, key, str(g.caller), request_digest())
    return None if former is None else samples.get(session, str(former.body["id"]))


def _planned(session: Session, name: str, wanted: NewSample) -> Plan:
    """What to draw, and from what. Raises NotFound."""
    model, checkpoint = models.checkpoint_to_serve(session, name)
    seed = wanted.seed
    if seed is None and wanted.z is None and wanted.at is None:
        seed = secrets.randbelow(LARGEST_SEED + 1)
    options = wanted.model_dump(exclude={"n", "seed", "z", "at"})

    def recipe() -> Recipe:
        z = wanted.z if wanted.at is None else here().maps.get(checkpoint).at(wanted.at)
        return Recipe(model, checkpoint.generator_digest, seed, z, wanted.windows, options)

    return recipe, checkpoint


class _Keeping:
    """Records a sample while it is drawn, beside other requests' samples; with an Idempotency-Key, after that."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._key = idempotency_key()
        self._kept: Future[Row] | None = None

    def begin(self) -> None:
        if self._key is None and self._kept is None:
            self._kept = here().keeper.keep(self._recipe)

    def done(self, deadline: Deadline) -> tuple[Row, bool]:
        """The record; if this Idempotency-Key has made one meanwhile it is that, and the second is True."""
        if self._key is not None:
            return _kept_by_key(self._recipe, self._key)
        self.begin()
        assert self._kept is not None
        return deadline.wait(self._kept), False


def _kept_by_key(recipe: Recipe, key: str) -> tuple[Row, bool]:
    caller = str(g.caller)
    with here().records.write() as session:
        former = idempotency.begin(session, key, caller, request_digest())
        if former is not None:
            return samples.get(session, str(former.body["id"])), True
        row = samples.keep(session, recipe)
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
