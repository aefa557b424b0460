"""The supervisor's side of forking.py: a process that forks attempts, and what it forked.

Told is JSON (module, arguments, environment) on a socket, with three descriptors: what becomes the forked process's
standard input, its output, and a pipe to answer on: `pid N` as soon as it is there, `code N` when it has ended.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

_ANSWER_SECONDS: Final = 2.0
"""A fork takes 20 ms. Whoever waits for it renews no lease meanwhile."""


class Forked:
    """What Child needs of a subprocess.Popen, for a process that a nursery forked. `pid` leads a group of its own."""

    def __init__(self, orders: IO[str], answers: int) -> None:
        self.stdin, self._answers = orders, answers
        self.returncode: int | None = None
        self.pid = 0
        self._said = b""

    def begins(self, seconds: float) -> bool:
        """Whether it is there within so many seconds."""
        line = self._line(seconds)
        if line is None or not line.startswith("pid "):
            return False
        self.pid = int(line.removeprefix("pid "))
        return True

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, as of subprocess.Popen. Raises TimeoutExpired."""
        if self.returncode is None:
            line = self._line(timeout)
            if line is None:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0)
            if not line:
                # The nursery is gone: nobody is told any more how this process ends, so it does now.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
            self.returncode = int(line.removeprefix("code ")) if line else -signal.SIGKILL
            self.close()
        return self.returncode

    def close(self) -> None:
        """Listen no more."""
        os.close(self._answers)

    def _line(self, seconds: float | None) -> str | None:
        """The next answer; empty where there will be none, None where there was none in so many seconds."""
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        if b"\n" not in self._said:
            if not poll.poll(None if seconds is None else 1000 * seconds):
                return None
            self._said += os.read(self._answers, 64)
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()


class Nursery:
    """Starts such a process at once, which takes seconds to be ready, and anew whenever it is gone or suspect."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._start()

    def _start(self) -> None:
        self._desk, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pianola_trainer.forking"],
                stdin=theirs.fileno(),
                env=self._environment,
                # Ctrl-C in a terminal reaches the supervisor alone.
                start_new_session=True,
            )
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self.process.poll() is None

    def ready(self, seconds: float = 0) -> bool:
        """Whether it can fork, within so many seconds."""
        if not self._ready:
            self._desk.settimeout(seconds)
            with contextlib.suppress(TimeoutError, BlockingIOError, ConnectionError):
                self._ready = bool(self._desk.recv(16))
            self._desk.settimeout(_ANSWER_SECONDS)
        return self._ready

    def fork(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked | None:
        """A process that runs as `python -m MODULE ARGUMENTS...`, its output in `log`; None where it cannot be had."""
        if not self.alive:
            self.renew()
        if not self.ready():
            return None
        told = {"module": module, "arguments": list(arguments), "environment": dict(environment)}
        orders, orders_to = os.pipe()
        answers, answers_to = os.pipe()
        process = Forked(os.fdopen(orders_to, "w"), answers)
        try:
            with log.open("ab") as stream:
                given = [orders, stream.fileno(), answers_to]
                socket.send_fds(self._desk, [json.dumps(told).encode()], given)
        except OSError:
            pass  # it is gone: nothing will be answered
        finally:
            os.close(orders)
            os.close(answers_to)
        if process.begins(_ANSWER_SECONDS):
            return process
        # Whatever it still does, nothing comes of it: it is gone, and a forked process without orders ends.
        self.close()
        process.stdin.close()
        process.close()
        return None

    def renew(self) -> None:
        """Start another instead: what is wrong with one that forks is wrong with all that it forks."""
        self.close()
        self._start()

    def close(self) -> None:
        """End it. What it forked ends too."""
        self.process.kill()
        self.process.wait()
        self._desk.close()
