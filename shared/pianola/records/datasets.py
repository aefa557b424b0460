"""Datasets, their versions and their files. How one is built is in builds.py."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import bindparam, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pianola.dataset.labels import folder_labels
from pianola.records import events
from pianola.records.clock import database_now
from pianola.records.errors import DatasetClosed, FileConflict, NameTaken, NotFound
from pianola.records.ids import new_id
from pianola.records.open import plan_for_values
from pianola.records.paging import Page, page
from pianola.records.states import DatasetState
from pianola.records.tables import FILES, Dataset, DatasetFile, Json

MENDABLE: Final = (DatasetState.OPEN, DatasetState.FAILED)
"""States in which a dataset takes files and labels and may be built."""

_BATCH: Final = 1000  # rows of a statement: SQLite takes 32,766 parameters, PostgreSQL 65,535
_UNKNOWN_SHOWN: Final = 100
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class NewFile:
    """A file to add: its name (folders allowed), the sha256 of its content, its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass
class Added:
    """What adding files came to: new ones, those there already with the same content, and those of the version before
    whose content is another one now.
    """

    added: int = 0
    unchanged: int = 0
    replaced: int = 0


def create(session: Session, name: str, preset: str, options: Json) -> Dataset:
    """A new, open dataset, the first version of its name. Raises NameTaken."""
    dataset_id = new_id("ds")
    dataset = Dataset(id=dataset_id, name=name, folder=dataset_id, preset=preset, options=options)
    try:
        with session.begin_nested():
            session.add(dataset)
    except IntegrityError:
        raise NameTaken(name) from None
    events.append(session, Dataset, dataset.id, "created", {"name": name, "version": 1})
    session.refresh(dataset)
    return dataset


def get(session: Session, reference: str) -> Dataset:
    """The dataset with this id; the newest version of the one with this name, or for `name@2` that version.

    Raises NotFound.
    """
    found = session.get(Dataset, reference)
    if found is None:
        name, at, version = reference.rpartition("@")
        if not at:
            found = _newest(session, reference)
        elif version.isascii() and version.isdigit() and len(version) < 10:
            query = select(Dataset).where(Dataset.name == name, Dataset.version == int(version))
            found = session.scalar(query)
    if found is None:
        raise NotFound("dataset", reference)
    return found


def list_page(session: Session, limit: int, cursor: str | None, name: str | None = None) -> Page[Dataset]:
    """Datasets, newest first, all of them or the versions of one name."""
    query = select(Dataset)
    if name is not None:
        query = query.where(Dataset.name == name)
    return page(session, query, Dataset.id, limit, cursor)


def files_page(
    session: Session, dataset_id: str, limit: int, cursor: str | None, verdict: str | None = None
) -> Page[DatasetFile]:
    """The dataset's files in the order of their names by code points, all of them or those with this verdict."""
    query = select(DatasetFile).where(DatasetFile.dataset_id == dataset_id)
    if verdict is not None:
        query = query.where(DatasetFile.verdict == verdict)
    return page(session, query, DatasetFile.name, limit, cursor, newest_first=False)


def names_at(session: Session, dataset_id: str, positions: Sequence[int]) -> dict[int, str]:
    """The names of some files of a planned dataset, by position."""
    query = select(DatasetFile.position, DatasetFile.name).where(
        DatasetFile.dataset_id == dataset_id, DatasetFile.position.in_(positions)
    )
    return {position: name for position, name in session.execute(query) if position is not None}


def files_at(session: Session, dataset_id: str, positions: Sequence[int]) -> dict[int, DatasetFile]:
    """Some files of a planned dataset, by position: as many as a statement takes, some thousands."""
    query = select(DatasetFile).where(DatasetFile.dataset_id == dataset_id, DatasetFile.position.in_(positions))
    return {row.position: row for row in session.scalars(query) if row.position is not None}


def count_by_state(session: Session) -> dict[str, int]:
    """How many datasets there are in each state, those with none included."""
    found = session.execute(select(Dataset.state, func.count()).group_by(Dataset.state))
    return {state.value: 0 for state in DatasetState} | dict(found.all())


def new_version(session: Session, dataset_id: str) -> Dataset:
    """The version of the dataset's name that takes files: the newest where it is open or failed, else a new one.

    A new version begins with the files of the newest, has its options and keeps its objects where those of the others
    are. Callers at the same time get the same one. Raises NotFound, and DatasetClosed while the newest is building.
    """
    name = session.scalar(select(Dataset.name).where(Dataset.id == dataset_id))
    if name is None:
        raise NotFound("dataset", dataset_id)
    while True:
        newest = _newest(session, name)
        assert newest is not None  # datasets are never deleted
        if newest.state in MENDABLE:
            return newest
        if newest.state == DatasetState.BUILDING:
            raise DatasetClosed(name, newest.state, "wait for its build to end, then add to it")
        version = _after(newest)
        try:
            with session.begin_nested():
                session.add(version)
        except IntegrityError:
            continue  # another caller was faster: this one takes that version
        _inherit_files(session, newest, version)
        events.append(session, Dataset, version.id, "created", {"name": name, "version": version.version})
        session.refresh(version)
        return version


