"""What holds after a storm, read from the database and the store: each function returns sentences on what breaks it."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import safetensors.numpy
from sqlalchemy import select

from pianola.dataset.manifest import read_manifest
from pianola.objects import ObjectMissing, ObjectStore
from pianola.objects.layout import dataset_key, sidecar_key
from pianola.operations.named import named_keys
from pianola.records import Records, runs
from pianola.records.states import TERMINAL, EvaluationState, ImportState, RunState
from pianola.records.tables import Artefact, Attempt, Checkpoint, Dataset, Evaluation, Event, Import, Metric, Run

CANCEL_SECONDS: Final = 15.0
SAMPLES: Final = 1000
"""Windows of the evaluation at a run's end; users ask for fewer."""

Broken = list[str]
Json = dict[str, Any]


@dataclass
class Submitted:
    """What the storm asked for, and what an undisturbed build and undisturbed runs came to.

    cancelled: runs whose cancel was answered. recipes: of each run. points: steps between a recipe's evaluation points.
    digest: of a build. references: of each recipe, the digest of its run's tensors; reports: its evaluation's report.
    heard, misheard: of a Listener.
    """

    runs: dict[str, str] = field(default_factory=dict)  # Idempotency-Key -> id
    recipes: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    datasets: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    points: dict[str, int] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    reports: dict[str, Json] = field(default_factory=dict)
    heard: Counter[str] = field(default_factory=Counter)
    misheard: list[str] = field(default_factory=list)
    digest: str = ""


@dataclass
class Remains:
    """The rows as they are after the storm."""

    records: Records
    store: ObjectStore
    submitted: Submitted
    rows: dict[str, Run] = field(init=False)
    events: dict[str, list[Event]] = field(init=False)
    attempts: dict[str, list[Attempt]] = field(init=False)
    checkpoints: dict[str, list[Checkpoint]] = field(init=False)
    metrics: dict[str, list[Metric]] = field(init=False)
    evaluations: dict[str, list[Evaluation]] = field(init=False)
    artefacts: dict[str, list[Artefact]] = field(init=False)

    def __post_init__(self) -> None:
        with self.records.read() as session:
            self.rows = {run.id: run for run in session.scalars(select(Run))}
            self.events = _grouped(session.scalars(select(Event).order_by(Event.number)), "subject_id")
            self.attempts = _grouped(session.scalars(select(Attempt).order_by(Attempt.number)), "run_id")
            commits = select(Checkpoint).order_by(Checkpoint.attempt, Checkpoint.step)
            self.checkpoints = _grouped(session.scalars(commits), "run_id")
            self.metrics = _grouped(session.scalars(select(Metric).order_by(Metric.step)), "run_id")
            self.evaluations = _grouped(session.scalars(select(Evaluation).order_by(Evaluation.id)), "run_id")
            self.artefacts = _grouped(session.scalars(select(Artefact)), "run_id")

    def of(self, state: RunState) -> Iterable[Run]:
        return (run for run in self.rows.values() if run.state == state)


def _grouped(rows: Iterable[Any], by: str) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, by)].append(row)
    return groups


def every_run_was_submitted_once(remains: Remains) -> Broken:
    """A POST that was repeated because its answer was lost made one run."""
    asked = set(remains.submitted.runs.values())
    return [f"lost: run {run_id}" for run_id in asked - remains.rows.keys()] + [
        f"doubled: run {run_id} was submitted by nobody" for run_id in remains.rows.keys() - asked
    ]


def every_run_has_ended(remains: Remains) -> Broken:
    """In one terminal state, reached by one event, after which nothing happens but its evaluation."""
    broken = []
    for run in remains.rows.values():
        kinds = [event.kind for event in remains.events[run.id]]
        endings = [kind for kind in kinds if kind in TERMINAL]
        if run.state not in TERMINAL:
            broken.append(f"stuck: run {run.id} is {run.state} (attempt {run.attempt}, {kinds[-1]})")
        elif endings != [run.state]:
            broken.append(f"doubled: run {run.id} is {run.state} and its events say {endings}")
        elif kinds[-1] != run.state and not kinds[-1].startswith("evaluation"):
            broken.append(f"doubled: run {run.id} went on after {run.state}: {kinds}")
    return broken


