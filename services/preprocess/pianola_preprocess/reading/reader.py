"""Verdicts from a reading process, which is started again whenever a file took it down or it has read its share."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

import structlog

from pianola.codec.options import CodecOptions
from pianola.codec.verdict import Verdict
from pianola.codec.windows import Windows, no_windows
from pianola_preprocess.reading import wire
from pianola_preprocess.reading.child import Child, Died, Slow
from pianola_preprocess.reading.sandbox import MEMORY_BYTES

COMMAND: Final = (sys.executable, "-I", "-m", "pianola_preprocess.reading")
SECONDS: Final = 10.0
"""A file's time to be read. The slowest file known takes 0.4 s."""
FILES: Final = 4_096
"""A process is let go after so many files: a new one costs 0.2 s, and nothing of a file outlives that."""

_START_SECONDS: Final = 60.0
_TRIES: Final = 2
# Files sent at once: half of what each costs beside its reading is the switch from one process to the other.
_BATCH_FILES: Final = 16
_BATCH_BYTES: Final = 256 * 2**10

_log = structlog.get_logger("reader")


class ReaderUnavailable(RuntimeError):
    """No reading process can be started: a fault of the machine or the installation, and of no file."""


class _Failed(Exception):
    """The process gave no verdict; `code` is the verdict that is."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


class Reader:
    """Judges files in a process of its own, one at a time. Close it, or use it as a context manager.

    `command` starts the process; a file may take `seconds`; a process reads `files` files.
    """

    def __init__(self, command: Sequence[str] = COMMAND, seconds: float = SECONDS, files: int = FILES) -> None:
        self._command, self._seconds, self._files = command, seconds, files
        self._child: Child | None = None
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The reading process's id; None while there is none."""
        return None if self._child is None else self._child.pid

    def judge_all(self, files: Iterable[bytes], options: CodecOptions) -> Iterator[tuple[Verdict, Windows]]:
        """As `judge` for each of `files`, of which some are taken ahead and sent at once. Raises ReaderUnavailable."""
        for batch in _batches(files):
            left = batch
            while len(left) > 1:
                try:
                    judged = self._ask(left, options, self._seconds / _TRIES)
                except _Failed as failed:
                    # Which of them it was is found by asking for each alone.
                    _log.info("reader_failed", files=len(left), reason=str(failed))
                    break
                yield from judged
                left = left[len(judged) :]
            for data in left:
                yield self.judge(data, options)

    def judge(self, data: bytes, options: CodecOptions) -> tuple[Verdict, Windows]:
        """As `pianola.codec.verdict.judge`; a file that takes the process down is refused.

        It is refused when it did so twice, the second time in a fresh process: the first time something else, such as
        memory that ran out on the machine, may have ended it. Raises ReaderUnavailable.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return self._ask([data], options, self._seconds)[0]
            except _Failed as failed:
                failure = failed
                _log.warning("reader_failed", attempt=attempt, bytes=len(data), reason=str(failed))
        return self._refused(failure.code), no_windows(options.velocity)

    def close(self) -> None:
        """End the reading process; the next file starts another."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _ask(self, files: Sequence[bytes], options: CodecOptions, seconds: float) -> list[tuple[Verdict, Windows]]:
        """What the process says of the first of `files`, one at least."""
        if self._read >= self._files:
            self.close()
        child = self._child or self._start()
        self._read += len(files)
        try:
            answers = child.ask(wire.request_parts(options, files), len(files), seconds)
            if (failure := wire.failure(answers[0][0])) is None:
                return [wire.read_answer(*answer) for answer in answers]
        except Slow:
            raise _Failed("reader_slow", f"no answer in {seconds:g} s, exit code {self._kill()}") from None
        except (Died, wire.BadAnswer) as error:
            raise _Failed("reader_crashed", f"{error or 'it died'}, exit code {self._kill()}") from None
        except BaseException:
            # Interrupted in mid-answer: what comes next through the pipe would be taken for another file's.
            self._kill()
            raise
        self._kill()
        raise _Failed("reader_memory" if failure == "memory" else "reader_crashed", failure)

    def _start(self) -> Child:
        try:
            child = Child(self._command)
        except OSError as error:
            raise ReaderUnavailable(f"the reading process cannot be started: {error}") from error
        try:
            said = child.first_word(_START_SECONDS)
            problem = None if said == wire.READY_HEAD else wire.failure(said)
        except (Died, Slow, wire.BadAnswer):
            said, problem = b"", f"`{' '.join(self._command)}` says why"
        if said != wire.READY_HEAD:
            raise ReaderUnavailable(f"the reading process was never ready, exit code {child.kill()}: {problem}")
        self._child, self._read = child, 0
        return child

    def _kill(self) -> int:
        assert self._child is not None
        child, self._child = self._child, None
        return child.kill()

    def _refused(self, code: str) -> Verdict:
        """The same words every time: they are part of the dataset's report, and so of its digest."""
        reason = {
            "reader_slow": f"Reading this file took longer than {self._seconds:g} s, twice.",
            "reader_memory": f"Reading this file takes more than {MEMORY_BYTES // 2**20} MiB of memory.",
            "reader_crashed": "Reading this file ended the program that reads it, twice.",
        }[code]
        return Verdict(False, code=code, offset=0, reason=reason)


def _batches(files: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Files to be sent at once: at most _BATCH_FILES and, unless one is larger, _BATCH_BYTES."""
    batch: list[bytes] = []
    held = 0
    for data in files:
        if batch and (len(batch) == _BATCH_FILES or held + len(data) > _BATCH_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(data)
        held += len(data)
    if batch:
        yield batch