def add_files(session: Session, dataset_id: str, files: Iterable[NewFile]) -> Added:
    """Add `files`, of which a batch at a time is in memory.

    In a version, a file inherited from the one before may be replaced by other content under its name. Raises
    DatasetClosed unless the dataset is open or failed, FileConflict where a name is taken by other content.
    """
    dataset = lock(session, dataset_id, MENDABLE, "only an open dataset takes files")
    fields = tuple(dataset.options.get("folder_labels", ()))
    total = Added()
    for batch in _batches(files):
        _add_batch(session, dataset, fields, batch, total)
    session.execute(
        update(Dataset)
        .where(Dataset.id == dataset_id)
        .values(files=Dataset.files + total.added, updated_at=database_now())
    )
    return total


def set_labels(session: Session, dataset_id: str, labels: Mapping[str, Mapping[str, str]]) -> tuple[int, list[str]]:
    """Give files values by field: `labels[file name][field]`. A field that is not named keeps its value.

    Returns how many files were labelled, and the first 100 names that the dataset does not have. Raises DatasetClosed
    unless the dataset is open or failed.
    """
    lock(session, dataset_id, MENDABLE, "labels are part of a dataset: give them to its next version")
    plan_for_values(session)
    labelled, unknown = 0, list[str]()
    for batch in _batches(labels):
        held = dict(session.execute(_named(dataset_id, batch, FILES.c.labels)).all())
        rows = [{"of": name, "to": {**held[name], **labels[name]}} for name in batch if name in held]
        unknown += [name for name in batch if name not in held][: _UNKNOWN_SHOWN - len(unknown)]
        labelled += len(rows)
        if rows:
            session.connection().execute(
                update(FILES)
                .where(FILES.c.dataset_id == dataset_id, FILES.c.name == bindparam("of"))
                .values(labels=bindparam("to")),
                rows,
            )
    session.execute(update(Dataset).where(Dataset.id == dataset_id).values(updated_at=database_now()))
    return labelled, unknown


def lock(session: Session, dataset_id: str, states: tuple[DatasetState, ...], wanted: str) -> Dataset:
    """The dataset with its row locked. Raises NotFound, and DatasetClosed with `wanted` in any state but `states`."""
    dataset = session.scalar(
        select(Dataset).where(Dataset.id == dataset_id).with_for_update().execution_options(populate_existing=True)
    )
    if dataset is None:
        raise NotFound("dataset", dataset_id)
    if dataset.state not in states:
        raise DatasetClosed(dataset.name, dataset.state, wanted)
    return dataset


def _newest(session: Session, name: str) -> Dataset | None:
    query = select(Dataset).where(Dataset.name == name).order_by(Dataset.version.desc()).limit(1)
    return session.scalar(query.execution_options(populate_existing=True))


def _after(parent: Dataset) -> Dataset:
    return Dataset(
        id=new_id("ds"),
        name=parent.name,
        version=parent.version + 1,
        folder=parent.folder,
        parent_id=parent.id,
        preset=parent.preset,
        options=parent.options,
        files=parent.files,
    )


def _inherit_files(session: Session, parent: Dataset, version: Dataset) -> None:
    kept = ("name", "sha256", "size", "labels")
    fresh = {"held_out": False, "windows": 0, "notes": 0, "left_out": {}, "warnings": []}
    values = [literal(value, FILES.c[name].type) for name, value in fresh.items()]
    rows = select(literal(version.id), *(FILES.c[name] for name in kept), *values)
    rows = rows.where(FILES.c.dataset_id == parent.id)
    session.execute(insert(FILES).from_select(["dataset_id", *kept, *fresh], rows, include_defaults=False))


def _add_batch(
    session: Session, dataset: Dataset, fields: tuple[str, ...], batch: Sequence[NewFile], total: Added
) -> None:
    rows = [{"dataset_id": dataset.id, **vars(file), "labels": folder_labels(file.name, fields)} for file in batch]
    insert_into = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert_into(FILES).on_conflict_do_nothing()
    added = session.connection().execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount
    replaced = 0 if added == len(batch) else _replace(session, dataset, batch)
    total.added += added
    total.replaced += replaced
    total.unchanged += len(batch) - added - replaced


def _replace(session: Session, dataset: Dataset, files: Sequence[NewFile]) -> int:
    """Give those files their content whose names hold inherited ones. Returns their number, raises FileConflict."""
    plan_for_values(session)
    names = [file.name for file in files]
    held = dict(session.execute(_named(dataset.id, names, FILES.c.sha256)).all())
    inherited: dict[str, str] = {}
    if dataset.parent_id is not None and any(held[file.name] != file.sha256 for file in files):
        inherited = dict(session.execute(_named(dataset.parent_id, names, FILES.c.sha256)).all())
    replaced: list[dict[str, Any]] = []
    for file in files:
        if held[file.name] == file.sha256:
            continue
        if held[file.name] != inherited.get(file.name):
            raise FileConflict(file.name)
        replaced.append({"of": file.name, "to": file.sha256, "bytes": file.size})
        held[file.name] = file.sha256
    if replaced:
        session.connection().execute(
            update(FILES)
            .where(FILES.c.dataset_id == dataset.id, FILES.c.name == bindparam("of"))
            .values(sha256=bindparam("to"), size=bindparam("bytes")),
            replaced,
        )
    return len(replaced)


def _named(dataset_id: str, names: Sequence[str], column: Any) -> Any:
    return select(FILES.c.name, column).where(FILES.c.dataset_id == dataset_id, FILES.c.name.in_(names))


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
