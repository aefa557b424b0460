"""The one thread that owns torch: it loads generators, and decodes what many requests ask for in one go."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from pianola_sampler.admission import Deadline
from pianola_sampler.tasks import Players, Rolls, Task, Work

if TYPE_CHECKING:
    from pianola.models.generator import Generator
    from pianola_sampler.measures import Measures

_T = TypeVar("_T")

# After this long without a batch, nobody is expected to come back.
_IDLE_SECONDS: Final = 0.1
STUCK_SECONDS: Final = 120.0
"""A batch takes seconds, and nobody waits longer for it than a request's deadline, 20 s."""

_log = structlog.get_logger("decoder")


@dataclass(frozen=True)
class Batching:
    """How many windows go into a batch, and how long its first request waits for others that are likely to come."""

    windows: int
    seconds: float


@dataclass(frozen=True)
class _Job:
    task: Task | Work[Any]
    future: Future[Any] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)

    def fits(self, other: _Job) -> bool:
        """Whether one batch may hold both."""
        return isinstance(self.task, Task) and isinstance(other.task, Task) and self.task.fits(other.task)


class DecoderStuck(RuntimeError):
    """The thread that decodes is no help to anyone: this process has to be started anew."""


class Decoder:
    """Starts its thread when it is first needed; torch is imported there.

    Request threads that called torch themselves would fight over the cores. A window's bits depend on its own position
    alone (see Generator.windows), so any requests may share a batch, and `threads` of them a batch's windows.
    """

    def __init__(
        self, threads: int, batching: Batching, measures: Measures, begun: Callable[[], None] = lambda: None
    ) -> None:
        """begun: called whenever a batch begins."""
        self._begun = begun
        self._players = Players(threads)
        self._batching = batching
        self._measures = measures
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._errands: deque[Callable[[], None]] = deque()
        self._jobs: deque[_Job] = deque()
        # Requests that the next batch may hope for, as of the end of the last one.
        self._expected = 1
        self._ended = 0.0
        self._busy_since: float | None = None

    def check(self) -> None:
        """Raise DecoderStuck where the thread has ended, or has not come back from something for long."""
        thread, since = self._thread, self._busy_since
        if thread is not None and not thread.is_alive():
            raise DecoderStuck("the thread that decodes has ended: start the sampler anew")
        if since is not None and (seconds := time.monotonic() - since) > STUCK_SECONDS:
            raise DecoderStuck(f"the thread that decodes has been at one batch for {seconds:.0f} s")

    def start(self) -> None:
        """Start the thread, which imports torch first of all; returns at once."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="torch", daemon=True)
                self._thread.start()

    def load(self, data: bytes) -> Generator:
        """The generator in a file's bytes; loaded ahead of what waits to be decoded. Raises NotAGenerator."""
        loaded: Future[Generator] = Future()

        def errand() -> None:
            try:
                loaded.set_result(_load(data))
            except Exception as error:  # whatever it is, who asked is told
                loaded.set_exception(error)

        self.start()
        with self._changed:
            self._errands.append(errand)
            self._changed.notify_all()
        return loaded.result()

    def decode(self, task: Task, deadline: Deadline) -> Rolls:
        """Windows [n, 96, 96] of 0 and 1, the same whatever else is in their batch. Raises DeadlinePassed."""
        windows: Rolls = self._wait_for(_Job(task), deadline)
        return windows

    def work(self, work: Work[_T], deadline: Deadline) -> _T:
        """What it comes to. Raises what it raises, and DeadlinePassed."""
        found: _T = self._wait_for(_Job(work), deadline)
        return found

    def _wait_for(self, job: _Job, deadline: Deadline) -> Any:
        self.start()
        with self._changed:
            self._jobs.append(job)
            self._changed.notify_all()
        try:
            return deadline.wait(job.future)
        finally:
            job.future.cancel()

    def _run(self) -> None:
        _import_torch()
        while True:
            errand, batch = self._next()
            self._busy_since = time.monotonic()
            if errand is not None:
                errand()
            if batch:
                self._begun()
                self._decode(batch)
            self._busy_since = None

    def _next(self) -> tuple[Callable[[], None] | None, list[_Job]]:
        with self._changed:
            self._changed.wait_for(lambda: self._errands or self._jobs)
            if self._errands:
                return self._errands.popleft(), []
            self._wait_for_others()
            return None, self._take()

    def _wait_for_others(self) -> None:
        """Wait until as many are there as were when the last batch ended: those it answered, and who waited then.

        Where one client asks, that is one, and nobody waits.
        """
        if time.monotonic() - self._ended > _IDLE_SECONDS:
            return
        until = self._jobs[0].since + self._batching.seconds
        while len(self._jobs) < self._expected and (left := until - time.monotonic()) > 0:
            self._changed.wait(left)

    def _take(self) -> list[_Job]:
        """The request that has waited longest, and others that fit with it. A single one may be larger than a batch."""
        batch: list[_Job] = []
        left: deque[_Job] = deque()
        windows = 0
        for job in self._jobs:
            more = windows + len(job.task)
            if batch and not (job.fits(batch[0]) and more <= self._batching.windows):
                left.append(job)
            elif job.future.set_running_or_notify_cancel():  # false where the deadline has passed
                batch.append(job)
                windows = more
        self._jobs = left
        return batch

    def _decode(self, batch: list[_Job]) -> None:
        begun = time.monotonic()
        for job in batch:
            self._measures.waited(begun - job.since)
        try:
            found = self._players.done([job.task for job in batch])
        except Exception as error:  # the thread goes on; those who asked are told
            _log.error("batch_failed", model=batch[0].task.model, exc_info=error)
            for job in batch:
                job.future.set_exception(error)
            return
        self._measures.decoded(batch[0].task.model, sum(len(job.task) for job in batch), time.monotonic() - begun)
        with self._changed:
            self._expected = len(batch) + len(self._jobs)
            self._ended = time.monotonic()
        for job, part in zip(batch, found, strict=True):
            job.future.set_result(part)


def _import_torch() -> None:
    import torch

    import pianola.models.registry  # noqa: F401  # the networks too, before the first request

    torch.set_num_threads(1)


def _load(data: bytes) -> Generator:
    from pianola.models.registry import load_generator

    return load_generator(data)
