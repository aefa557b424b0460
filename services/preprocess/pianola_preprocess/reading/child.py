"""The worker's end of the pipes: a reading process that is started, asked, and killed when it takes too long."""

import contextlib
import fcntl
import os
import select
import subprocess
import time
from collections.abc import Sequence
from typing import Final, TypeAlias

from pianola_preprocess.reading.wire import (
    ANSWER,
    BATCH_BYTES,
    MOST_BODY_BYTES,
    MOST_HEAD_BYTES,
    BadAnswer,
    Part,
    unwritten,
)

_PIPE_BYTES: Final = 2**20
# Not a copy of the worker's environment, which holds passwords. One thread, or OpenBLAS maps memory for each core.
_ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_PASSED_ON: Final = "PIANOLA_PURE_READER"


# Of all answers to a request: one of the largest may come on top of a batch that was not quite full.
_MOST_BYTES: Final = 2 * BATCH_BYTES + MOST_BODY_BYTES

Answer: TypeAlias = tuple[bytes, bytearray]


class Slow(Exception):
    """The process did not answer in time."""


class Died(Exception):
    """The process ended without an answer."""


class Child:
    """A process that answers requests over pipes. It ends when its parent does; kill it before you forget it.

    Must be started from a thread that lives as long as the process is wanted: Linux takes the end of that thread for
    the parent's death. Raises OSError when no process can be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=_ENVIRONMENT | ({_PASSED_ON: os.environ[_PASSED_ON]} if _PASSED_ON in os.environ else {}),
            # A signal to the worker's group is not for the file that is being read.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        for pipe in (self._to, self._from):
            os.set_blocking(pipe, False)
            _widen(pipe)
        self._writable, self._readable = select.poll(), select.poll()
        self._writable.register(self._to, select.POLLOUT)
        self._readable.register(self._from, select.POLLIN)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def ask(self, parts: Sequence[Part], most_answers: int, seconds: float) -> list[Answer]:
        """Send a request (see wire.py) and wait for its answers, one at least. Raises Slow, Died, BadAnswer."""
        deadline = time.monotonic() + seconds
        self._write(parts, deadline)
        answers: list[Answer] = []
        most, following = _MOST_BYTES, 1
        while following:
            answer, following = self._answer(deadline, most)
            most -= len(answer[1])
            answers.append(answer)
            if len(answers) + following > most_answers:
                raise BadAnswer(f"there would be {len(answers) + following:,} answers for {most_answers:,} files")
        return answers

    def first_word(self, seconds: float) -> bytes:
        """The head that the process sends by itself when it is ready. Raises Slow, Died, BadAnswer."""
        return self._answer(time.monotonic() + seconds, 0)[0][0]

    def kill(self) -> int:
        """End the process, whatever it does, and return its exit code (the negative signal)."""
        self._process.kill()
        return self._ended()

    def close(self) -> None:
        """Let the process end by itself, which it does at the end of its input; kill it if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self.kill()

    def _ended(self) -> int:
        with self._process:  # closes the pipes and waits
            pass
        return self._process.returncode

    def _answer(self, deadline: float, most: int) -> tuple[Answer, int]:
        """An answer with a body of at most `most` bytes, and how many more follow."""
        head_bytes, body_bytes, following = ANSWER.unpack(self._read(ANSWER.size, deadline))
        if head_bytes > MOST_HEAD_BYTES or body_bytes > most:
            raise BadAnswer(f"it would be {head_bytes:,} and {body_bytes:,} bytes")
        return (bytes(self._read(head_bytes, deadline)), self._read(body_bytes, deadline)), following

    def _read(self, size: int, deadline: float) -> bytearray:
        buffer = bytearray(size)
        left = memoryview(buffer)
        while left:
            try:
                count = os.readv(self._from, [left])
            except BlockingIOError:
                _await(self._readable, deadline)
                continue
            if not count:
                raise Died
            left = left[count:]
        return buffer

    def _write(self, parts: Sequence[Part], deadline: float) -> None:
        left = unwritten(parts, 0)
        while left:
            try:
                left = unwritten(left, os.writev(self._to, left))
            except BlockingIOError:
                _await(self._writable, deadline)
            except BrokenPipeError:
                raise Died from None


def _await(pipe: "select.poll", deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not pipe.poll(left * 1000):
        raise Slow


def _widen(pipe: int) -> None:
    """Let whole files and most answers fit into the pipe at once: fewer switches between the two processes."""
    set_size = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux
    if set_size is not None:
        # A system may allow less; then there are more switches.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, set_size, _PIPE_BYTES)
