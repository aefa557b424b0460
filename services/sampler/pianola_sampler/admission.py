"""Who may draw now: a bounded number of requests, each until its deadline, and no new ones while the process stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import ClassVar, TypeVar

Result = TypeVar("Result")


class TooManyRequests(RuntimeError):
    """As many requests wait as may."""

    retry_after: ClassVar = 1

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} samples are being made or wait for it, which is all that may: ask again in a second")


class Stopping(RuntimeError):
    """The process is told to stop and draws only what it has begun."""

    def __init__(self) -> None:
        super().__init__("this sampler is stopping: ask again in a few seconds")


class DeadlinePassed(TimeoutError):
    """A sample that was not drawn in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the sample was not ready within {seconds:g} s: ask for fewer windows, or again in a while")


class Deadline:
    """When a request is no longer waited for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then, at least 0."""
        return max(0.0, self._at - time.monotonic())

    def passed(self) -> DeadlinePassed:
        """What to raise then."""
        return DeadlinePassed(self._seconds)

    def wait(self, future: Future[Result]) -> Result:
        """What `future` gives. Raises DeadlinePassed, after which nothing has to be done for it that has not begun."""
        try:
            return future.result(self.left())
        except TimeoutError:
            if future.done():  # the error is its own, or it came in the last moment
                return future.result()
            raise self.passed() from None

    @contextmanager
    def holding(self, lock: threading.Lock) -> Iterator[None]:
        """Hold `lock`. Raises DeadlinePassed where it is not free in time."""
        if not lock.acquire(timeout=self.left()):
            raise self.passed()
        try:
            yield
        finally:
            lock.release()


class Admission:
    """Counts the requests that draw. `most` at once are let in, for `seconds` each."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._inside = 0
        self._stopping = False
        self._changed = threading.Condition()

    @property
    def inside(self) -> int:
        """How many are let in now."""
        return self._inside

    @contextmanager
    def admitted(self) -> Iterator[Deadline]:
        """Be one of those who draw. Raises TooManyRequests, Stopping."""
        with self._changed:
            if self._stopping:
                raise Stopping
            if self._inside >= self._most:
                raise TooManyRequests(self._most)
            self._inside += 1
        try:
            yield Deadline(self._seconds)
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def stop(self) -> None:
        """Let nobody in from now on."""
        self._stopping = True

    def drained(self) -> None:
        """Return when nobody is left inside."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside == 0, self._seconds)
