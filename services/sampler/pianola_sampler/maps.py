"""The latent map of a checkpoint: which window of the data lies where, as JSON or as a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal, cast

from apiflask import APIBlueprint
from flask import Response, jsonify, request

from pianola.records import models
from pianola_http.authentication import protect
from pianola_sampler.context import here
from pianola_sampler.latent_map import LatentMap, shown
from pianola_sampler.negotiation import MEDIA_TYPES, Form, NotAcceptable, choose_of
from pianola_sampler.schemas import Map, MapPoint, MapQuery

FORMS: Final = (Form.JSON, Form.PNG, Form.SVG)

blueprint = APIBlueprint("maps", __name__, tag="Maps")
protect(blueprint)


class NoSuchField(ValueError):
    """A label field that the dataset does not have."""

    def __init__(self, field: str, known: Sequence[str]) -> None:
        has = f"its label fields are {', '.join(known)}" if known else "it has no labels"
        super().__init__(f"the dataset has no label field {field!r}: {has}")
        self.errors = [{"field": "field", "message": str(self)}]


@blueprint.get("/models/<name>/map")
@blueprint.input(MapQuery, location="query")
@blueprint.output(Map)
def show(name: str, query_data: MapQuery) -> Response:
    """Get the map of a model's latent space: where the windows of its dataset lie

    Up to 2,000 windows, evenly spread over the dataset. `at` of a sample plays a point of the map. A latent space of
    more than two dimensions is seen from the side from which its windows lie widest apart; `variance` says how much of
    it that shows.
    """
    form = choose_of(FORMS, request.accept_mimetypes, query_data.format)
    with here().records.read() as session:
        model, checkpoint = models.checkpoint_to_serve(session, name)
    # A checkpoint's map never changes.
    told = "\n".join(["map", model, checkpoint.generator_digest, query_data.field or "", form])
    etag = hashlib.sha256(told.encode()).hexdigest()
    if request.if_none_match.contains(etag):
        response = Response(status=304)
    else:
        with here().admission.admitted():
            found = here().maps.get(checkpoint)
            field = _field(found, query_data.field)
            if form == Form.JSON:
                response = jsonify(_told(model, checkpoint.generator_digest, found, field).model_dump(mode="json"))
            else:
                response = Response(_drawn(found, field, form), mimetype=MEDIA_TYPES[form])
    response.set_etag(etag)
    response.vary.add("Accept")
    return response


def _field(found: LatentMap, wanted: str | None) -> str | None:
    """The label field to show: the one asked for, or that the model was told, or the first. Raises NoSuchField."""
    known = sorted(found.dataset.labels)
    if wanted is None:
        told = found.run.options.get("condition")
        return told if told in known else next(iter(known), None)
    if wanted not in known:
        raise NoSuchField(wanted, known)
    return wanted


def _told(model: str, checkpoint: str, found: LatentMap, field: str | None) -> Map:
    points = found.plane.points(found.positions).round(6).tolist()
    labels = [None] * len(points) if field is None else found.labels(field)
    numbers = (shown(number) for number in found.window)
    windows = [
        MapPoint(x=x, y=y, file=found.files[file].name, window=number, label=label)
        for (x, y), file, number, label in zip(points, found.file.tolist(), numbers, labels, strict=True)
    ]
    return Map(
        model=model,
        checkpoint=checkpoint,
        family=found.run.family,
        step=found.step,
        dataset=f"{found.dataset.name}@{found.dataset.version}",
        latent_size=found.positions.shape[1],
        axes=list(found.plane.names),
        variance=[round(share, 6) for share in found.plane.shares],
        field=field,
        fields=sorted(found.dataset.labels),
        of=found.dataset.windows,
        windows=windows,
    )


def _drawn(found: LatentMap, field: str | None, form: Form) -> bytes:
    # matplotlib takes most of a second to import, and few ask for this.
    from pianola.evaluation.canvas import NothingToPlot
    from pianola.evaluation.plots import latent_scatter

    labels = None if field is None else found.labels(field)
    try:
        return latent_scatter(found.positions, found.file, cast('Literal["png", "svg"]', form.value), labels)
    except NothingToPlot as nothing:
        raise NotAcceptable(str(nothing)) from nothing
