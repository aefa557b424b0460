"""What the reading process can no longer do once it is locked in, tried from inside."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

_PROGRAM = """
import ctypes, json, os, resource, socket, subprocess, sys
from pianola_preprocess.reading import sandbox

def outcome(action):
    try:
        action()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "possible"

def raise_the_limit():
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    except ValueError as error:
        raise PermissionError from error

libc = ctypes.CDLL(None)
disk = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
possible = {
    "open a file": lambda: open("/etc/hostname"),
    "list a folder": lambda: os.listdir("/"),
    "open a socket": lambda: socket.socket(),
    "make a pair of sockets": lambda: socket.socketpair(),
    "fork": lambda: os._exit(0) if os.fork() == 0 else None,
    "duplicate a descriptor": lambda: os.dup(0),
    "write to disk": lambda: os.write(disk, b"x"),
    "write over what is closed": lambda: (os.close(0), os.open("/etc/hostname", os.O_RDONLY)),
    "take 2 GiB": lambda: bytearray(2 * 2**30),
    "raise its limits": raise_the_limit,
}
before = {name: outcome(action) for name, action in possible.items() if name != "write over what is closed"} \\
    if sys.argv[2] == "free" else None
if before is None:
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sandbox.lock()
    before = {name: outcome(action) for name, action in possible.items()}
    before["compute"] = outcome(lambda: bytearray(32 * 2**20))
print(json.dumps(before | {"uid": os.geteuid(), "environment": sorted(os.environ)}))
"""


def tried(state: str, disk: str) -> Mapping[str, object]:
    command = [sys.executable, "-I", "-c", _PROGRAM, disk, state]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env={})
    return dict(json.loads(ended.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="macOS bounds neither memory nor processes this way")
def test_a_locked_in_process_can_only_compute(tmp_path: object) -> None:
    free = tried("free", f"{tmp_path}/free")
    assert {name for name, outcome in free.items() if outcome == "possible"} >= {
        "open a file",
        "open a socket",
        "fork",
        "write to disk",
    }, "the trial itself works where nothing is locked"
    locked = dict(tried("locked", f"{tmp_path}/locked"))
    uid = locked.pop("uid")
    assert locked.pop("environment") in ([], ["LC_CTYPE"]), "Python sets its own locale where there is none"
    assert uid != 0
    assert locked.pop("compute") == "possible"
    assert locked.pop("take 2 GiB") == "MemoryError"
    assert set(locked.values()) <= {"OSError", "PermissionError", "BlockingIOError"}, locked