def no_run_failed(remains: Remains) -> Broken:
    """No fault of the machinery is a run's."""
    return [f"lost: run {run.id} failed: {run.error}" for run in remains.of(RunState.FAILED)]


def a_succeeded_run_has_one_final_checkpoint_and_a_gapless_series(remains: Remains) -> Broken:
    """One value at every point, and all those points are there; what a stop or pause kept lies between them."""
    broken = []
    for run in remains.of(RunState.SUCCEEDED):
        finals = [row for row in remains.checkpoints[run.id] if row.final]
        steps = [point.step for point in remains.metrics[run.id] if not point.superseded]
        if len(finals) != 1:
            broken.append(f"doubled: run {run.id} has {len(finals)} final checkpoints")
            continue
        every = remains.submitted.points[remains.submitted.recipes[run.id]]
        wanted = {*range(every, finals[0].step, every), finals[0].step}
        if len(steps) != len(set(steps)):
            broken.append(f"doubled: run {run.id} has points {steps}")
        if missing := wanted - set(steps):
            broken.append(f"lost: run {run.id} lacks the points {sorted(missing)} of {steps}")
    return broken


def an_attempt_goes_on_from_the_last_checkpoint(remains: Remains) -> Broken:
    """So what a fault repeats is less than the way from one checkpoint to the next; and no point is superseded."""
    broken = []
    for run_id, attempts in remains.attempts.items():
        committed: dict[int, int] = defaultdict(int)
        for row in remains.checkpoints[run_id]:
            committed[row.attempt] = max(committed[row.attempt], row.step)
        newest = 0
        for attempt in attempts:
            # One that ended before it had looked for a checkpoint has the step that its run was reported at.
            if committed[attempt.number] and attempt.first_step != newest:
                broken.append(
                    f"lost: run {run_id} attempt {attempt.number} began at {attempt.first_step}, not at {newest}"
                )
            newest = max(newest, committed[attempt.number])
    superseded = [point for points in remains.metrics.values() for point in points if point.superseded]
    return broken + [f"lost: run {point.run_id} dropped the point {point.step}" for point in superseded]


def every_checkpoint_has_its_objects(remains: Remains) -> Broken:
    """Both halves with the sha256 of their row, and a manifest that names them."""
    broken = []
    for row in (row for rows in remains.checkpoints.values() for row in rows):
        try:
            for key, digest in ((row.key, row.digest), (row.generator_key, row.generator_digest)):
                if hashlib.sha256(remains.store.get(key)).hexdigest() != digest:
                    broken.append(f"lost: {key} is not what its row says")
            if json.loads(remains.store.get(row.manifest_key))["checkpoint"]["sha256"] != row.digest:
                broken.append(f"lost: {row.manifest_key} names another checkpoint")
        except ObjectMissing as missing:
            broken.append(f"lost: {missing}")
    return broken


def a_cancelled_run_stops_within_15_s(remains: Remains) -> Broken:
    """And is cancelled for good: it never succeeds later, and commits nothing more."""
    broken = []
    for run_id in remains.submitted.cancelled:
        asked = [event for event in remains.events[run_id] if event.kind == "cancelling"]
        ended = [event for event in remains.events[run_id] if event.kind == "cancelled"]
        if remains.rows[run_id].state != RunState.CANCELLED or not ended:
            broken.append(f"doubled: run {run_id} was cancelled and is {remains.rows[run_id].state}")
            continue
        took = ended[0].created_at - asked[0].created_at if asked else timedelta(0)
        if took > timedelta(seconds=CANCEL_SECONDS):
            broken.append(f"stuck: run {run_id} took {took.total_seconds():.1f} s to cancel")
        if any(row.created_at > ended[0].created_at for row in remains.checkpoints[run_id]):
            broken.append(f"doubled: run {run_id} committed a checkpoint after it was cancelled")
    return broken


