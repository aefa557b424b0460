"""The supervisor, with real child processes and leases that say one thing."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import servers
from sqlalchemy.exc import OperationalError

from pianola.records.errors import StaleAttempt
from pianola.settings import TrainerSettings
from pianola_trainer import supervision
from pianola_trainer.child import Child, new_nursery
from pianola_trainer.exits import Exit
from pianola_trainer.orders import Order
from pianola_trainer.supervision import Ended, Finished, supervise


@dataclass
class Saying:
    """A lease that answers every question in one way."""

    answer: Callable[[], Order | None]

    def renew(self) -> Order | None:
        return self.answer()

    def look(self) -> Order | None:
        return self.answer()


def nothing() -> Order | None:
    return None


def cancel() -> Order | None:
    return "cancel"


def pause() -> Order | None:
    return "pause"


def stale() -> Order | None:
    raise StaleAttempt("run_x", 1)


def finished() -> Order | None:
    raise Finished


def away() -> Order | None:
    raise OperationalError("UPDATE", {}, sqlite3.OperationalError("connection refused"))


@contextmanager
def child(tmp_path: Path, how: str) -> Iterator[Child]:
    started = Child("trainer.children", [how, "1"], tmp_path, threads=1)
    yield started
    started.close()


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))


def watch(child: Child, answer: Callable[[], Order | None], *, stopping: bool = False) -> Ended | None:
    settings = TrainerSettings(
        database_url="sqlite://",
        broker_url="redis://",
        objects_dir=Path("/nowhere"),
        lease_seconds=1,
        heartbeat_seconds=0.2,
        poll_seconds=0.05,
    )
    event = threading.Event()
    if stopping:
        event.set()
    return supervise(child, Saying(answer), time.monotonic(), event, settings)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("answer", "stopping", "order"), [(cancel, False, "cancel"), (pause, False, "pause"), (nothing, True, "release")]
)
def test_an_order_is_passed_on(tmp_path: Path, answer: Callable[[], Order | None], stopping: bool, order: str) -> None:
    with child(tmp_path, "obey") as obedient:
        assert watch(obedient, answer, stopping=stopping) == Ended(Exit.RELEASED, killed=False)
        assert obedient.last_words() == f"told to {order}\n[exit code 10]"


def test_an_order_that_is_not_obeyed_is_enforced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(supervision._GRACE, "cancel", 0.3)
    with child(tmp_path, "ignore") as deaf:
        assert watch(deaf, cancel) == Ended(-9, killed=True)
        assert not alive(deaf.pid)


def test_a_stale_attempt_is_killed_and_nothing_is_to_be_written(tmp_path: Path) -> None:
    with child(tmp_path, "ignore") as zombie:
        assert watch(zombie, stale) is None
        assert not alive(zombie.pid)


def test_an_attempt_outlives_a_database_that_is_away_no_longer_than_its_lease(tmp_path: Path) -> None:
    began = time.monotonic()
    with child(tmp_path, "ignore") as unknowing:
        assert watch(unknowing, away) == Ended(Exit.AWAY, killed=True)
        assert 1 <= time.monotonic() - began < 2
        assert not alive(unknowing.pid)


def test_an_attempt_that_succeeded_ended_well_whatever_became_of_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FINISH_SECONDS", 0.1)
    with child(tmp_path, "ignore") as slow:
        assert watch(slow, finished) == Ended(Exit.FINISHED, killed=False)


def test_a_crash_leaves_its_last_words(tmp_path: Path) -> None:
    with child(tmp_path, "crash") as crashing:
        assert watch(crashing, nothing) == Ended(3, killed=False)
        assert crashing.last_words() == "out of cheese\n[exit code 3]"


def test_a_nursery_forks_attempts_which_end_with_it_and_one_that_is_gone_is_done_without(tmp_path: Path) -> None:
    nursery = new_nursery()
    forks = nursery.process.pid
    children = []

    def born(how: str, parent: int) -> Child:
        workspace = tmp_path / str(len(children))
        workspace.mkdir()
        children.append(Child("trainer.children", [how, "1"], workspace, threads=1, nursery=nursery))
        assert psutil.Process(children[-1].pid).ppid() == parent
        return children[-1]

    try:
        assert nursery.ready(60)
        assert psutil.Process(forks).num_threads() == 1, "with more it could not be forked safely"
        obedient, deaf, orphan = (born(how, forks) for how in ("obey", "ignore", "ignore"))
        assert watch(obedient, nothing, stopping=True) == Ended(Exit.RELEASED, killed=False)
        assert obedient.last_words() == "told to release\n[exit code 10]"
        deaf.kill()
        assert deaf.last_words() == "[ended by SIGKILL]"
        nursery.process.kill()
        assert watch(orphan, nothing) == Ended(-9, killed=False)
        servers.wait_for(lambda: not alive(orphan.pid), 5, "the end of the last that it forked")
        alone = born("crash", os.getpid())
        assert watch(alone, nothing) == Ended(3, killed=False)
        assert alone.last_words() == "out of cheese\n[exit code 3]"
        assert nursery.process.pid != forks, "it was started anew for the next attempt"
    finally:
        for child in children:
            child.close()
        nursery.close()
