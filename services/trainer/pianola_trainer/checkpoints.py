"""Checkpoints: written to the spool, put into the store, committed by one transaction; and read back.

A checkpoint is a safetensors file: tensors, and facts as JSON in its metadata. Nothing in it is code.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import structlog
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sqlalchemy import exists, select
from torch import Tensor

from pianola.models.learner import Learner
from pianola.models.registry import save_generator
from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore, sha256_file
from pianola.records import leases, runs
from pianola.records.leases import NewArtefact, NewCheckpoint
from pianola.records.tables import Checkpoint, Json
from pianola_trainer.assignment import Assignment
from pianola_trainer.batches import Split
from pianola_trainer.errors import CheckpointUnreadable, OtherNetworks
from pianola_trainer.patience import patiently
from pianola_trainer.setup import Setup
from pianola_trainer.windows import PackedWindows

_FACTS: Final = "pianola"
"""The metadata's only name: safetensors writes several in an order of chance, and one state would get many digests."""
_FORMAT: Final = 1

_log = structlog.get_logger("checkpoints")


class BadCheckpoint(ValueError):
    """A file that is not a checkpoint of this version."""


@dataclass(frozen=True)
class Place:
    """Where training stands: steps, whole epochs, windows of the next one, seconds spent on steps over all attempts."""

    step: int
    epoch: int
    cursor: int
    elapsed: float


@dataclass(frozen=True)
class File:
    """A picture or table that goes with a checkpoint."""

    name: str
    kind: str
    media_type: str
    data: bytes


def write_checkpoint(path: Path, learner: Learner[Any], place: Place, identity: Json) -> None:
    """Write the learner, the place and the identity (names of what was trained on what) to a file, durably.

    Raises OSError, for example where the disk is full.
    """
    facts = {"format": _FORMAT, "place": asdict(place), "learner": learner.facts(), **identity}
    try:
        save_file(learner.tensors(), path, {_FACTS: json.dumps(facts, sort_keys=True)})
    except SafetensorError as error:
        # What the system said is in its words only.
        if (said := re.search(r"\(os error (\d+)\)", str(error))) is None:
            raise
        raise OSError(int(said[1]), os.strerror(int(said[1])), str(path)) from error
    with path.open("rb") as written:
        os.fsync(written.fileno())


def read_checkpoint(path: Path, learner: Learner[Any]) -> Place:
    """Restore the learner from a file and return its place. Raises BadCheckpoint."""
    tensors, facts = _read(path)
    learner.restore(tensors, facts["learner"])
    return Place(**facts["place"])


