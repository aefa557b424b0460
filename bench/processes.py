"""What a tree of processes costs: processor seconds of all of them, and the most memory that each has held."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

INTERVAL_S = 0.1


def cpu_seconds(root: psutil.Process | None = None) -> float:
    """Processor seconds of a process (this one unless said) and all its descendants, also of those that have ended."""
    root = root or psutil.Process()
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # its seconds are among its parent's by now
        total += times.user + times.system + times.children_user + times.children_system
    return total


def peak_megabytes(process: psutil.Process) -> float:
    """The most memory a living process has held, resident; where the system does not tell, what it holds now."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return float(process.memory_info().rss / 1e6)


class Sampler:
    """Looks at the descendants of `root` every tenth of a second: peaks of memory by kind and process id.

    `kind` names a process from its command and its parent's kind (None for a child of `root`). On Linux the system
    keeps the peak, so that nothing between two looks is missed but what a process does in its last tenth of a second.
    """

    def __init__(self, root: psutil.Process, kind: Callable[[list[str], str | None], str]) -> None:
        self._root, self._kind = root, kind
        self._seen: dict[int, tuple[str, float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def peaks(self) -> dict[str, list[float]]:
        """MB by kind, largest first, a figure a process."""
        found: dict[str, list[float]] = {}
        for kind, peak in self._seen.values():
            found.setdefault(kind, []).append(peak)
        return {kind: sorted(peaks, reverse=True) for kind, peaks in sorted(found.items())}

    def _look_again_and_again(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            for process in self._root.children(recursive=True):
                try:
                    self._look(process)
                except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                    continue  # it ended while being looked at

    def _look(self, process: psutil.Process) -> None:
        # A forked process has its parent's command, and its memory, until it runs its own: then both begin anew.
        parent = self._seen.get(process.ppid())
        kind, peak = self._kind(process.cmdline(), parent[0] if parent else None), peak_megabytes(process)
        before = self._seen.get(process.pid)
        self._seen[process.pid] = kind, max(peak, before[1]) if before and before[0] == kind else peak
