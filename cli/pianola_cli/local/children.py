"""Child processes that are started again when they die, with a pause that grows while they keep dying."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pianola_cli.local import keeper

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
# One that ran this long was well: the next pause is the first again.
_WELL_AFTER_S = 60.0


class Keeper:
    """The process that ends the children if this one is killed. See keeper.py."""

    def __init__(self) -> None:
        # Isolated and without site-packages: it starts in 20 ms and needs the standard library alone.
        command = [sys.executable, "-I", "-S", keeper.__file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, text=True)

    def began(self, group: int) -> None:
        """A process group is to be ended with the supervisor."""
        self._tell(f"+{group}")

    def ended(self, group: int) -> None:
        """A process group is gone."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """Let the keeper go; it ends what is still named to it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


@dataclass
class Child:
    """A program that has to run as long as Pianola does. Its output goes to `log`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    keeper: Keeper
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    start_again_at: float | None = None
    _pause: float = _FIRST_PAUSE_S
    _started: float = field(default=0.0)

    def start(self) -> None:
        """Start it, in a process group of its own: a Ctrl-C reaches the supervisor alone, which ends all in order."""
        self.start_again_at = None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.pass_fds,
            )
        self.keeper.began(self.process.pid)
        self._started = time.monotonic()

    def look_after(self) -> str | None:
        """Start it again when its pause is over; returns a line about it if it has just died."""
        now = time.monotonic()
        if self.start_again_at is not None:
            if now >= self.start_again_at:
                self.start()
            return None
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self._gone()
        self._pause = _FIRST_PAUSE_S if now - self._started > _WELL_AFTER_S else self._pause
        self.start_again_at = now + self._pause
        said = f"{self.name} {how_ended(code)}; it starts again in {self._pause:g} s, see {self.log}"
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_S)
        return said

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None

    def ask_to_end(self) -> None:
        """Send SIGTERM to the program itself: it ends its own children."""
        self.start_again_at = None
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, deadline: float) -> bool:
        """Wait for its end until `deadline` (monotonic seconds), then SIGKILL its group; False when that was needed."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
            in_time = True
        except subprocess.TimeoutExpired:
            in_time = False
        self._gone()
        return in_time

    def _gone(self) -> None:
        """Leave nothing of its group behind."""
        assert self.process is not None
        if keeper.alive(self.process.pid):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.keeper.ended(self.process.pid)
        self.process = None


def how_ended(code: int) -> str:
    """A return code in words."""
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by {signal.Signals(-code).name}"
