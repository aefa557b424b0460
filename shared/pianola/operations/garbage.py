"""Garbage collection: what no row needs and nobody is writing goes; what is not known stays.

    runs/RUN/aN/...               an attempt that holds its run may yet name what it wrote. One that does not never
                                  will, for its commits are fenced: what its rows do not name goes.
    runs/RUN/evaluations/E/aN/... the same.
    datasets/FOLDER/files/SHA     what no version's row names goes, unless an import into one of them is open.
    datasets/FOLDER/...           what no built version's manifest names goes, unless one is building: a failed build's
                                  shards are written anew by the next.
    anything else                 is not touched.

All of it only after `grace`, by the store's own clock: what is uploaded has no row before its request ends. A dataset's
rows are locked while its objects go, so that no build and no upload commits in between.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from pianola.dataset.manifest import BadManifest, Manifest, read_manifest
from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore, Stored, verified
from pianola.objects.layout import dataset_key, file_key, sidecar_key
from pianola.operations.alone import alone
from pianola.operations.probe import PREFIX, probe
from pianola.records import Records, imports, retention
from pianola.records.states import LEASED, DatasetState, EvaluationState
from pianola.records.tables import Artefact, Checkpoint, Dataset, DatasetFile, Evaluation, Run
from pianola.spool import Spool

GRACE: Final = timedelta(hours=24)
"""An upload may go on for hours before its rows are there; see also intake.putting.FRESH."""
CHECKPOINTS_AFTER: Final = timedelta(days=7)

SETTLE_SECONDS: Final = 30.0
"""Longer than a request for samples may take, and no longer than a collection may."""

_LOCKED: Final = 100
"""objects deleted while a dataset's rows are locked"""
_ATTEMPT: Final = re.compile(r"runs/[^/]+/(?:evaluations/(?P<evaluation>[^/]+)/)?a(?P<attempt>\d+)/.+")
_log = structlog.get_logger("garbage")


@dataclass(frozen=True)
class Garbage:
    """Something that goes, or would: its key or path, its bytes, and why."""

    name: str
    size: int
    why: str


@dataclass(frozen=True)
class Site:
    """What is cleared up. spool: of the workers on this machine, if there are any; each service's is a folder in it."""

    records: Records
    store: ObjectStore
    spool: Path | None


def collect(
    site: Site, grace: timedelta = GRACE, checkpoints_after: timedelta = CHECKPOINTS_AFTER, dry_run: bool = False
) -> Iterator[Garbage]:
    """Remove what is garbage and yield it; with `dry_run` nothing is removed. Safe beside services at work.

    grace: how old an object without a row must be, by the store's clock. checkpoints_after: how long after a run's end
    its intermediate checkpoints go, see records.retention. Raises Busy, StoreUnavailable, DBAPIError; what was yielded
    is gone then.
    """
    with alone(site.records):
        sweep = _Sweep(site, probe(site.store).clock - grace, dry_run)
        yield from sweep.checkpoints(checkpoints_after.total_seconds())
        yield from sweep.runs()
        yield from sweep.datasets()
        yield from sweep.unfinished()
        yield from sweep.spool()


