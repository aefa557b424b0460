"""Imports: files that a worker fetches into a dataset. Leases and attempts are as an evaluation's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import case, or_, select, update
from sqlalchemy.orm import Session

from pianola.intake.entries import Skipped
from pianola.records import events
from pianola.records.clock import database_now
from pianola.records.datasets import MENDABLE, lock
from pianola.records.errors import NotFound, StaleAttempt
from pianola.records.ids import new_id
from pianola.records.paging import Page, page
from pianola.records.states import ImportState
from pianola.records.tables import Dataset, Import, Json

MAX_LOSSES: Final = 3
"""An import that has lost its worker this many times has failed."""
SKIPPED_KEPT: Final = 100

_OPEN: Final = (ImportState.QUEUED, ImportState.RUNNING)


@dataclass(frozen=True)
class Imported:
    """What an import came to. `skipped` counts all files not taken, `first_skipped` are those to show."""

    added: int
    unchanged: int
    replaced: int = 0
    skipped: int = 0
    first_skipped: Sequence[Skipped] = field(default=())


def create(session: Session, dataset_id: str, source: Json) -> Import:
    """A new, queued import; send its task after the commit.

    Raises NotFound, and DatasetClosed unless the dataset is open or failed.
    """
    lock(session, dataset_id, MENDABLE, "only an open dataset takes files")
    row = Import(id=new_id("imp"), dataset_id=dataset_id, source=source)
    session.add(row)
    session.flush()
    # Not the source: an address may be signed, and events are read by more people than may fetch from it.
    events.append(session, Dataset, dataset_id, "import_queued", {"import": row.id, "kind": source.get("kind")})
    session.refresh(row)
    return row


def get(session: Session, import_id: str) -> Import:
    """The import with this id. Raises NotFound."""
    row = session.get(Import, import_id)
    if row is None:
        raise NotFound("import", import_id)
    return row


def list_page(session: Session, dataset_id: str, limit: int, cursor: str | None) -> Page[Import]:
    """The dataset's imports, newest first."""
    return page(session, select(Import).where(Import.dataset_id == dataset_id), Import.id, limit, cursor)


def under_way(session: Session, dataset_id: str) -> bool:
    """Whether an import into the dataset is queued or running."""
    query = select(Import.id).where(Import.dataset_id == dataset_id, Import.state.in_(_OPEN)).limit(1)
    return session.scalar(query) is not None


def claim(session: Session, import_id: str, lease_seconds: float) -> Import | None:
    """Take an import that is queued, or whose worker is gone. None: drop the message."""
    row = session.scalar(
        update(Import)
        .where(
            Import.id == import_id,
            or_(
                Import.state == ImportState.QUEUED,
                (Import.state == ImportState.RUNNING) & (Import.lease_until < database_now()),
            ),
        )
        .values(
            state=ImportState.RUNNING,
            attempt=Import.attempt + 1,
            losses=Import.losses + case((Import.state == ImportState.RUNNING, 1), else_=0),
            lease_until=database_now(lease_seconds),
            bytes_done=0,
            bytes_total=None,
        )
        .returning(Import)
        .execution_options(populate_existing=True)
    )
    if row is not None and row.losses >= MAX_LOSSES:
        fail(session, import_id, row.attempt, f"{MAX_LOSSES} workers were lost in the middle of it: import again")
        return None
    return row


def heartbeat(
    session: Session, import_id: str, attempt: int, lease_seconds: float, bytes_done: int, bytes_total: int | None
) -> None:
    """Keep the lease and say how far it is. Raises StaleAttempt."""
    progress = {"bytes_done": bytes_done, "bytes_total": bytes_total}
    _fenced(session, import_id, attempt, lease_until=database_now(lease_seconds), **progress)


def release(session: Session, import_id: str, attempt: int) -> None:
    """Give the import back unfinished: queued again. Raises StaleAttempt."""
    _fenced(session, import_id, attempt, state=ImportState.QUEUED, sent_at=database_now())


def succeed(session: Session, import_id: str, attempt: int, done: Imported) -> None:
    """Keep what it came to, with the dataset's event. Raises StaleAttempt."""
    counts = {"added": done.added, "unchanged": done.unchanged, "replaced": done.replaced, "skipped": done.skipped}
    row = _fenced(
        session,
        import_id,
        attempt,
        state=ImportState.SUCCEEDED,
        skipped=[vars(skipped) for skipped in done.first_skipped[:SKIPPED_KEPT]],
        finished_at=database_now(),
        **{f"files_{name}": count for name, count in counts.items()},
    )
    events.append(session, Dataset, row.dataset_id, "import_succeeded", {"import": import_id, **counts})


def fail(session: Session, import_id: str, attempt: int, error: str) -> None:
    """It cannot succeed: `error` says why. Raises StaleAttempt."""
    row = _fenced(session, import_id, attempt, state=ImportState.FAILED, error=error, finished_at=database_now())
    events.append(session, Dataset, row.dataset_id, "import_failed", {"import": import_id, "error": error})


def stale(session: Session, seconds: float) -> list[str]:
    """Imports whose task or worker may be lost: send their tasks again. Marks them sent."""
    lost = (Import.state == ImportState.QUEUED) | (
        (Import.state == ImportState.RUNNING) & (Import.lease_until < database_now())
    )
    query = (
        update(Import)
        .where(lost, Import.sent_at < database_now(-seconds))
        .values(sent_at=database_now())
        .returning(Import.id)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(query))


def _fenced(session: Session, import_id: str, attempt: int, **values: object) -> Import:
    row = session.scalar(
        update(Import)
        .where(Import.id == import_id, Import.attempt == attempt, Import.state == ImportState.RUNNING)
        .values(**values)
        .returning(Import)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise StaleAttempt(import_id, attempt)
    return row
