"""One import, from its source to the dataset's rows: all of its files are added, or none."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Final

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from pianola.intake.collect import Intake
from pianola.intake.entries import Limits, Skipped
from pianola.intake.recipes import LicenceNotAccepted, UnknownRecipe
from pianola.objects import ObjectStore, StoreUnavailable
from pianola.records import Records, datasets, imports
from pianola.records.datasets import NewFile
from pianola.records.errors import DatasetClosed, FileConflict, NotFound, StaleAttempt
from pianola.records.imports import SKIPPED_KEPT, Imported
from pianola.records.tables import Import
from pianola.settings import PreprocessSettings
from pianola_preprocess.importing.download import Web
from pianola_preprocess.importing.errors import ImportFailed, NoMusic, NoRoom
from pianola_preprocess.importing.lease import Lease
from pianola_preprocess.importing.sources import source_files
from pianola_preprocess.importing.spool import Rows, spooled

FILE_BYTES: Final = 8 * 2**20
"""of one MIDI file, as of an uploaded one"""
MOST_ENTRIES: Final = 1_000_000
"""files and archive entries of one import"""
UNPACKED: Final = 8
"""An import may unpack to so many times its largest download."""

_FAILURES: Final = (ImportFailed, UnknownRecipe, LicenceNotAccepted, DatasetClosed, FileConflict, NotFound)
_AWAY: Final = (StoreUnavailable, OperationalError, InterfaceError)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_log = structlog.get_logger("import")


def run_import(
    records: Records, store: ObjectStore, settings: PreprocessSettings, import_id: str, web: Web | None = None
) -> None:
    """Take the import unless another worker has it, and end it: succeeded, or failed with the reason.

    An outage of the store or the database gives it back, to be done again from its beginning: raises StoreUnavailable,
    DBAPIError. What else it raises is a fault: the import still runs, see fail_import. `web` is for tests.
    """
    with records.write() as session:
        row = imports.claim(session, import_id, settings.lease_seconds)
        if row is None:
            return
        folder = datasets.get(session, row.dataset_id).folder
    limits = Limits(FILE_BYTES, UNPACKED * settings.import_max_bytes, MOST_ENTRIES)
    web = web or Web(settings.import_private, settings.import_max_bytes)
    try:
        with Lease(records, settings, row) as lease:
            done = _bring(records, settings, row, Intake(store, folder, limits), web, lease)
        _log.info("import_succeeded", import_id=import_id, added=done.added, skipped=done.skipped)
    except _FAILURES as error:
        _fail(records, import_id, row.attempt, str(error))
    except StaleAttempt:
        _log.info("import_dropped", import_id=import_id, attempt=row.attempt)
    except _AWAY:
        with suppress(*_AWAY, StaleAttempt), records.write() as session:
            imports.release(session, import_id, row.attempt)
        raise


def fail_import(records: Records, import_id: str, error: str) -> None:
    """End a running import with `error`; one that has ended stays as it is. Raises NotFound, DBAPIError."""
    with records.read() as session:
        attempt = imports.get(session, import_id).attempt
    _fail(records, import_id, attempt, error)


def _bring(
    records: Records, settings: PreprocessSettings, row: Import, intake: Intake, web: Web, lease: Lease
) -> Imported:
    """Keep the files, then add them to the dataset and end the import in one transaction."""
    skipped, first_skipped = 0, list[Skipped]()
    with _room(), spooled(settings.spool) as stream:
        rows = Rows(stream)
        with intake, closing(source_files(row.source, intake, settings, web, lease.report)) as files:
            for entry in files:
                lease.check()
                if isinstance(entry, NewFile):
                    rows.add(entry)
                    continue
                skipped += 1
                if len(first_skipped) < SKIPPED_KEPT:
                    first_skipped.append(entry)
        if not rows.count:
            raise NoMusic(_nothing(first_skipped))
        with records.write() as session:
            lease.renew(session)  # what came since the last heartbeat counts too
            added = datasets.add_files(session, row.dataset_id, rows)
            done = Imported(added.added, added.unchanged, added.replaced, skipped, first_skipped)
            imports.succeed(session, row.id, row.attempt, done)
    return done


def _nothing(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return "there are no MIDI files in it: their names end in .mid, .midi, .kar, .rmi or .smf"
    return f"none of its files could be taken: {skipped[0].name}: {skipped[0].reason}"


def _fail(records: Records, import_id: str, attempt: int, error: str) -> None:
    try:
        with records.write() as session:
            imports.fail(session, import_id, attempt, error)
    except StaleAttempt:
        _log.info("import_dropped", import_id=import_id, attempt=attempt)
        return
    _log.warning("import_failed", import_id=import_id, error=error)


@contextmanager
def _room() -> Iterator[None]:
    """The store's own errors have a name of their own: what is left is the spool's."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise NoRoom("the worker's spool is full: give PIANOLA_SPOOL a larger folder, or import less") from error