def events_are_gapless_and_in_order(remains: Remains) -> Broken:
    """Numbers 1, 2, 3 ... up to what the subject says; times never go back."""
    broken = []
    with remains.records.read() as session:
        subjects: Mapping[str, int] = dict(
            (*session.execute(select(Run.id, Run.last_event)), *session.execute(select(Dataset.id, Dataset.last_event)))  # type: ignore[arg-type]
        )
    for subject, last in subjects.items():
        told = remains.events[subject]
        if [event.number for event in told] != list(range(1, last + 1)):
            broken.append(f"lost: events of {subject} are {[event.number for event in told]} of {last}")
        times = [event.created_at for event in told]
        if times != sorted(times):
            broken.append(f"lost: events of {subject} are out of order")
    return broken


def every_build_has_the_undisturbed_digest(remains: Remains) -> Broken:
    """Each dataset is built, once."""
    broken = []
    with remains.records.read() as session:
        for dataset_id in remains.submitted.datasets:
            dataset = session.get_one(Dataset, dataset_id)
            kinds = Counter(event.kind for event in remains.events[dataset_id])
            if dataset.state != "built":
                sort = "stuck" if dataset.state == "building" else "lost"
                broken.append(f"{sort}: dataset {dataset_id} is {dataset.state}: {dataset.error}")
            elif dataset.digest != remains.submitted.digest:
                broken.append(f"lost: dataset {dataset_id} has digest {dataset.digest}")
            elif kinds["built"] != 1:
                broken.append(f"doubled: dataset {dataset_id} was built {kinds['built']} times")
    return broken


def the_same_seed_ends_in_the_same_weights(remains: Remains) -> Broken:
    """Bit for bit, as of a run to which nothing happened."""
    broken = []
    for run in remains.of(RunState.SUCCEEDED):
        recipe = remains.submitted.recipes[run.id]
        found = weights(remains.store, next(row for row in remains.checkpoints[run.id] if row.final))
        if found != remains.submitted.references[recipe]:
            broken.append(f"lost: run {run.id} of {recipe} ended with other weights")
    return broken


def every_evaluation_has_one_report(remains: Remains) -> Broken:
    """It ends once; that of a run's end says what an undisturbed one says, and what any of them drew is there."""
    broken = []
    for run in remains.rows.values():
        rows = remains.evaluations[run.id]
        told = [event.data["evaluation"] for event in remains.events[run.id] if event.kind.startswith("evaluation_")]
        if sorted(told) != sorted(row.id for row in rows):
            broken.append(f"doubled: run {run.id} tells of the evaluations {told} of {[row.id for row in rows]}")
        for row in rows:
            if row.state != EvaluationState.SUCCEEDED or row.report is None or row.finished_at is None:
                sort = "lost" if row.finished_at is not None else "stuck"
                broken.append(f"{sort}: evaluation {row.id} is {row.state}: {row.error}")
        if run.state == RunState.SUCCEEDED:
            reports = [row.report for row in rows if row.samples == SAMPLES]
            if reports != [remains.submitted.reports[remains.submitted.recipes[run.id]]]:
                broken.append(f"lost: run {run.id} has {len(reports)} reports, or one that says something else")
        sizes = {artefact.key: artefact.size for artefact in remains.artefacts[run.id]}
        for key, size in sizes.items():
            stored = remains.store.stat(key)
            if stored is None or stored.size != size:
                broken.append(f"lost: {key} is not what its row says")
    return broken


