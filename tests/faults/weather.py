"""The faults of a storm, and the order in which a seed brings them.

A fault does its harm at once and says when what is to be undone; everything happens in the storm's main thread.
"""

import contextlib
import heapq
import itertools
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import psutil
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from pianola.records.imports import MAX_LOSSES
from pianola.records.leases import MAX_BARREN_ATTEMPTS
from pianola.records.states import LEASED, EvaluationState, ImportState
from pianola.records.tables import Evaluation, Import, Run

from .deployment import LEASE_SECONDS, Deployment, Service, can_mount, can_skew

WORKERS: Final = ("trainer-1", "trainer-2", "preprocess-1", "preprocess-2")
ALL: Final = (*WORKERS, "api", "sampler")
AT_WORK: Final = 0.5
"""How often a service that has a run is struck rather than any, where there is one."""

Undo = Callable[[], None]


@dataclass(order=True)
class _Due:
    at: float
    number: int
    act: Undo = field(compare=False)


class Weather:
    """Faults on a deployment, drawn from a seed. `outage_seconds` is how long the store is gone."""

    def __init__(self, deployment: Deployment, seed: int, outage_seconds: float) -> None:
        self._system, self._random, self._outage = deployment, Random(seed), outage_seconds
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._busy: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._kinds: dict[str, tuple[float, Callable[[], bool]]] = {
            "kill a worker": (5, self._kill_worker),
            "kill a child": (6, self._kill_child),
            "zombie": (5, self._zombie),
            "out of memory": (3, self._out_of_memory),
            "deploy": (3, self._deploy),
            "clock off": (2, self._clock_off),
            "broker flushed": (2, self._flush_broker),
            "broker restarted": (2, self._restart_broker),
            "database restarted": (2, self._restart_database),
            # Nothing goes on meanwhile: with as many of these as of the others a storm would be little else.
            "store gone": (0.3, lambda: self._store("gone", self._outage)),
            "store slow": (1, lambda: self._store("slow", 8)),
            "store failing": (2, lambda: self._store("failing", 8)),
            "disk full": (2, self._disk_full),
        }

    def strike(self) -> None:
        """One fault of those that are possible now."""
        names = list(self._kinds)
        weights = [self._kinds[name][0] for name in names]
        while True:
            name = self._random.choices(names, weights)[0]
            if self._kinds[name][1]():
                self.counts[name] += 1
                return
            self.tick()

    def tick(self) -> None:
        """Undo what is due, and start again what has ended, as whatever runs services does."""
        while self._due and self._due[0].at <= time.monotonic():
            heapq.heappop(self._due).act()
        for service in self._system.services.values():
            if not service.alive and service.name not in self._busy:
                service.start()

    def clear(self) -> None:
        """No fault any more: everything that was due is undone now."""
        while self._due:
            heapq.heappop(self._due).act()
        self.tick()

    def _later(self, seconds: float, act: Undo) -> None:
        heapq.heappush(self._due, _Due(time.monotonic() + seconds, next(self._numbers), act))

    def _once(self, name: str, seconds: float, undo: Undo) -> None:
        """`name` is busy for so long; then it is undone."""
        self._busy.add(name)

        def end() -> None:
            self._busy.discard(name)
            undo()

        self._later(seconds, end)

    def _service(self, names: tuple[str, ...]) -> Service | None:
        """One that is alive and to which nothing else happens just now."""
        free = [self._system.services[name] for name in names if name not in self._busy]
        free = [service for service in free if service.alive and not self._is_last_try(service)]
        at_work = [service for service in free if self._has_run(service)]
        # Most have nothing in hand at any moment: left to chance, faults would hardly ever strike a run.
        chosen = at_work if at_work and self._random.random() < AT_WORK else free
        return self._random.choice(chosen) if chosen else None

    def _has_run(self, service: Service) -> bool:
        held = select(Run.id).where(Run.lease_owner == service.name, Run.state.in_(LEASED))
        try:
            with self._system.records.read() as session:
                return session.scalar(held) is not None
        except DBAPIError:
            return False

    def _is_last_try(self, service: Service) -> bool:
        """Whether it holds something that fails, as is right, if this attempt ends without success too."""
        queries = {
            "trainer": [
                select(Run.id).where(
                    Run.lease_owner == service.name, Run.state.in_(LEASED), Run.barren_attempts >= MAX_BARREN_ATTEMPTS
                ),
                # Their rows do not say who holds them.
                select(Evaluation.id).where(
                    Evaluation.state == EvaluationState.RUNNING, Evaluation.barren_attempts >= MAX_BARREN_ATTEMPTS
                ),
            ],
            "preprocess": [
                select(Import.id).where(Import.state == ImportState.RUNNING, Import.losses >= MAX_LOSSES - 1)
            ],
        }
        try:
            with self._system.records.read() as session:
                return any(session.scalar(query) is not None for query in queries.get(service.kind, ()))
        except DBAPIError:
            return True

    def _child(self, names: tuple[str, ...]) -> tuple[Service, psutil.Process] | None:
        service = self._service(names)
        children = service.tree()[1:] if service is not None else []
        return (service, self._random.choice(children)) if service is not None and children else None

    def strike_a_run(self) -> bool:
        """The worker of a run is killed, where there is a run at work: the one fault that is not left to chance."""
        for name in WORKERS:
            if self._has_run(self._system.services[name]) and self._kill_worker((name,)):
                self.counts["kill a worker"] += 1
                return True
        return False

    def _kill_worker(self, names: tuple[str, ...] = ALL) -> bool:
        service = self._service(names)
        if service is None:
            return False
        service.kill()
        self._once(service.name, self._random.uniform(0, 3), service.start)
        return True

    def _kill_child(self) -> bool:
        found = self._child(WORKERS)
        if found is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            found[1].kill()
        return True

    def _zombie(self) -> bool:
        """It sleeps past its lease, and wakes up believing that it still has it."""
        service = self._service(WORKERS)
        if service is None:
            return False
        tree = service.tree()
        chosen = self._random.choice([tree[:1], tree[1:], tree]) or tree
        for process in chosen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

        def wake() -> None:
            for process in chosen:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

        self._once(service.name, LEASE_SECONDS * self._random.uniform(1.2, 2), wake)
        return True

    def _out_of_memory(self) -> bool:
        """No memory more for an attempt: it ends at the next allocation."""
        found = self._child(("trainer-1", "trainer-2"))
        if found is None:
            return False
        service, child = found
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if service.process is not None and child.ppid() == service.process.pid and _forks(child):
                # The limit would be that of a later attempt, which may be its run's last try.
                return False
            used = child.memory_info().vms
            resource.prlimit(child.pid, resource.RLIMIT_AS, (used, used))
        return True

    def _deploy(self) -> bool:
        service = self._service(ALL)
        if service is None:
            return False
        service.terminate()
        return True  # `tick` starts it again when it has ended

    def _clock_off(self) -> bool:
        service = self._service(WORKERS)
        if service is None or not can_skew():
            return False
        service.kill()
        minutes = self._random.choice((-1, 1)) * self._random.uniform(2, 10)
        service.start(60 * minutes)
        return True

    def _flush_broker(self) -> bool:
        if "broker" in self._busy:
            return False
        self._system.flush_broker()
        return True

    def _restart_broker(self) -> bool:
        if "broker" in self._busy:
            return False
        self._system.stop_broker()
        self._once("broker", self._random.uniform(0.2, 4), self._system.start_broker)
        return True

    def _restart_database(self) -> bool:
        self._system.restart_database()
        return True

    def _store(self, weather: str, seconds: float) -> bool:
        if "store" in self._busy:
            return False
        self._system.proxy.weather = weather  # type: ignore[assignment]

        def fair() -> None:
            self._system.proxy.weather = "fair"

        self._once("store", seconds, fair)
        return True

    def _disk_full(self) -> bool:
        service = self._service(WORKERS)
        if service is None:
            return False
        name = service.name
        if can_mount():
            self._system.fill_spool(name)
            self._later(self._random.uniform(2, 6), lambda: self._system.empty_spool(name))
            return True
        # No file of an attempt can grow past 4 KiB: the nearest thing without a disk to fill.
        for process in service.tree()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
        return True


def _forks(child: psutil.Process) -> bool:
    return "pianola_trainer.forking" in child.cmdline()
