"""Evaluations of several runs side by side: their reports, and plots of them that are drawn when they are asked for."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final, Literal, cast
from urllib.parse import quote

from apiflask import APIBlueprint
from flask import Response, request

from pianola.records import evaluations, runs, tables
from pianola.records.errors import NotFound
from pianola.records.states import EvaluationState
from pianola_api.context import here
from pianola_api.schemas.comparisons import Compared, Comparison, ComparisonQuery, Drawing
from pianola_api.schemas.runs import Evaluation
from pianola_api.stored import BYTES
from pianola_http.authentication import protect

blueprint = APIBlueprint("comparisons", __name__, tag="Comparisons")
protect(blueprint)

_MEDIA: Final[dict[str, str]] = {"png": "image/png", "svg": "image/svg+xml"}
_KINDS: Final = ("comparison_frequency", "comparison_music", "comparison_honesty")


class NotEvaluated(ValueError):
    """A run without an evaluation that succeeded cannot be compared."""

    def __init__(self, run: str, state: str) -> None:
        super().__init__(f"the evaluation of {run} is {state}: only one that succeeded can be compared")


class OtherData(ValueError):
    """Runs on different datasets have no yardstick in common."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"the runs are on the datasets {', '.join(names)}: compare runs on one")


class NothingDrawn(LookupError):
    """The evaluations, made by an older version, do not have the figures of a plot."""


@dataclass(frozen=True)
class _Side:
    """A run, its newest evaluation, and how it is called where it is drawn."""

    name: str
    run: tables.Run
    evaluation: tables.Evaluation
    checkpoint: str


@blueprint.get("/comparisons")
@blueprint.input(ComparisonQuery, location="query")
@blueprint.output(Comparison)
def compare(query_data: ComparisonQuery) -> Comparison:
    """The newest evaluations of up to six runs on one dataset, in the order asked for, and their plots"""
    sides = _sides(query_data)
    asked = quote(query_data.runs)
    plots = [
        Drawing(name=name, kind=kind, media_type=_MEDIA[media], url=f"/v1/comparisons/plots/{name}?runs={asked}")
        for kind in _KINDS
        for media in _MEDIA
        if (name := f"{kind.replace('_', '-')}.{media}")
    ]
    compared = [
        Compared(
            name=side.name,
            run_id=side.run.id,
            family=side.run.family,
            preset=side.run.preset,
            seed=side.run.seed,
            evaluation=Evaluation.of(side.evaluation, side.checkpoint),
        )
        for side in sides
    ]
    return Comparison(runs=compared, plots=plots)


@blueprint.get("/comparisons/plots/<name>")
@blueprint.input(ComparisonQuery, location="query")
@blueprint.output(BYTES, content_type="image/png")
def plot(name: str, query_data: ComparisonQuery) -> Response:
    """A plot of the comparison, in its own media type"""
    stem, _, media = name.rpartition(".")
    kind = stem.replace("-", "_")
    if kind not in _KINDS or media not in _MEDIA:
        raise NotFound("comparison's plot", name)
    sides = _sides(query_data)
    etag = hashlib.sha256("\n".join([name, *(side.name + side.evaluation.id for side in sides)]).encode()).hexdigest()
    if request.if_none_match.contains(etag):
        response = Response(status=304)
    else:
        # matplotlib takes most of a second to import, and few ask for this.
        from pianola.evaluation.canvas import NothingToPlot
        from pianola.evaluation.report_plots import PLOTS

        columns = [(side.name, cast("dict[str, Any]", side.evaluation.report)) for side in sides]
        try:
            drawn = PLOTS[kind](columns, cast('Literal["png", "svg"]', media))
        except NothingToPlot as nothing:
            raise NothingDrawn(f"{nothing}: evaluate the runs again") from nothing
        response = Response(drawn, mimetype=_MEDIA[media])
    response.set_etag(etag)
    return response


def _sides(query: ComparisonQuery) -> list[_Side]:
    """Raises NotFound, NotEvaluated, OtherData."""
    found = []
    with here().records.read() as session:
        for place, name in enumerate(query.ids, 1):
            run = runs.get(session, name)
            evaluation = evaluations.newest(session, run.id)
            if evaluation.state != EvaluationState.SUCCEEDED:
                raise NotEvaluated(run.id, evaluation.state)
            checkpoint = session.get_one(tables.Checkpoint, evaluation.checkpoint_id).generator_digest
            found.append(_Side(f"{place}: {run.family} {run.preset}", run, evaluation, checkpoint))
        datasets = {side.run.dataset_id: session.get_one(tables.Dataset, side.run.dataset_id).name for side in found}
    if len(datasets) > 1:
        raise OtherData(sorted(datasets.values()))
    return found
