"""The checks of a storm can fail: each of them sees what it is for, in records and a store that are otherwise whole."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from sqlalchemy import delete, update
from sqlalchemy.orm import Session
from trainer import making
from trainer.making import System

from pianola.objects.layout import file_key
from pianola.operations.named import named_keys
from pianola.records import datasets, evaluations, events, imports, leases, open_records, runs
from pianola.records.clock import database_now
from pianola.records.imports import Imported
from pianola.records.leases import NewArtefact, NewCheckpoint
from pianola.records.tables import Artefact, Attempt, Checkpoint, Dataset, Evaluation, Event, Import, Metric, Run

from .invariants import INVARIANTS, SAMPLES, Remains, Submitted

POINTS = (10, 20)
OTHER = "0" * 64


class Scene:
    """A run that succeeded with its evaluation, one that was cancelled, a build and an import, as after a storm."""

    def __init__(self, system: System) -> None:
        self.system, self.records, self.store = system, system.records, system.store
        self.submitted = Submitted(points={"only": POINTS[0]}, reports={"only": {"all": "well"}})
        self.submitted.heard["right"] += 1
        self.dataset = making.built_dataset(system)
        self.submitted.datasets.append(self.dataset)
        with self.records.write() as session:
            self.submitted.digest = str(datasets.get(session, self.dataset).digest)
            self.run, self.cancelled = self._submit(session), self._submit(session)
        self._train()
        self._cancel()
        self._import()
        with self.records.read() as session:
            for key in {key for key in named_keys(session) if not self.store.exists(key)}:
                assert key.startswith(file_key(self.dataset, ""))
                self.store.put(key, b"")

    def broken(self) -> set[str]:
        """The checks that find something."""
        remains = Remains(self.records, self.store, self.submitted)
        return {holds.__name__ for holds in INVARIANTS if holds(remains)}

    def write(self, *statements: Any) -> None:
        with self.records.write() as session:
            for statement in statements:
                session.execute(statement)

    def add(self, *rows: object) -> None:
        with self.records.write() as session:
            session.add_all(rows)

    def happen(self, subject: type[Run] | type[Dataset], subject_id: str, kind: str, **data: object) -> None:
        with self.records.write() as session:
            events.append(session, subject, subject_id, kind, data)

    def commit(self, run_id: str, attempt: int, step: int, final: bool = False) -> None:
        with self.records.write() as session:
            leases.commit_checkpoint(session, run_id, attempt, self.checkpoint(run_id, attempt, step, final), {}, [])

    def checkpoint(self, run_id: str, attempt: int, step: int, final: bool = False) -> NewCheckpoint:
        """With its objects."""
        place = f"runs/{run_id}/a{attempt}/s{step}"
        tensors = safetensors.numpy.save({"weights": np.arange(step)})
        digest, generator = hashlib.sha256(tensors).hexdigest(), hashlib.sha256(b"generator").hexdigest()
        keys = [f"{place}/{name}" for name in ("weights", "generator", "manifest.json")]
        manifest = json.dumps({"checkpoint": {"sha256": digest}}).encode()
        for key, data in zip(keys, (tensors, b"generator", manifest), strict=True):
            self.store.put(key, data)
        return NewCheckpoint(step, 1, keys[0], digest, len(tensors), keys[1], generator, 9, keys[2], final)

    def _submit(self, session: Session) -> str:
        dataset = datasets.get(session, self.dataset)
        run = runs.submit(session, dataset, family="vae", preset="default", options={}, seed=1, queue="train")
        self.submitted.runs[run.id] = run.id
        self.submitted.recipes[run.id] = "only"
        return run.id

    def _claim(self, run_id: str, step: int) -> int:
        with self.records.write() as session:
            run = leases.claim(session, run_id, "worker", 60)
            assert run is not None
            leases.begin(session, run_id, run.attempt, step)
            return run.attempt

    def _train(self) -> None:
        """The first of two attempts is lost after a checkpoint."""
        self.commit(self.run, self._claim(self.run, 0), POINTS[0])
        self.write(update(Run).where(Run.id == self.run).values(lease_until=database_now(-1)))
        with self.records.write() as session:
            leases.reap(session)
        attempt = self._claim(self.run, POINTS[0])
        self.commit(self.run, attempt, POINTS[1], final=True)
        with self.records.write() as session:
            evaluation = leases.succeed(session, self.run, attempt, SAMPLES, 1)
            session.flush()
            self.evaluation = evaluation.id
        plot = f"runs/{self.run}/evaluations/{self.evaluation}/a1/plot.png"
        self.store.put(plot, b"plot")
        with self.records.write() as session:
            evaluations.claim(session, self.evaluation, 60)
            report = self.submitted.reports["only"]
            artefact = NewArtefact("plot.png", "plot", POINTS[1], plot, "image/png", 4)
            evaluations.succeed(session, self.evaluation, 1, report, [artefact])
            final = next(row for row in runs.checkpoints(session, self.run) if row.final)
        tensors = safetensors.numpy.load(self.store.get(final.key))
        learnt = b"".join(name.encode() + array.tobytes() for name, array in sorted(tensors.items()))
        self.submitted.references["only"] = hashlib.sha256(learnt).hexdigest()

    def _cancel(self) -> None:
        attempt = self._claim(self.cancelled, 0)
        with self.records.write() as session:
            runs.cancel(session, self.cancelled)
        self.submitted.cancelled.add(self.cancelled)
        with self.records.write() as session:
            leases.stopped(session, self.cancelled, attempt, "released")

    def _import(self) -> None:
        """Into a dataset that was built since, as far as the checks look."""
        with self.records.write() as session:
            files = datasets.get(session, self.dataset).files
            row = Import(id="imp_1", dataset_id=self.dataset, source={})
            session.add(row)
            session.flush()
            imports.claim(session, row.id, 60)
            imports.succeed(session, row.id, 1, Imported(files, 0))
            self.submitted.imports.append(row.id)


@pytest.fixture
def scene(tmp_path: Path, sqlite_url: str) -> Iterator[Scene]:
    records = open_records(sqlite_url)
    yield Scene(System(tmp_path, records, making.LocalStore(tmp_path / "objects")))
    records.dispose()


def test_what_is_whole_breaks_nothing(scene: Scene) -> None:
    assert scene.broken() == set()


def _event(scene: Scene, told: str, **values: object) -> Any:
    return update(Event).where(Event.kind == told, Event.subject_id.in_(scene.submitted.runs)).values(**values)


def _last_words(scene: Scene) -> None:
    scene.submitted.misheard.append("lost: it played something else")


WOUNDS: list[tuple[str, Callable[[Scene], object], set[str]]] = [
    ("a run is gone", lambda s: s.submitted.runs.update(more="run_x"), {"every_run_was_submitted_once"}),
    ("a POST made two runs", lambda s: s.submitted.runs.pop(s.cancelled), {"every_run_was_submitted_once"}),
    (
        "a run has not ended",
        lambda s: s.write(update(Run).where(Run.id == s.run).values(state="queued")),
        {"every_run_has_ended"},
    ),
    ("a run ended twice", lambda s: s.happen(Run, s.run, "succeeded"), {"every_run_has_ended"}),
    ("a run went on", lambda s: s.happen(Run, s.run, "started"), {"every_run_has_ended"}),
    (
        "a run failed",
        lambda s: s.write(
            update(Run).where(Run.id == s.run).values(state="failed"), _event(s, "succeeded", kind="failed")
        ),
        {"no_run_failed"},
    ),
    (
        "two final checkpoints",
        lambda s: s.write(update(Checkpoint).values(final=True)),
        {
            "a_succeeded_run_has_one_final_checkpoint_and_a_gapless_series",
            "the_same_seed_ends_in_the_same_weights",
        },
    ),
    (
        "a point is missing",
        lambda s: s.write(delete(Metric).where(Metric.step == POINTS[0])),
        {"a_succeeded_run_has_one_final_checkpoint_and_a_gapless_series"},
    ),
    (
        "a point is there twice",
        lambda s: s.add(Metric(run_id=s.run, attempt=2, step=POINTS[0], epoch=1, values={})),
        {"a_succeeded_run_has_one_final_checkpoint_and_a_gapless_series"},
    ),
    (
        "an attempt began anew",
        lambda s: s.write(update(Attempt).where(Attempt.number == 2).values(first_step=0)),
        {"an_attempt_goes_on_from_the_last_checkpoint"},
    ),
    (
        "a point was dropped",
        lambda s: s.write(update(Metric).where(Metric.step == POINTS[0]).values(superseded=True)),
        {
            "an_attempt_goes_on_from_the_last_checkpoint",
            "a_succeeded_run_has_one_final_checkpoint_and_a_gapless_series",
        },
    ),
    (
        "a checkpoint lost its object",
        lambda s: s.store.delete(f"runs/{s.run}/a1/s{POINTS[0]}/generator"),
        {"every_checkpoint_has_its_objects", "nothing_is_stored_that_nothing_names"},
    ),
    (
        "a checkpoint is damaged",
        lambda s: s.system.damage(f"runs/{s.run}/a1/s{POINTS[0]}/weights"),
        {"every_checkpoint_has_its_objects"},
    ),
    (
        "a manifest names another",
        lambda s: s.store.put(f"runs/{s.run}/a1/s{POINTS[0]}/manifest.json", b'{"checkpoint": {"sha256": "0"}}'),
        {"every_checkpoint_has_its_objects"},
    ),
    (
        "a cancel took long",
        lambda s: s.write(
            *(_event(s, kind, created_at=database_now(20)) for kind in ("cancelled", "evaluation_succeeded"))
        ),
        {"a_cancelled_run_stops_within_15_s"},
    ),
    (
        "a cancelled run succeeded",
        lambda s: s.submitted.cancelled.add(s.run),
        {"a_cancelled_run_stops_within_15_s"},
    ),
    (
        "a cancelled run went on",
        lambda s: s.add(
            Checkpoint(
                run_id=s.cancelled,
                attempt=1,
                id="late",
                created_at=_later(s),
                **vars(s.checkpoint(s.cancelled, 1, POINTS[0])),
            )
        ),
        {"a_cancelled_run_stops_within_15_s"},
    ),
    (
        "an event is gone",
        lambda s: s.write(delete(Event).where(Event.subject_id == s.run, Event.kind == "evaluated")),
        {"events_are_gapless_and_in_order"},
    ),
    (
        "time went back",
        lambda s: s.write(_event(s, "requeued", created_at=database_now(60))),
        {"events_are_gapless_and_in_order"},
    ),
    (
        "a build came to something else",
        lambda s: setattr(s.submitted, "digest", OTHER),
        {"every_build_has_the_undisturbed_digest"},
    ),
    (
        "a build ended twice",
        lambda s: s.happen(Dataset, s.dataset, "built"),
        {"every_build_has_the_undisturbed_digest"},
    ),
    (
        "a run learnt something else",
        lambda s: s.submitted.references.update(only=OTHER),
        {"the_same_seed_ends_in_the_same_weights"},
    ),
    (
        "an evaluation ended twice",
        lambda s: s.happen(Run, s.run, "evaluation_succeeded", evaluation=s.evaluation),
        {"every_evaluation_has_one_report"},
    ),
    (
        "an evaluation has not ended",
        lambda s: s.write(update(Evaluation).values(state="running", finished_at=None)),
        {"every_evaluation_has_one_report"},
    ),
    (
        "a report says something else",
        lambda s: s.write(update(Evaluation).values(report={"all": "lost"})),
        {"every_evaluation_has_one_report"},
    ),
    (
        "a plot is cut short",
        lambda s: s.write(update(Artefact).values(size=5)),
        {"every_evaluation_has_one_report"},
    ),
    (
        "an import left a file out",
        lambda s: s.write(update(Import).values(files_added=1)),
        {"every_import_brought_all_or_nothing"},
    ),
    (
        "an import ended twice",
        lambda s: s.happen(Dataset, s.dataset, "import_failed", **{"import": "imp_1"}),
        {"every_import_brought_all_or_nothing"},
    ),
    ("the sampler played something else", _last_words, {"what_was_played_was_right"}),
    ("the sampler played nothing", lambda s: s.submitted.heard.clear(), {"what_was_played_was_right"}),
    (
        "an object that nothing names",
        lambda s: s.store.put(f"runs/{s.run}/a1/s30/weights", b"late"),
        {"nothing_is_stored_that_nothing_names"},
    ),
]


def _later(scene: Scene) -> Any:
    with scene.records.read() as session:
        (ended,) = [event for event in events.after(session, scene.cancelled, 0, 100) if event.kind == "cancelled"]
        return ended.created_at + timedelta(seconds=1)


@pytest.mark.parametrize(("wound", "found"), [each[1:] for each in WOUNDS], ids=[each[0] for each in WOUNDS])
def test_what_is_broken_is_found(scene: Scene, wound: Callable[[Scene], object], found: set[str]) -> None:
    wound(scene)
    assert scene.broken() == found


def test_every_check_has_seen_something() -> None:
    assert set.union(*(found for _, _, found in WOUNDS)) == {holds.__name__ for holds in INVARIANTS}
