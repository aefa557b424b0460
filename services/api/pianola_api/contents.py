"""What a built dataset holds: its statistics and its contact sheet."""

from apiflask import APIBlueprint
from flask import Response

from pianola.records import datasets
from pianola.records.states import DatasetState
from pianola.records.tables import Dataset
from pianola_api.context import here
from pianola_api.schemas.statistics import Statistics
from pianola_api.stored import BYTES, stored
from pianola_http.authentication import protect

blueprint = APIBlueprint("contents", __name__, tag="Contents")
protect(blueprint)


class NotBuilt(LookupError):
    """What only a built dataset has."""

    def __init__(self, what: str, dataset: Dataset) -> None:
        old = dataset.state == DatasetState.BUILT
        when = "it was built before Pianola made one: build a new version" if old else "build the dataset first"
        super().__init__(f"dataset {dataset.name!r} is {dataset.state} and has no {what}: {when}")


@blueprint.get("/datasets/<dataset>/statistics")
@blueprint.output(Statistics)
def statistics(dataset: str) -> Response:
    """What the windows of a built dataset hold: pitches, density, rhythm, tempo, metre, labels"""
    with here().records.read() as session:
        row = datasets.get(session, dataset)
    if row.statistics_key is None:
        raise NotBuilt("statistics", row)
    return stored(row.statistics_key, "application/json", etag=row.statistics_key)


@blueprint.get("/datasets/<dataset>/contact-sheet")
@blueprint.output(BYTES, content_type="image/png")
def contact_sheet(dataset: str) -> Response:
    """A picture of windows spread over all of a built dataset"""
    with here().records.read() as session:
        row = datasets.get(session, dataset)
    if row.contact_sheet_key is None:
        raise NotBuilt("contact sheet", row)
    return stored(row.contact_sheet_key, "image/png", etag=row.contact_sheet_key)