def every_import_brought_all_or_nothing(remains: Remains) -> Broken:
    """It ends once. One that failed says that the spool was full, which is the only fault here that may end one."""
    broken = []
    told = Counter(
        event.data["import"]
        for events in remains.events.values()
        for event in events
        if event.kind in ("import_succeeded", "import_failed")
    )
    with remains.records.read() as session:
        rows = {row.id: row for row in session.scalars(select(Import))}
        files = dict(session.execute(select(Dataset.id, Dataset.files)).all())
    if rows.keys() != set(remains.submitted.imports):
        broken.append(f"doubled: there are {len(rows)} imports, and {len(remains.submitted.imports)} were asked for")
    for row in rows.values():
        brought = row.files_added + row.files_unchanged
        if told[row.id] != 1:
            broken.append(f"doubled: import {row.id} tells of {told[row.id]} ends")
        if row.state == ImportState.SUCCEEDED and brought != files[row.dataset_id]:
            broken.append(f"lost: import {row.id} brought {brought} of {files[row.dataset_id]} files")
        elif row.state == ImportState.FAILED and "spool is full" not in str(row.error):
            broken.append(f"lost: import {row.id} failed: {row.error}")
        elif row.state not in (ImportState.SUCCEEDED, ImportState.FAILED):
            broken.append(f"stuck: import {row.id} is {row.state}")
    return broken


def what_was_played_was_right(remains: Remains) -> Broken:
    """Every answer of the sampler was right or a problem that passes; some were right."""
    unheard = [] if remains.submitted.heard["right"] else ["lost: the sampler played nothing"]
    return remains.submitted.misheard + unheard


def nothing_is_stored_that_nothing_names(remains: Remains) -> Broken:
    """After garbage was collected. And nothing that is named was taken."""
    with remains.records.read() as session:
        named = set(named_keys(session))
        built = session.scalars(select(Dataset).where(Dataset.manifest_key.is_not(None))).all()
    for dataset in built:
        manifest = read_manifest(remains.store.get(str(dataset.manifest_key)))
        named |= {dataset_key(dataset.folder, one.key) for one in (*manifest.shards, *manifest.report)}
        named |= {sidecar_key(dataset.folder, one) for one in (manifest.kept, manifest.duplicates) if one is not None}
    stored = {one.key for one in remains.store.listed("")}
    left = [f"doubled: a write of {one.key} never ended" for one in remains.store.unfinished()]
    return (
        left
        + [f"lost: {key} is named and not stored" for key in sorted(named - stored)]
        + [f"doubled: {key} is stored and named by nothing" for key in sorted(stored - named)]
    )


def weights(store: ObjectStore, checkpoint: Checkpoint) -> str:
    """sha256 of all the tensors of a checkpoint."""
    digest = hashlib.sha256()
    for name, array in sorted(safetensors.numpy.load(store.get(checkpoint.key)).items()):
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def report(records: Records, run_id: str) -> Json:
    """What the evaluation at the run's end said."""
    with records.read() as session:
        query = select(Evaluation.report).where(Evaluation.run_id == run_id, Evaluation.samples == SAMPLES)
        found: Json = session.scalars(query).one()
        return found


def final(records: Records, run_id: str) -> Checkpoint:
    """The final checkpoint of a run that succeeded."""
    with records.read() as session:
        return next(row for row in runs.checkpoints(session, run_id) if row.final)


INVARIANTS: Final = (
    every_run_was_submitted_once,
    every_run_has_ended,
    no_run_failed,
    a_succeeded_run_has_one_final_checkpoint_and_a_gapless_series,
    an_attempt_goes_on_from_the_last_checkpoint,
    every_checkpoint_has_its_objects,
    a_cancelled_run_stops_within_15_s,
    events_are_gapless_and_in_order,
    every_build_has_the_undisturbed_digest,
    the_same_seed_ends_in_the_same_weights,
    every_evaluation_has_one_report,
    every_import_brought_all_or_nothing,
    what_was_played_was_right,
    nothing_is_stored_that_nothing_names,
)
