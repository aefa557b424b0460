"""The supervisor's side of an attempt: a process of its own, with a pipe to it and a log of what it said."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pianola.logs import for_child
from pianola_trainer.nursery import Forked, Nursery
from pianola_trainer.orders import Order

TAIL_BYTES: Final = 8 * 1024

VARIABLES: Final = {
    # glibc gives large tensors back to the system after every step otherwise: 1.3 to 1.5 times slower on CPU.
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
    # Threads that wait for one another sleep. By default they spin, on cores that others need: two threads took 2 to 8
    # times as long as one when both cores were busy, and 1.1 to 1.5 times as long like this.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Without it CUDA's matrix products may differ from run to run.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
"""What a process that computes with torch is started with, beside its number of threads."""


def new_nursery() -> Nursery:
    """A nursery for children."""
    # How many threads one may have depends on its run: torch is told later. numpy's are counted once.
    return Nursery({**os.environ, **_variables(1)})


class Child:
    """A running `python -m MODULE ARGUMENTS... WORKSPACE` in a process group of its own, forked by `nursery` where that
    is given and ready.

    It reads orders from its standard input, and ends when that is closed: by the kernel, if this process dies.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], workspace: Path, threads: int, nursery: Nursery | None = None
    ) -> None:
        self._log, self._refusal = workspace / "log", workspace / "refusal"
        self._relayed = 0
        variables, arguments = {**_variables(threads), **for_child()}, [*arguments, str(workspace)]
        self._log.touch()
        forked = nursery.fork(module, arguments, variables, self._log) if nursery is not None else None
        self._process: subprocess.Popen[str] | Forked = forked or self._start([module, *arguments], variables)

    def _start(self, arguments: Sequence[str], variables: Mapping[str, str]) -> "subprocess.Popen[str]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **variables},
                text=True,
                # Ctrl-C in a terminal reaches the supervisor alone, which ends the attempt in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None while it still runs after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def tell(self, order: Order) -> None:
        """Pass an order on."""
        assert self._process.stdin is not None
        # One that has ended by itself says how by its exit code.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{order}\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL the process and all it started, and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Leave nothing running and nothing open."""
        self.kill()
        self.close_orders()

    def close_orders(self) -> None:
        """Close its standard input, as the kernel does when this process dies: it ends by itself."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def refusal(self) -> str:
        """Why it did not go on: a sentence for the run's owner; empty where there was no room for one."""
        return self._refusal.read_text(encoding="utf-8") if self._refusal.exists() else ""

    def new_lines(self) -> list[str]:
        """What it wrote since this was asked last, whole lines only."""
        with self._log.open("rb") as log:
            log.seek(self._relayed)
            said = log.read()
        whole = said.rfind(b"\n") + 1
        self._relayed += whole
        return said[:whole].decode("utf-8", errors="replace").splitlines()

    def last_words(self) -> str:
        """The last 8 KB of what it wrote, and how it ended."""
        with self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            said = log.read().decode("utf-8", errors="replace")
        # PostgreSQL's text holds no NUL.
        return said.replace("\0", "") + how_ended(self._process.returncode)


def how_ended(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "[still running]"
    if code >= 0:
        return f"[exit code {code}]"
    return f"[ended by {signal.Signals(-code).name}]"


def _variables(threads: int) -> dict[str, str]:
    # numpy has one thread in any case: a process that was forked has to reckon as one that was not.
    return {**VARIABLES, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"}
