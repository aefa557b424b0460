"""Runs: submit, list, show, steer."""

import secrets
from collections.abc import Callable
from typing import Any, Final

from apiflask import APIBlueprint
from flask import Response
from sqlalchemy.orm import Session

from pianola.models.presets import resolve
from pianola.queue import TRAIN_RUN
from pianola.records import datasets, runs
from pianola.records.best import best
from pianola.records.states import RunState
from pianola.records.tables import Checkpoint, Dataset
from pianola.records.tables import Run as Row
from pianola_api import lists
from pianola_api.context import here
from pianola_api.idempotency import Done, Message, once
from pianola_api.schemas.runs import QUEUES, NewRun, Run, RunPage, RunsQuery
from pianola_api.submission import check_condition, check_hold_out, check_shape, check_windows, choose, find_source
from pianola_http.authentication import protect

# Short enough to be read out and typed again.
_RANDOM_SEEDS: Final = 2**31

blueprint = APIBlueprint("runs", __name__, tag="Runs")
protect(blueprint)


@blueprint.post("/runs")
@blueprint.input(NewRun)
@blueprint.output(Run, status_code=201)
def submit(json_data: NewRun) -> Response:
    """Submit a run

    The options are checked now and kept as resolved: the preset's, changed by those given.
    """
    seed = secrets.randbelow(_RANDOM_SEEDS) if json_data.seed is None else json_data.seed

    def work(session: Session) -> Done:
        dataset = datasets.get(session, json_data.dataset)
        name = json_data.from_checkpoint
        source = None if name is None else find_source(session, name)
        choice = choose(session, json_data, source)
        options = resolve(choice.family, choice.preset, choice.given)
        check_hold_out(dataset, choice.given)
        check_condition(dataset, options)
        if name is not None and source is not None:
            check_shape(session, name, source, dataset, choice, options)
        row = runs.submit(
            session,
            dataset,
            family=choice.family,
            preset=choice.preset,
            options=options.model_dump(mode="json"),
            seed=seed,
            queue=QUEUES[json_data.device],
            model=json_data.model,
            from_checkpoint=source,
        )
        check_windows(dataset, options)
        return Done(201, _shape(session, row), [_task(row)])

    return once(work)


@blueprint.get("/runs")
@blueprint.input(RunsQuery, location="query")
@blueprint.output(RunPage)
def listed(query_data: RunsQuery) -> dict[str, Any]:
    """List runs, newest first"""
    with here().records.read() as session:
        of = None if query_data.dataset is None else datasets.get(session, query_data.dataset).id
        page = runs.list_page(session, query_data.limit, query_data.cursor, query_data.state, of)
        # The session keeps the datasets it has seen: a list of runs asks for each one once.
        found = best(session, page.rows)
        return lists.answer(page, lambda row: _of(session, row, found.get(row.id)))


@blueprint.get("/runs/<run>")
@blueprint.output(Run)
def show(run: str) -> Run:
    """Show a run"""
    with here().records.read() as session:
        return _shape(session, runs.get(session, run))


@blueprint.post("/runs/<run>/cancel")
@blueprint.output(Run, status_code=202)
def cancel(run: str) -> Response:
    """Cancel a run for good"""
    return _steer(run, runs.cancel)


@blueprint.post("/runs/<run>/pause")
@blueprint.output(Run, status_code=202)
def pause(run: str) -> Response:
    """Pause a run after one more checkpoint"""
    return _steer(run, runs.pause)


@blueprint.post("/runs/<run>/resume")
@blueprint.output(Run, status_code=202)
def resume(run: str) -> Response:
    """Queue a paused run again"""
    return _steer(run, runs.resume)


def _steer(run: str, move: Callable[[Session, str], Row]) -> Response:
    def work(session: Session) -> Done:
        row = move(session, run)
        return Done(202, _shape(session, row), [_task(row)] if row.state == RunState.QUEUED else [])

    return once(work)


def _task(row: Row) -> Message:
    return Message(TRAIN_RUN, (row.id,), row.queue)


def _shape(session: Session, row: Row) -> Run:
    return _of(session, row, best(session, [row]).get(row.id))


def _of(session: Session, row: Row, best_so_far: Checkpoint | None) -> Run:
    source = None if row.from_checkpoint_id is None else session.get_one(Checkpoint, row.from_checkpoint_id)
    return Run.of(row, session.get_one(Dataset, row.dataset_id), best_so_far, source)
