"""What a run leaves: metrics, checkpoints, attempts, plots and evaluations."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from apiflask import APIBlueprint
from flask import Response
from sqlalchemy.orm import Session

from pianola.queue import EVALUATE_RUN
from pianola.records import evaluations, runs, tables
from pianola.records.best import best
from pianola_api import lists
from pianola_api.context import here
from pianola_api.idempotency import Done, Message, once
from pianola_api.lists import Place, Row
from pianola_api.schemas.common import PageQuery
from pianola_api.schemas.runs import (
    Attempt,
    AttemptPage,
    Checkpoint,
    CheckpointPage,
    Evaluation,
    MetricPage,
    MetricPoint,
    NewEvaluation,
    Plot,
    PlotPage,
)
from pianola_api.stored import BYTES, stored
from pianola_http.authentication import protect

blueprint = APIBlueprint("results", __name__, tag="Results")
protect(blueprint)


@blueprint.get("/runs/<run>/metrics")
@blueprint.input(PageQuery, location="query")
@blueprint.output(MetricPage)
def metrics(run: str, query_data: PageQuery) -> dict[str, Any]:
    """The run's series: what was measured at each evaluation point, by step"""
    return _left(run, query_data, runs.metrics, lambda row: (row.step, row.attempt), MetricPoint.model_validate)


@blueprint.get("/runs/<run>/attempts")
@blueprint.input(PageQuery, location="query")
@blueprint.output(AttemptPage)
def attempts(run: str, query_data: PageQuery) -> dict[str, Any]:
    """The run's attempts: which worker, how it ended, the end of its log"""
    return _left(run, query_data, runs.attempts, lambda row: (row.number,), Attempt.of)


@blueprint.get("/runs/<run>/checkpoints")
@blueprint.input(PageQuery, location="query")
@blueprint.output(CheckpointPage)
def checkpoints(run: str, query_data: PageQuery) -> dict[str, Any]:
    """The run's committed checkpoints, by step, and which of them is the best so far"""
    with here().records.read() as session:
        row = runs.get(session, run)
        found, best_one = runs.checkpoints(session, row.id), best(session, [row]).get(row.id)
    page = lists.cut(found, lambda one: (one.step, one.attempt), query_data.limit, query_data.cursor)
    return lists.answer(page, lambda one: Checkpoint.of(one, best_one))


@blueprint.get("/runs/<run>/checkpoints/<digest>")
@blueprint.output(BYTES, content_type="application/octet-stream")
def checkpoint(run: str, digest: str) -> Response:
    """A checkpoint's safetensors file: whole, or the generating half alone, whichever has this sha256"""
    with here().records.read() as session:
        row = runs.checkpoint(session, digest, runs.get(session, run).id)
    whole = digest == row.digest
    key, size = (row.key, row.size) if whole else (row.generator_key, row.generator_size)
    response = stored(key, "application/octet-stream", digest, size)
    response.headers["Content-Disposition"] = f'attachment; filename="{digest}.safetensors"'
    return response


@blueprint.get("/runs/<run>/plots")
@blueprint.input(PageQuery, location="query")
@blueprint.output(PlotPage)
def plots(run: str, query_data: PageQuery) -> dict[str, Any]:
    """Pictures and tables that the run and its evaluation left, by step and name"""
    return _left(run, query_data, runs.artefacts, lambda row: (row.step, row.name), _plot)


@blueprint.get("/runs/<run>/plots/<path:name>")
@blueprint.output(BYTES, content_type="image/png")
def plot(run: str, name: str) -> Response:
    """A plot's bytes, in its own media type"""
    with here().records.read() as session:
        row = runs.artefact(session, runs.get(session, run).id, name)
    return stored(row.key, row.media_type, row.key, row.size)


@blueprint.get("/runs/<run>/evaluation")
@blueprint.output(Evaluation)
def evaluation(run: str) -> Evaluation:
    """The run's newest evaluation"""
    with here().records.read() as session:
        return _evaluation(session, evaluations.newest(session, runs.get(session, run).id))


@blueprint.post("/runs/<run>/evaluation")
@blueprint.input(NewEvaluation)
@blueprint.output(Evaluation, status_code=202)
def evaluate(run: str, json_data: NewEvaluation) -> Response:
    """Evaluate the run's checkpoint that plays: the best or the last, as its option `keep` says

    One that is queued or running already is answered as it is.
    """

    def work(session: Session) -> Done:
        row = evaluations.request(session, runs.get(session, run).id, json_data.samples, json_data.seed)
        return Done(202, _evaluation(session, row), [Message(EVALUATE_RUN, (row.id,))])

    return once(work)


def _left(
    run: str,
    query: PageQuery,
    read: Callable[[Session, str], Sequence[Row]],
    place: Callable[[Row], Place],
    item: Callable[[Row], object],
) -> dict[str, Any]:
    """A page of what `read` finds of the run, in the order of `place`, each row as its `item`."""
    with here().records.read() as session:
        rows = read(session, runs.get(session, run).id)
    return lists.answer(lists.cut(rows, place, query.limit, query.cursor), item)


def _evaluation(session: Session, row: tables.Evaluation) -> Evaluation:
    return Evaluation.of(row, session.get_one(tables.Checkpoint, row.checkpoint_id).generator_digest)


def _plot(row: tables.Artefact) -> Plot:
    url = f"/v1/runs/{row.run_id}/plots/{quote(row.name)}"
    return Plot(name=row.name, kind=row.kind, step=row.step, media_type=row.media_type, size=row.size, url=url)
