"""The run protocol as a state machine: whatever order workers, users and reapers act in, and however time goes by, the
records do what this model of them does.

PIANOLA_STEPS says how many steps are taken on each database (200).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pianola.records import Records, datasets, events, leases, open_records, runs
from pianola.records.clock import database_now
from pianola.records.errors import StaleAttempt
from pianola.records.leases import MAX_BARREN_ATTEMPTS
from pianola.records.states import LEASED, TERMINAL, RunState, WrongState, sources
from pianola.records.tables import Run

from .makers import built_dataset, checkpoint

STEPS = int(os.environ.get("PIANOLA_STEPS", "200"))
STEPS_OF_AN_EXAMPLE = 50
LEASE = 60.0
MOST_RUNS = 3

# No sum of them is near a lease, so what takes place in the test itself plays no part.
SECONDS = st.sampled_from([25.0, 50.0, 100.0])
WHICH = st.integers(0, MOST_RUNS - 1)
BACK = st.integers(0, 2)
"""Who speaks for an attempt: its own worker, or a zombie of one or two attempts before."""


@dataclass
class Model:
    """A run as it has to be."""

    row: Run
    state: RunState = RunState.QUEUED
    attempt: int = 0
    barren: int = 0
    lease_until: float = 0.0
    steps: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    events: int = 1


class Protocol(RuleBasedStateMachine):
    """Rules name what may happen; each compares what the records answer with what the model says."""

    records: ClassVar[Records]
    dataset: ClassVar[str]
    clock: ClassVar[list[float]]

    def __init__(self) -> None:
        super().__init__()
        self.models: list[Model] = []

    @initialize()
    def submit_one(self) -> None:
        self.submit()

    @precondition(lambda self: len(self.models) < MOST_RUNS)
    @rule()
    def submit(self) -> None:
        with self.records.write() as session:
            dataset = datasets.get(session, self.dataset)
            row = runs.submit(session, dataset, family="vae", preset="default", options={}, seed=7, queue="train")
        self.models.append(Model(row))

    @rule(seconds=SECONDS)
    def time_goes_by(self, seconds: float) -> None:
        self.clock[0] += seconds

    @rule(which=WHICH)
    def a_message_comes(self, which: int) -> None:
        """Once, twice, late: only a queued run is taken."""
        model = self._model(which)
        with self.records.write() as session:
            claimed = leases.claim(session, model.row.id, "worker", LEASE)
        assert (claimed is not None) == (model.state == RunState.QUEUED)
        if claimed is not None:
            model.attempt, model.barren, model.state = model.attempt + 1, model.barren + 1, RunState.RUNNING
            model.lease_until, model.events = self.clock[0] + LEASE, model.events + 1
            assert claimed.attempt == model.attempt

    @rule(which=WHICH, back=BACK)
    def a_worker_renews(self, which: int, back: int) -> None:
        model, attempt, live = self._speaker(which, back)
        if self._fenced(live, lambda session: leases.heartbeat(session, model.row.id, attempt, LEASE)):
            model.lease_until = self.clock[0] + LEASE

    @rule(which=WHICH, back=BACK)
    def a_worker_commits(self, which: int, back: int) -> None:
        model, attempt, live = self._speaker(which, back)
        new = checkpoint(model.row, attempt, 10 * (len(model.steps) + 1))
        if self._fenced(live, lambda session: leases.commit_checkpoint(session, model.row.id, attempt, new, {}, [])):
            model.steps.append(new.step)
            model.owners.append(attempt)
            model.barren, model.events = 0, model.events + 1

    @rule(which=WHICH, back=BACK)
    def a_worker_succeeds(self, which: int, back: int) -> None:
        model, attempt, live = self._speaker(which, back)
        new = checkpoint(model.row, attempt, 10 * (len(model.steps) + 1), final=True)

        def succeed(session: object) -> None:
            leases.commit_checkpoint(session, model.row.id, attempt, new, {}, [])  # type: ignore[arg-type]  # a session
            leases.succeed(session, model.row.id, attempt, 10, 7)  # type: ignore[arg-type]  # a session

        if self._fenced(live and model.state != RunState.CANCELLING, succeed):
            model.steps.append(new.step)
            model.owners.append(attempt)
            model.state, model.barren, model.events = RunState.SUCCEEDED, 0, model.events + 2

    @rule(which=WHICH, back=BACK)
    def a_worker_refuses(self, which: int, back: int) -> None:
        model, attempt, live = self._speaker(which, back)
        if self._fenced(live, lambda session: leases.fail(session, model.row.id, attempt, "no", "")):
            cancelled = model.state == RunState.CANCELLING
            model.state = RunState.CANCELLED if cancelled else RunState.FAILED
            model.events += 1

    @rule(which=WHICH, back=BACK, outcome=st.sampled_from(["released", "crashed", "away"]))
    def a_worker_lets_go(self, which: int, back: int, outcome: str) -> None:
        model, attempt, live = self._speaker(which, back)

        def let_go(session: object) -> RunState:
            if outcome == "away":
                return leases.put_off(session, model.row.id, attempt, "away")  # type: ignore[arg-type]  # a session
            return leases.stopped(session, model.row.id, attempt, outcome)  # type: ignore[arg-type]  # a session

        if self._fenced(live, let_go):
            self._ends(model, outcome)

    @rule()
    def a_reaper_looks(self) -> None:
        expired = [one for one in self.models if one.state in LEASED and one.lease_until < self.clock[0]]
        with self.records.write() as session:
            again = {run_id for run_id, _ in leases.reap(session)}
        for model in expired:
            self._ends(model, "lost")
        assert again == {one.row.id for one in expired if one.state == RunState.QUEUED}

    @rule(which=WHICH)
    def a_worker_takes_it_and_dies(self, which: int) -> None:
        """Three of them in a row, and it is the run's fault."""
        self.a_message_comes(which)
        self.clock[0] += LEASE + 1
        self.a_reaper_looks()

    @rule()
    def a_reaper_sends_again(self) -> None:
        """Only what is queued, and not twice."""
        with self.records.write() as session:
            sent = [run_id for run_id, _ in leases.stale_queued(session, 30)]
        assert set(sent) <= {one.row.id for one in self.models if one.state == RunState.QUEUED}
        with self.records.write() as session:
            assert leases.stale_queued(session, 30) == []

    @rule(which=WHICH)
    def a_user_cancels(self, which: int) -> None:
        model = self._model(which)
        if model.state in (RunState.CANCELLING, RunState.CANCELLED):
            return
        held = model.state in LEASED
        self._steer(model, runs.cancel, RunState.CANCELLING if held else RunState.CANCELLED)

    @rule(which=WHICH)
    def a_user_pauses(self, which: int) -> None:
        model = self._model(which)
        if model.state not in (RunState.PAUSING, RunState.PAUSED):
            self._steer(model, runs.pause, RunState.PAUSED if model.state == RunState.QUEUED else RunState.PAUSING)

    @rule(which=WHICH)
    def a_user_resumes(self, which: int) -> None:
        model = self._model(which)
        if model.state == RunState.QUEUED:
            return
        if model.state == RunState.PAUSED:
            self._steer(model, runs.resume, RunState.QUEUED)
        else:
            with pytest.raises(WrongState), self.records.write() as session:
                runs.resume(session, model.row.id)

    @invariant()
    def the_rows_are_as_the_model(self) -> None:
        with self.records.read() as session:
            for model in self.models:
                row = runs.get(session, model.row.id)
                assert (row.state, row.attempt, row.barren_attempts) == (model.state, model.attempt, model.barren)
                assert (row.finished_at is not None) == (row.state in TERMINAL)
                assert (row.lease_owner is None) == (row.state not in LEASED)
                kept = runs.checkpoints(session, row.id)
                assert [(one.step, one.attempt) for one in kept] == list(zip(model.steps, model.owners, strict=True))
                told = events.after(session, row.id, 0, 1000)
                assert [event.number for event in told] == list(range(1, model.events + 1))
                assert sum(event.kind in TERMINAL for event in told) == (row.state in TERMINAL)

    def teardown(self) -> None:
        """Nothing of this example is reaped in the next."""
        with self.records.write() as session:
            session.execute(update(Run).where(Run.state.not_in(TERMINAL)).values(state=RunState.CANCELLED))

    def _model(self, which: int) -> Model:
        return self.models[which % len(self.models)]

    def _speaker(self, which: int, back: int) -> tuple[Model, int, bool]:
        """A run, the attempt that somebody speaks for, and whether it holds the run."""
        model = self._model(which)
        attempt = max(model.attempt - back, 0)
        return model, attempt, attempt == model.attempt and model.state in LEASED

    def _fenced(self, live: bool, write: object) -> bool:
        """Whether it was written, which it is where the attempt is live."""
        try:
            with self.records.write() as session:
                write(session)  # type: ignore[operator]  # a function of a session
        except StaleAttempt:
            assert not live
            return False
        assert live, "a zombie wrote"
        return True

    def _steer(self, model: Model, ask: object, wanted: RunState) -> None:
        if model.state not in sources(wanted):
            with pytest.raises(WrongState), self.records.write() as session:
                ask(session, model.row.id)  # type: ignore[operator]  # one of three functions
            return
        with self.records.write() as session:
            ask(session, model.row.id)  # type: ignore[operator]  # one of three functions
        model.state, model.events = wanted, model.events + 1

    def _ends(self, model: Model, outcome: str) -> None:
        model.events += 1
        counts = outcome in ("crashed", "lost")
        if not counts:
            model.barren = max(model.barren - 1, 0)
        if model.state == RunState.RUNNING:
            poison = counts and model.barren >= MAX_BARREN_ATTEMPTS
            model.state = RunState.FAILED if poison else RunState.QUEUED
        else:
            model.state = {RunState.CANCELLING: RunState.CANCELLED, RunState.PAUSING: RunState.PAUSED}[model.state]