def _read(path: Path) -> tuple[dict[str, Tensor], Json]:
    """The tensors and facts that `write_checkpoint` wrote. Raises BadCheckpoint."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_FACTS])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, KeyError, ValueError) as error:
        raise BadCheckpoint(f"not a checkpoint: {error}") from error
    if facts.get("format") != _FORMAT:
        raise BadCheckpoint(f"a checkpoint of format {facts.get('format')!r}, this version reads {_FORMAT}")
    return tensors, facts


def fetch_checkpoint(store: ObjectStore, row: Checkpoint, path: Path) -> None:
    """The whole checkpoint's bytes, checked, into a file. Raises ObjectMissing, ObjectCorrupt, BadCheckpoint."""
    try:
        named = json.loads(store.get(row.manifest_key))["checkpoint"]["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadCheckpoint(f"its manifest cannot be read: {error}") from error
    if named != row.digest:
        raise BadCheckpoint(f"its manifest names {named}, its record {row.digest}")
    store.get_file(row.key, path)
    if (found := sha256_file(path)) != row.digest:
        raise ObjectCorrupt(row.key, row.digest, found)


class Checkpoints:
    """The checkpoints of one attempt's run."""

    def __init__(self, assignment: Assignment, windows: PackedWindows, sides: Split, setup: Setup) -> None:
        self._assignment = assignment
        self._lowest_pitch, self._condition = windows.lowest_pitch, windows.condition
        run = assignment.run
        self._identity: Json = {
            "run": run.id,
            "family": run.family,
            "preset": run.preset,
            "seed": run.seed,
            "dataset": assignment.dataset.digest,
            "held_out": {"by": sides.by, "windows": len(sides.held_out)},
            "setup": setup.to_json(),
            "from_checkpoint": None if assignment.source is None else assignment.source.digest,
        }

    def restore(self, learner: Learner[Any]) -> tuple[Place, bool] | None:
        """Restore the learner from the newest committed checkpoint that is whole, of any attempt.

        Returns where it stands and whether that is the run's end; None to start from the beginning.
        """
        with self._assignment.records.read() as session:
            rows = runs.checkpoints(session, self._assignment.run.id)
        # The order of their commits: what a later attempt committed continues what it found whole.
        path = self._assignment.workspace / "resume.safetensors"
        for row in sorted(rows, key=lambda row: (row.attempt, row.step), reverse=True):
            try:
                patiently(partial(fetch_checkpoint, self._assignment.store, row, path))
                return read_checkpoint(path, learner), row.final
            except (ObjectMissing, ObjectCorrupt, BadCheckpoint) as error:
                _log.warning("checkpoint_unreadable", step=row.step, of_attempt=row.attempt, reason=str(error))
            finally:
                path.unlink(missing_ok=True)
        return None

    def adopt(self, learner: Learner[Any]) -> None:
        """Give the learner the weights that the run begins with, where those are a checkpoint's.

        Raises CheckpointUnreadable and OtherNetworks.
        """
        source = self._assignment.source
        if source is None:
            return
        path = self._assignment.workspace / "source.safetensors"
        try:
            patiently(partial(fetch_checkpoint, self._assignment.store, source, path))
            tensors, _ = _read(path)
        except (ObjectMissing, ObjectCorrupt, BadCheckpoint) as error:
            raise CheckpointUnreadable(source.digest, error) from error
        finally:
            path.unlink(missing_ok=True)
        try:
            learner.adopt(tensors)
        except RuntimeError as error:
            raise OtherNetworks(source.digest, error) from error
        _log.info("adopted", digest=source.digest, of_run=source.run_id, of_step=source.step)

    def commit(
        self,
        learner: Learner[Any],
        place: Place,
        values: Json,
        files: Sequence[File],
        *,
        final: bool,
        stopped_early: Json | None = None,
    ) -> None:
        """Commit the learner as it is now, with what was measured and drawn; stopped_early: see leases.

        Objects first, the manifest last of them, then one fenced transaction: a checkpoint that a row names is whole.
        Raises StaleAttempt.
        """
        folder = f"runs/{self._assignment.run.id}/a{self._assignment.attempt}/s{place.step}"
        key, digest, size = self._put_whole(folder, learner, place)
        generator = save_generator(learner, self._lowest_pitch, self._condition)
        generator_digest = sha256(generator).hexdigest()
        generator_key = f"{folder}/{generator_digest}.safetensors"
        self._put(generator_key, generator)
        for file in files:
            self._put(f"{folder}/{file.name}", file.data)
        artefacts = [
            NewArtefact(file.name, file.kind, place.step, f"{folder}/{file.name}", file.media_type, len(file.data))
            for file in files
        ]
        manifest = {
            "format": _FORMAT,
            **self._identity,
            "attempt": self._assignment.attempt,
            "options": self._assignment.options.model_dump(mode="json"),
            "place": asdict(place),
            "final": final,
            "values": values,
            "checkpoint": {"key": key, "sha256": digest, "size": size},
            "generator": {"key": generator_key, "sha256": generator_digest, "size": len(generator)},
            "artefacts": [asdict(artefact) for artefact in artefacts],
        }
        manifest_key = f"{folder}/manifest.json"
        self._put(manifest_key, json.dumps(manifest, sort_keys=True).encode())
        new = NewCheckpoint(
            step=place.step,
            epoch=place.epoch,
            key=key,
            digest=digest,
            size=size,
            generator_key=generator_key,
            generator_digest=generator_digest,
            generator_size=len(generator),
            manifest_key=manifest_key,
            final=final,
        )
        patiently(lambda: self._commit(new, values, artefacts, stopped_early))
        _log.info("committed", step=place.step, digest=digest, final=final)

    def _put_whole(self, folder: str, learner: Learner[Any], place: Place) -> tuple[str, str, int]:
        """Key, digest and size of the whole checkpoint, put into the store by way of the spool."""
        path = self._assignment.workspace / "checkpoint.safetensors"
        try:
            write_checkpoint(path, learner, place, self._identity)
            digest = sha256_file(path)
            key = f"{folder}/{digest}.safetensors"
            patiently(lambda: self._assignment.store.put_file(key, path))
            return key, digest, path.stat().st_size
        finally:
            path.unlink(missing_ok=True)

    def _put(self, key: str, data: bytes) -> None:
        patiently(lambda: self._assignment.store.put(key, data))

    def _commit(
        self, new: NewCheckpoint, values: Json, artefacts: Sequence[NewArtefact], stopped_early: Json | None
    ) -> None:
        run_id, attempt = self._assignment.run.id, self._assignment.attempt
        with self._assignment.records.write() as session:
            # A connection that broke may have broken after the commit.
            same = (Checkpoint.run_id == run_id, Checkpoint.attempt == attempt, Checkpoint.step == new.step)
            if not session.scalar(select(exists().where(*same))):
                leases.commit_checkpoint(session, run_id, attempt, new, values, artefacts, stopped_early)