class _Sweep:
    """One collection. before: what was written later stays."""

    def __init__(self, site: Site, before: datetime, dry_run: bool) -> None:
        self._records, self._store, self._spool = site.records, site.store, site.spool
        self._before, self._dry_run = before, dry_run

    def checkpoints(self, seconds: float) -> Iterator[Garbage]:
        """Rows first, then what they named: a row never names what is gone.

        In between, whoever had found one of them is waited for: a sample that is being drawn gives its checkpoint back.
        """
        with self._records.read() as session:
            runs = retention.ended(session, seconds)
        forgotten = list[Checkpoint]()
        for run_id in runs:
            with self._records.write() as session:
                gone = list(retention.intermediate(session, run_id))
                if not self._dry_run:
                    retention.forget(session, gone)
            if gone and not self._dry_run:
                _log.info("checkpoints_forgotten", run=run_id, steps=[row.step for row in gone])
            forgotten += gone
        if forgotten and not self._dry_run:
            time.sleep(SETTLE_SECONDS)
            with self._records.write() as session:
                kept = retention.remember(session, forgotten)
            forgotten = [row for row in forgotten if row.id not in kept]
        for row in forgotten:
            sizes = {row.key: row.size, row.generator_key: row.generator_size, row.manifest_key: 0}
            for key, size in sizes.items():
                self._delete(key)
                yield Garbage(key, size, "intermediate checkpoint of a run that has ended")

    def runs(self) -> Iterator[Garbage]:
        """What attempts wrote and never named."""
        for run_id, group in self._by_second_part("runs/"):
            found = list(group)
            with self._records.read() as session:
                is_over = _attempts_over(session, run_id)
                # Read after who is at work: what the others committed is committed by now.
                named = _named_by_run(session, run_id)
            for stored in found:
                if stored.key not in named and (why := is_over(stored.key)):
                    self._delete(stored.key)
                    yield Garbage(stored.key, stored.size, why)

    def datasets(self) -> Iterator[Garbage]:
        """What uploads and builds left."""
        for folder, group in self._by_second_part("datasets/"):
            named = self._named_by_manifests(folder)
            files = file_key(folder, "")
            unnamed = (
                stored
                for stored in group
                if stored.key.startswith(files) or (named is not None and stored.key not in named)
            )
            while batch := list(islice(unnamed, _LOCKED)):
                yield from self._in_dataset(folder, files, batch)

    def _in_dataset(self, folder: str, files: str, found: Sequence[Stored]) -> list[Garbage]:
        """Those of the objects that are garbage, with the dataset's rows locked against whoever would name them."""
        garbage = []
        with self._records.write() as session:
            versions = session.scalars(select(Dataset).where(Dataset.folder == folder).with_for_update()).all()
            ids = [version.id for version in versions]
            building = any(version.state == DatasetState.BUILDING for version in versions)
            importing = any(imports.under_way(session, version) for version in ids)
            digests = [stored.key.removeprefix(files) for stored in found if stored.key.startswith(files)]
            rows = select(DatasetFile.sha256).where(DatasetFile.dataset_id.in_(ids), DatasetFile.sha256.in_(digests))
            named = set(session.scalars(rows.distinct()))
            for stored in found:
                of_files = stored.key.startswith(files)
                if importing if of_files else building:
                    continue
                if of_files and stored.key.removeprefix(files) in named:
                    continue
                # An upload that brings it again has written it again.
                now = self._store.stat(stored.key)
                if now is None or now.modified >= self._before:
                    continue
                self._delete(stored.key)
                why = "uploaded, and in no dataset" if of_files else "of a build that failed or was begun again"
                garbage.append(Garbage(stored.key, stored.size, why))
        return garbage

    def _named_by_manifests(self, folder: str) -> frozenset[str] | None:
        """What the built versions in a folder hold; None where one of them cannot be read, and nothing may go."""
        named = set[str]()
        with self._records.read() as session:
            versions = session.scalars(select(Dataset).where(Dataset.folder == folder)).all()
        for version in versions:
            if version.state != DatasetState.BUILT or version.manifest_key is None or version.digest is None:
                continue
            own = (version.manifest_key, version.statistics_key, version.contact_sheet_key)
            named.update(key for key in own if key is not None)
            try:
                manifest = read_manifest(verified(self._store, version.manifest_key, version.digest))
            except (ObjectMissing, ObjectCorrupt, BadManifest) as error:
                _log.warning("dataset_not_swept", dataset=version.id, error=str(error))
                return None
            named.update(_held(manifest, folder))
        return frozenset(named)

    def unfinished(self) -> Iterator[Garbage]:
        """Writes that never ended, and probes that were never deleted."""
        for write in self._store.unfinished():
            if write.begun < self._before:
                if not self._dry_run:
                    self._store.abandon(write)
                yield Garbage(write.key, write.size, "a write that never ended")
        for stored in self._store.listed(PREFIX):
            if stored.modified < self._before:
                self._delete(stored.key)
                yield Garbage(stored.key, stored.size, "left by a doctor")

    def spool(self) -> Iterator[Garbage]:
        """Folders of workers that were killed."""
        for service in sorted(self._spool.iterdir()) if self._spool is not None and self._spool.is_dir() else ():
            for path, size in Spool(service).left_behind(remove=not self._dry_run):
                yield Garbage(str(path), size, "left by a worker that was killed")

    def _by_second_part(self, prefix: str) -> Iterator[tuple[str, Iterator[Stored]]]:
        """Objects past the grace, by the second part of their keys."""
        old = (stored for stored in self._store.listed(prefix) if stored.modified < self._before)
        return groupby(old, lambda stored: stored.key.split("/")[1])

    def _delete(self, key: str) -> None:
        if not self._dry_run:
            self._store.delete(key)


def _attempts_over(session: Session, run_id: str) -> Callable[[str], str | None]:
    """Why what lies at a key of the run will never be named; None where it may be, or where the key is not known."""
    run = session.get(Run, run_id)
    evaluations = {row.id: row for row in session.scalars(select(Evaluation).where(Evaluation.run_id == run_id))}

    def is_over(key: str) -> str | None:
        found = _ATTEMPT.fullmatch(key)
        if found is None:
            return None
        number, evaluation_id = int(found["attempt"]), found["evaluation"]
        if evaluation_id is None:
            at_work, newest = (False, 0) if run is None else (run.state in LEASED, run.attempt)
        else:
            row = evaluations.get(evaluation_id)
            at_work, newest = (False, 0) if row is None else (row.state == EvaluationState.RUNNING, row.attempt)
        if newest == 0:
            return "of a run or an evaluation that is not in the records"
        if number > newest or (at_work and number == newest):
            return None
        return f"written by attempt {number}, which never committed it"

    return is_over


def _named_by_run(session: Session, run_id: str) -> set[str]:
    checkpoints = select(Checkpoint.key, Checkpoint.generator_key, Checkpoint.manifest_key)
    named = {key for row in session.execute(checkpoints.where(Checkpoint.run_id == run_id)) for key in row}
    return named | set(session.scalars(select(Artefact.key).where(Artefact.run_id == run_id)))


def _held(manifest: Manifest, folder: str) -> Iterator[str]:
    """The objects that a manifest names."""
    for key in (*(shard.key for shard in manifest.shards), *(page.key for page in manifest.report)):
        yield dataset_key(folder, key)
    for sha256 in (manifest.kept, manifest.duplicates):
        if sha256 is not None:
            yield sidecar_key(folder, sha256)
