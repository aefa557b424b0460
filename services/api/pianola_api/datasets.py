"""Datasets: create, upload, build, and the report of a build."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, request
from sqlalchemy.orm import Session

from pianola.codec.options import codec_options
from pianola.queue import BUILD_CHUNK, COMMIT_DATASET
from pianola.records import datasets, idempotency
from pianola.records.errors import DatasetClosed
from pianola.records.states import DatasetState
from pianola.records.tables import Dataset as Row
from pianola_api import lists
from pianola_api.context import here
from pianola_api.idempotency import Done, Message, once
from pianola_api.schemas.common import PageQuery
from pianola_api.schemas.datasets import (
    Dataset,
    DatasetFile,
    DatasetFilePage,
    DatasetPage,
    FilesQuery,
    NewDataset,
    SkippedFile,
    Uploaded,
    UploadedFile,
)
from pianola_api.uploads import BadUpload, Upload
from pianola_http.authentication import protect
from pianola_http.idempotency import idempotency_key

blueprint = APIBlueprint("datasets", __name__, tag="Datasets")
protect(blueprint)


@blueprint.post("/datasets")
@blueprint.input(NewDataset)
@blueprint.output(Dataset, status_code=201)
def create(json_data: NewDataset) -> Response:
    """Create a dataset

    It is open: add files, then build it.
    """
    options = codec_options(json_data.preset, json_data.options or {})

    def work(session: Session) -> Done:
        row = datasets.create(session, json_data.name, json_data.preset, options.to_json())
        return Done(201, _shape(session, row))

    return once(work)


@blueprint.get("/datasets")
@blueprint.input(PageQuery, location="query")
@blueprint.output(DatasetPage)
def listed(query_data: PageQuery) -> dict[str, Any]:
    """List datasets, newest first"""
    with here().records.read() as session:
        page = datasets.list_page(session, query_data.limit, query_data.cursor)
        return lists.answer(page, lambda row: _shape(session, row))


@blueprint.get("/datasets/<dataset>")
@blueprint.output(Dataset)
def show(dataset: str) -> Dataset:
    """Show a dataset, by id or name"""
    with here().records.read() as session:
        return _shape(session, datasets.get(session, dataset))


@blueprint.post("/datasets/<dataset>/files")
@blueprint.output(Uploaded, status_code=201)
def add_files(dataset: str) -> Response:
    """Add MIDI files to an open dataset

    Any number of parts named `files`; a filename may contain folders. A part named *.zip is expanded. Of zips and
    folders only .mid .midi .kar .rmi and .smf files are taken; what is not is listed in `skipped` with the reason.
    """
    context, key = here(), idempotency_key()
    with context.records.read() as session:
        row = datasets.get(session, dataset)
        repeated = key is not None and idempotency.known(session, key, str(g.caller))
    if row.state not in (DatasetState.OPEN, DatasetState.FAILED) and not repeated:
        # Said again below, under the row's lock; here it spares storing files that nobody will want.
        raise DatasetClosed(row.name, row.state, "only an open dataset takes files")
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise BadUpload("the Content-Type names no boundary: let the HTTP library write that header")
    upload = Upload(context.store, row.id, context.settings.max_file_bytes, context.settings.max_upload_bytes)
    upload.receive(request.stream, boundary)

    def work(session: Session) -> Done:
        added, unchanged = datasets.add_files(session, row.id, upload.files)
        files = [UploadedFile.model_validate(file) for file in upload.files]
        skipped = [SkippedFile.model_validate(file) for file in upload.skipped]
        return Done(201, Uploaded(added=added, unchanged=unchanged, files=files, skipped=skipped))

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


@blueprint.post("/datasets/<dataset>/build")
@blueprint.output(Dataset, status_code=202)
def build(dataset: str) -> Response:
    """Build a dataset

    Follow its events or its state; once built it never changes. Building one that is building sends its tasks again.
    """

    def work(session: Session) -> Done:
        row = datasets.get(session, dataset)
        chunks = datasets.start_build(session, row.id)
        messages = [Message(BUILD_CHUNK, (row.id, number)) for number in chunks]
        session.refresh(row)
        return Done(202, _shape(session, row), messages or [Message(COMMIT_DATASET, (row.id,))])

    return once(work)


def _shape(session: Session, row: Row) -> Dataset:
    # Counting is for those whose files are being judged; the others' counts are known.
    judged = {DatasetState.OPEN: 0, DatasetState.BUILT: row.files}
    done = judged.get(DatasetState(row.state))
    return Dataset.of(row, datasets.files_done(session, row.id) if done is None else done)
