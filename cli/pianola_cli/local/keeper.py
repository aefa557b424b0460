"""The keeper: ends the supervisor's children when the supervisor is gone without having ended them itself (SIGKILL).

Run as a script by the supervisor, which writes lines to its standard input: `+PID` for a process group begun, `-PID`
for one ended. The pipe closes with the supervisor, however that ends; what is left then gets SIGTERM and, 10 s later,
SIGKILL. A pipe works on Linux and macOS alike, reaches grandchildren (whole groups), and needs nothing between fork
and exec.
"""

import os
import signal
import sys
import time

_GRACE_S = 10.0


def alive(group: int) -> bool:
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end(groups: list[int]) -> None:
    """SIGTERM to every group, and SIGKILL to what is left after the grace."""
    for number, seconds in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, 0.0)):
        for group in groups:
            if alive(group):
                os.killpg(group, number)
        deadline = time.monotonic() + seconds
        while any(alive(group) for group in groups) and time.monotonic() < deadline:
            time.sleep(0.1)


def main() -> None:
    """Read until the pipe closes, then end what is left."""
    groups: list[int] = []
    for line in sys.stdin:
        change, group = line[0], int(line[1:])
        if change == "+":
            groups.append(group)
        else:
            groups.remove(group)
    # The first begun is the broker: without it the others could not end in order.
    end(groups[1:])
    end(groups[:1])


if __name__ == "__main__":
    main()