@pytest.fixture
def moved_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The database's clock for everything that asks for it, so many seconds ahead of itself."""
    ahead, plain = [0.0], database_now.__init__

    def moved(self: database_now, seconds: float = 0) -> None:
        plain(self, seconds + ahead[0])

    monkeypatch.setattr(database_now, "__init__", moved)
    yield ahead


def run_protocol(records: Records, clock: list[float], **chosen: object) -> None:
    """Take the steps, in an order that is the same every time."""
    Protocol.records, Protocol.clock, Protocol.dataset = records, clock, built_dataset(records)
    always = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
    run_machine(Protocol, settings=settings(stateful_step_count=STEPS_OF_AN_EXAMPLE, **always, **chosen))  # type: ignore[arg-type]


def test_the_protocol_does_what_its_model_does(records: Records, moved_clock: list[float]) -> None:
    run_protocol(records, moved_clock, max_examples=max(1, STEPS // STEPS_OF_AN_EXAMPLE))
    with records.read() as session:
        assert session.scalars(select(Run.id)).first() is not None


def without_a_fence(session: Session, run_id: str, attempt: int, **values: object) -> Run:
    held = update(Run).where(Run.id == run_id, Run.state.in_(LEASED)).values(attempt=attempt, **values)
    run = session.scalar(held.returning(Run).execution_options(populate_existing=True))
    if run is None:
        raise StaleAttempt(run_id, attempt)
    return run


def without_requeued(session: Session, subject: type[Run], subject_id: str, kind: str, data: dict[str, object]) -> int:
    return 0 if kind == "requeued" else APPEND(session, subject, subject_id, kind, data)


def taking_what_is_held(session: Session, run_id: str, worker: str, lease_seconds: float) -> Run | None:
    session.execute(update(Run).where(Run.id == run_id, Run.state == RunState.RUNNING).values(state=RunState.QUEUED))
    return CLAIM(session, run_id, worker, lease_seconds)


APPEND, CLAIM = events.append, leases.claim


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        (leases, "_fenced", without_a_fence),
        (events, "append", without_requeued),
        (leases, "claim", taking_what_is_held),
        (leases, "MAX_BARREN_ATTEMPTS", 100),
    ],
    ids=["a zombie writes", "an event is lost", "a doubled message starts a run twice", "poison is tried for ever"],
)
def test_a_protocol_that_is_broken_is_found_out(
    sqlite_url: str, moved_clock: list[float], monkeypatch: pytest.MonkeyPatch, module: Any, name: str, broken: object
) -> None:
    records = open_records(sqlite_url)
    monkeypatch.setattr(module, name, broken)
    with pytest.raises((AssertionError, IntegrityError)):
        run_protocol(records, moved_clock, max_examples=40, phases=[Phase.generate], report_multiple_bugs=False)
    records.dispose()
