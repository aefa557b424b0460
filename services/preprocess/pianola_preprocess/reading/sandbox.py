"""What the reading process gives up before it sees a file, by the operating system's own limits."""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

MEMORY_BYTES: Final = 256 * 2**20
"""Address space a file may take, on top of what the interpreter and numpy have: the worst legal file takes half."""
CPU_SECONDS: Final = 600
"""A backstop for the parent's clock: some thousand files take a minute."""
NOBODY: Final = 65534

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_PR_SET_NO_NEW_PRIVS: Final = 38


def lock() -> None:
    """From now on this process can compute and use the descriptors it has, for good: no file, socket or process more.

    Everything that is needed must have been imported. Raises OSError where the system refuses a limit.
    """
    linux = sys.platform == "linux"
    if linux:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY_BYTES)
    _limit(resource.RLIMIT_CPU, CPU_SECONDS)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    if os.geteuid() == 0:
        _become_nobody()
    if linux:
        # After the change of user, which would clear it. Elsewhere the end of standard input is what ends this process.
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # Last: with no descriptor to be had nothing can be opened, nor accepted, nor duplicated.
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (value, value))


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
