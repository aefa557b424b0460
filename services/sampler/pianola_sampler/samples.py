"""Samples: drawn from a model, kept as what is needed to draw them again, and answered in the form asked for."""

import secrets
from typing import Final

from apiflask import APIBlueprint
from flask import Response, g, jsonify, request

from pianola.records import idempotency, models, runs, samples
from pianola.records.tables import Checkpoint
from pianola.records.tables import Sample as Row
from pianola_http.authentication import protect
from pianola_http.idempotency import idempotency_key, request_digest
from pianola_sampler import drawing
from pianola_sampler.context import here
from pianola_sampler.drawing import Drawn
from pianola_sampler.forms import described, numbered, written
from pianola_sampler.negotiation import MEDIA_TYPES, Form, choose
from pianola_sampler.schemas import LARGEST_SEED, NewSample, NewSampleQuery, Sample, SampleQuery

_ENDINGS: Final = {form: "mid" if form == Form.MIDI else form.value for form in Form}
_SHOWN: Final = frozenset({Form.PNG, Form.SVG})

blueprint = APIBlueprint("samples", __name__, tag="Samples")
protect(blueprint)


class NoSuchWindow(ValueError):
    """A window that the sample does not have."""

    def __init__(self, window: int, n: int) -> None:
        has = "one window, 0" if n == 1 else f"windows 0 to {n - 1}"
        super().__init__(f"there is no window {window}: the sample has {has}")
        self.errors = [{"field": "window", "message": str(self)}]


@blueprint.post("/models/<name>/samples")
@blueprint.input(NewSample)
@blueprint.input(NewSampleQuery, location="query")
@blueprint.output(Sample, status_code=201)
def draw(name: str, json_data: NewSample, query_data: NewSampleQuery) -> Response:
    """Draw a sample from a model, or from a checkpoint by its digest

    The same seed and checkpoint give the same windows, and window i of a seed is the same whatever n is. The body may
    be left out: one window, with a seed that the answer tells.
    """
    form = choose(request.accept_mimetypes, query_data.format, json_data.n)
    with here().admission.admitted() as deadline:
        row, checkpoint, repeated = _keep(name, json_data)
        drawn = drawing.draw(here(), row, checkpoint, range(row.n), deadline)
    response = _answer(row, drawn, form)
    response.status_code = 201
    response.headers["Location"] = f"/v1/samples/{row.id}"
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@blueprint.get("/samples/<sample>")
@blueprint.input(SampleQuery, location="query")
@blueprint.output(Sample)
def show(sample: str, query_data: SampleQuery) -> Response:
    """Get a sample again, all of it or one window, in any form

    It is drawn again from its seed and checkpoint.
    """
    with here().records.read() as session:
        row = samples.get(session, sample)
        checkpoint = runs.checkpoint(session, row.checkpoint)
    window = query_data.window
    if window is not None and window >= row.n:
        raise NoSuchWindow(window, row.n)
    indices = range(row.n) if window is None else (window,)
    form = choose(request.accept_mimetypes, query_data.format, len(indices))
    with here().admission.admitted() as deadline:
        drawn = drawing.draw(here(), row, checkpoint, indices, deadline)
    return _answer(row, drawn, form)


def _keep(name: str, wanted: NewSample) -> tuple[Row, Checkpoint, bool]:
    """Record a new sample, or find the one that this Idempotency-Key made; then the last is True.

    Raises NotFound, BadIdempotencyKey, IdempotencyKeyReused.
    """
    key, caller = idempotency_key(), str(g.caller)
    with here().records.write() as session:
        if key is not None:
            former = idempotency.begin(session, key, caller, request_digest())
            if former is not None:
                row = samples.get(session, str(former.body["id"]))
                return row, runs.checkpoint(session, row.checkpoint), True
        model, checkpoint = models.checkpoint_to_serve(session, name)
        row = samples.keep(
            session,
            model=model,
            checkpoint=checkpoint.generator_digest,
            seed=secrets.randbelow(LARGEST_SEED + 1) if wanted.seed is None else wanted.seed,
            n=wanted.n,
            options=wanted.model_dump(exclude={"n", "seed"}),
        )
        if key is not None:
            # The row is all it takes to answer again, in whatever form is asked for then.
            idempotency.finish(session, key, caller, idempotency.Answer(201, {"id": row.id}))
    return row, checkpoint, False


def _answer(row: Row, drawn: Drawn, form: Form) -> Response:
    if form == Form.JSON:
        response = jsonify(described(row, drawn).model_dump(mode="json"))
    else:
        response = Response(written(form, row, drawn), mimetype=MEDIA_TYPES[form])
        part = f"-{numbered(drawn.indices[0])}" if len(drawn.indices) < row.n else ""
        placed = "inline" if form in _SHOWN else "attachment"
        response.headers["Content-Disposition"] = f'{placed}; filename="{row.id}{part}.{_ENDINGS[form]}"'
    response.headers["Pianola-Sample"] = row.id
    response.headers["Pianola-Seed"] = str(row.seed)
    response.headers["Pianola-Checkpoint"] = row.checkpoint
    response.vary.add("Accept")
    return response
