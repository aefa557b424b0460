"""Models: names that point at checkpoints; and the catalogue of model families."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response
from sqlalchemy.orm import Session

from pianola.models.presets import describe
from pianola.records import models, runs
from pianola.records.best import playing
from pianola.records.errors import NotFound
from pianola.records.tables import Checkpoint
from pianola_api import lists
from pianola_api.context import here
from pianola_api.idempotency import Done, once
from pianola_api.schemas.common import PageQuery
from pianola_api.schemas.models import Families, Model, ModelPage, NewModel
from pianola_http.authentication import protect

blueprint = APIBlueprint("models", __name__, tag="Models")
protect(blueprint)


@blueprint.get("/families")
@blueprint.output(Families)
def families() -> dict[str, Any]:
    """Model families, their presets and the options of a run"""
    return describe()


@blueprint.get("/models")
@blueprint.input(PageQuery, location="query")
@blueprint.output(ModelPage)
def listed(query_data: PageQuery) -> dict[str, Any]:
    """List models, by name"""
    with here().records.read() as session:
        return lists.answer(models.list_page(session, query_data.limit, query_data.cursor), Model.of)


@blueprint.get("/models/<name>")
@blueprint.output(Model)
def show(name: str) -> Model:
    """Show a model"""
    with here().records.read() as session:
        return Model.of(models.get(session, name))


@blueprint.post("/models")
@blueprint.input(NewModel)
@blueprint.output(Model, status_code=201)
@blueprint.doc(responses={200: "The model was there and points elsewhere now"})
def point(json_data: NewModel) -> Response:
    """Point a name at a checkpoint

    201 when the name is new, 200 when it was moved.
    """

    def work(session: Session) -> Done:
        checkpoint = _checkpoint(session, json_data)
        new = models.point(session, json_data.name, checkpoint.id)
        return Done(201 if new else 200, Model.of(models.get(session, json_data.name)))

    return once(work)


def _checkpoint(session: Session, wanted: NewModel) -> Checkpoint:
    run = runs.get(session, wanted.run)
    if wanted.checkpoint is not None:
        return runs.checkpoint(session, wanted.checkpoint, run.id)
    found = playing(session, run)
    if found is None:
        raise NotFound("checkpoint of run", run.id)
    return found
