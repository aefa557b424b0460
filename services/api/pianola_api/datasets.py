"""Datasets: create, add files, label, build, and the report of a build."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from apiflask import APIBlueprint
from flask import Response, g, request
from sqlalchemy.orm import Session

from pianola.dataset.labels import BadLabels, read_label_csv
from pianola.dataset.options import dataset_options
from pianola.records import builds, datasets, idempotency
from pianola.records.errors import DatasetClosed
from pianola.records.states import DatasetState
from pianola.records.tables import Dataset as Row
from pianola_api import lists
from pianola_api.context import here
from pianola_api.idempotency import Done, Message, once
from pianola_api.schemas.datasets import Dataset, DatasetPage, DatasetsQuery, Labelled, NewDataset, Version
from pianola_api.schemas.files import DatasetFile, DatasetFilePage, FilesQuery, SkippedFile, Uploaded, UploadedFile
from pianola_api.uploads import BadUpload, Upload
from pianola_http.authentication import protect
from pianola_http.idempotency import idempotency_key

Result = TypeVar("Result")

LABEL_BYTES: Final = 8 * 2**20
"""the largest CSV of labels: more files are labelled with several"""

blueprint = APIBlueprint("datasets", __name__, tag="Datasets")
protect(blueprint)


@blueprint.post("/datasets")
@blueprint.input(NewDataset)
@blueprint.output(Dataset, status_code=201)
def create(json_data: NewDataset) -> Response:
    """Create a dataset

    It is open: add files, then build it.
    """
    options = dataset_options(json_data.preset, json_data.options or {})

    def work(session: Session) -> Done:
        row = datasets.create(session, json_data.name, json_data.preset, options.to_json())
        return Done(201, _shape(session, row))

    return once(work)


@blueprint.get("/datasets")
@blueprint.input(DatasetsQuery, location="query")
@blueprint.output(DatasetPage)
def listed(query_data: DatasetsQuery) -> dict[str, Any]:
    """List datasets, newest first: every version of each"""
    with here().records.read() as session:
        page = datasets.list_page(session, query_data.limit, query_data.cursor, query_data.name)
        return lists.answer(page, lambda row: _shape(session, row))


@blueprint.get("/datasets/<dataset>")
@blueprint.output(Dataset)
def show(dataset: str) -> Dataset:
    """Show a dataset, by id, by name (its newest version) or as name@2"""
    with here().records.read() as session:
        return _shape(session, datasets.get(session, dataset))


@blueprint.post("/datasets/<dataset>/files")
@blueprint.output(Uploaded, status_code=201)
def add_files(dataset: str) -> Response:
    """Add MIDI files to a dataset

    Any number of parts named `files`; a filename may contain folders. A part named *.zip, *.tar, *.tar.gz or *.tgz is
    expanded. Of archives and folders only .mid .midi .kar .rmi and .smf files are taken; what is not is listed in
    `skipped` with the reason.
    A built dataset never changes: its next version takes the files, and `dataset` says which that is.
    """
    context, key = here(), idempotency_key()
    with context.records.read() as session:
        row = datasets.get(session, dataset)
        repeated = key is not None and idempotency.known(session, key, str(g.caller))
    if row.state == DatasetState.BUILDING and not repeated:
        # Said again below, under the row's lock; here it spares storing files that nobody will want.
        raise DatasetClosed(row.name, row.state, "wait for its build to end, then add to it")
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise BadUpload("the Content-Type names no boundary: let the HTTP library write that header")
    upload = Upload(context.store, row.folder, context.settings.max_file_bytes, context.settings.max_upload_bytes)
    upload.receive(request.stream, boundary)

    def work(session: Session) -> Done:
        taker, count = _taken(
            session,
            row.name,
            lambda taker: datasets.add_files(session, taker, upload.files),
            lambda count: count.added + count.replaced,
        )
        files = [UploadedFile.model_validate(file) for file in upload.files]
        skipped = [SkippedFile.model_validate(file) for file in upload.skipped]
        version = Version.model_validate(taker)
        return Done(201, Uploaded(**vars(count), files=files, skipped=skipped, dataset=version))

    return once(work, upload.digest())


@blueprint.get("/datasets/<dataset>/files")
@blueprint.input(FilesQuery, location="query")
@blueprint.output(DatasetFilePage)
def report(dataset: str, query_data: FilesQuery) -> dict[str, Any]:
    """The report: every file by name, with its verdict once built"""
    with here().records.read() as session:
        row = datasets.get(session, dataset)
        page = datasets.files_page(session, row.id, query_data.limit, query_data.cursor, query_data.verdict)
        return lists.answer(page, DatasetFile.model_validate)


@blueprint.put("/datasets/<dataset>/labels")
@blueprint.output(Labelled)
def label(dataset: str) -> Labelled:
    """Label files of a dataset

    A CSV with a column `file` that holds their names; every other column is a label field, such as composer. A file or
    a field that it does not name keeps its labels. Of a built dataset the next version has the labels.
    """
    labels = read_label_csv(_text(request.get_data()))
    fields = sorted({field for values in labels.values() for field in values})
    with here().records.write() as session:
        taker, (labelled, unknown) = _taken(
            session,
            datasets.get(session, dataset).name,
            lambda taker: datasets.set_labels(session, taker, labels),
            lambda done: done[0],
        )
        return Labelled(labelled=labelled, fields=fields, unknown=unknown, dataset=Version.model_validate(taker))


@blueprint.post("/datasets/<dataset>/build")
@blueprint.output(Dataset, status_code=202)
def build(dataset: str) -> Response:
    """Build a dataset

    Follow its events or its state; once built it never changes. Building one that is building sends its tasks again.
    """

    def work(session: Session) -> Done:
        row = datasets.get(session, dataset)
        messages = [Message(task, ids) for task, ids in builds.start_build(session, row.id)]
        session.refresh(row)
        return Done(202, _shape(session, row), messages)

    return once(work)


def _taken(
    session: Session, name: str, give: Callable[[str], Result], changed: Callable[[Result], int]
) -> tuple[Row, Result]:
    """Give something to the version of a dataset that takes it: which one that is, and what `give` came to.

    No version is made where nothing has changed by it.
    """
    newest = datasets.get(session, name)
    with session.begin_nested() as attempt:
        taker = datasets.new_version(session, newest.id)
        result = give(taker.id)
        if taker.id != newest.id and not changed(result):
            attempt.rollback()
            return newest, result
    return taker, result


def _shape(session: Session, row: Row) -> Dataset:
    return Dataset.of(row, builds.progress(session, row.id) if row.state == DatasetState.BUILDING else None)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadLabels("it is not UTF-8 text: save the table as UTF-8", line) from error
