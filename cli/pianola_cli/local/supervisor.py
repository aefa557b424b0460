"""The supervisor behind `pianola up`: broker, migrations, workers and HTTP as children, until told to stop."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pianola_cli.errors import PianolaError
from pianola_cli.local.broker import Broker, embedded
from pianola_cli.local.children import Child, Keeper, how_ended
from pianola_cli.local.home import Home

WORKERS = ("preprocess", "trainer")
LOOPBACK = ("127.0.0.1", "::1", "localhost")

# Looking after children costs a few system calls: ten times a second is not felt and soon enough.
_LOOK_EVERY_S = 0.1
_STOP_LOOK_S = 0.02
_BROKER_START_S = 30.0
_READY_S = 90.0
# 3 + 25 + 2 = 30 s at most for a stop in order: HTTP, then the workers, then the broker. A trainer gives its run 20 s
# to keep a checkpoint, and hands it back. One that is killed before leaves its run to wait for the lease to end.
_HTTP_STOP_S = 3.0
_WORKERS_STOP_S = 25.0
_SAY_AFTER_S = 3.0
_BROKER_STOP_S = 2.0
_TAIL_LINES = 8
_BACKLOG = 128


class NotReady(PianolaError):
    """A part of Pianola did not start."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        tail = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if log.exists() else []
        super().__init__("\n".join([f"{name} {what}; the end of {log}:", *(f"  {line}" for line in tail)]))


class AddressTaken(PianolaError):
    """The address cannot be listened on."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with --port or --host"
        )


class NoKey(PianolaError):
    """Other machines could reach this address, and there is no API key yet."""

    def __init__(self, host: str, home: Path) -> None:
        super().__init__(
            f"{host} can be reached from other machines, so Pianola asks for API keys there, and there is none yet; "
            f"make one with `pianola keys create --home {home}`"
        )


@dataclass(frozen=True)
class Plan:
    """What to run: where, and with how many preprocessing processes."""

    home: Home
    host: str
    port: int
    workers: int

    @property
    def auth(self) -> str:
        """Keys wherever another machine could ask; none on loopback."""
        return "none" if self.host in LOOPBACK else "keys"

    def environment(self, broker_url: str) -> dict[str, str]:
        """The services' settings. What else is set as PIANOLA_* passes through; a server for objects does not."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIANOLA_S3_")}
        return {
            "PIANOLA_LOG_FORMAT": "console",
            # On servers the operator decides; here there is none but who uses it.
            "PIANOLA_GC_HOURS": "24",
            **kept,
            **self.home.environment(broker_url),
            "PIANOLA_HOST": self.host,
            "PIANOLA_PORT": str(self.port),
            "PIANOLA_AUTH": self.auth,
            "PIANOLA_CONCURRENCY": str(self.workers),
            "PYTHONUNBUFFERED": "1",
        }


class Supervisor:
    """Starts everything in order, keeps it running, stops it in order. One use."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        self._stopping = False
        self._hurried = False
        self._children: list[Child] = []

    def run(self) -> None:
        """Run until SIGINT or SIGTERM. Raises PianolaError when something does not start."""
        home = self._plan.home
        with home.locked(), _listening(self._plan.host, self._plan.port) as listener, self._signals():
            self._keeper = Keeper()
            try:
                self._start(listener)
                self._look_after()
            finally:
                listener.close()
                self._stop()
                self._keeper.close()

    def _start(self, listener: socket.socket) -> None:
        plan = self._plan
        broker_url = os.environ.get("PIANOLA_BROKER_URL")
        if not broker_url:
            broker = embedded(plan.home.broker)
            self._start_broker(broker)
            broker_url = broker.url
        environment = plan.environment(broker_url)
        migrate(plan.home, environment)
        if plan.auth == "keys" and not _keys_exist(plan.home):
            raise NoKey(plan.host, plan.home.path)
        http_child = self._child(
            "http",
            [sys.executable, "-m", "pianola_cli.local.server", str(listener.fileno())],
            environment,
            (listener.fileno(),),
        )
        workers = [
            self._child(
                name,
                [sys.executable, "-m", f"pianola_{name}"],
                environment | {"PIANOLA_ALIVE_FILE": str(plan.home.alive(name))},
            )
            for name in WORKERS
        ]
        for child in (http_child, *workers):
            child.start()
        port = listener.getsockname()[1]
        self._wait_until_ready(http_child, port)
        if not self._stopping:
            self._say(f"Pianola is ready at {address(plan.host, port)}")
            self._say(f"home {plan.home.path}, logs in {plan.home.logs}; Ctrl-C stops it")

    def _child(
        self, name: str, command: list[str], environment: dict[str, str], pass_fds: tuple[int, ...] = ()
    ) -> Child:
        child = Child(name, command, environment, self._plan.home.log(name), self._keeper, pass_fds)
        self._children.append(child)
        return child

    def _start_broker(self, broker: Broker) -> None:
        child = self._child("broker", broker.command(), dict(os.environ))
        child.start()
        deadline = time.monotonic() + _BROKER_START_S
        while not broker.answers():
            self._fail_if_dead(child)
            if time.monotonic() > deadline:
                raise NotReady("broker", f"does not answer after {_BROKER_START_S:g} s", child.log)
            time.sleep(0.02)

    def _wait_until_ready(self, child: Child, port: int) -> None:
        deadline = time.monotonic() + _READY_S
        while not self._stopping and not _ready(self._plan.host, port):
            self._fail_if_dead(child)
            if time.monotonic() > deadline:
                raise NotReady("http", f"is not ready after {_READY_S:g} s", child.log)
            time.sleep(0.05)

    @staticmethod
    def _fail_if_dead(child: Child) -> None:
        if child.process is not None and (code := child.process.poll()) is not None:
            raise NotReady(child.name, how_ended(code), child.log)

    def _look_after(self) -> None:
        while not self._stopping:
            for child in self._children:
                if (said := child.look_after()) is not None:
                    self._say(said)
            time.sleep(_LOOK_EVERY_S)

    def _stop(self) -> None:
        """HTTP first, so that nothing new comes in; the broker last, so that workers can give back what they hold."""
        names = {child.name: child for child in self._children}
        for group, seconds in (
            (["http"], _HTTP_STOP_S),
            (list(WORKERS), _WORKERS_STOP_S),
            (["broker"], _BROKER_STOP_S),
        ):
            children = [names[name] for name in group if name in names]
            for child in children:
                child.ask_to_end()
            self._wait_for(children, seconds)
            for child in children:
                if not child.wait(time.monotonic()):
                    why = "was killed" if self._hurried else f"did not end within {seconds:g} s and was killed"
                    self._say(f"{child.name} {why}")

    def _wait_for(self, children: list[Child], seconds: float) -> None:
        """Wait until they have ended, `seconds` have passed, or somebody cannot wait."""
        begun, said = time.monotonic(), False
        while any(child.runs for child in children) and not self._hurried and time.monotonic() < begun + seconds:
            time.sleep(_STOP_LOOK_S)
            if not said and time.monotonic() > begun + _SAY_AFTER_S:
                said = True
                names = ", ".join(child.name for child in children if child.runs)
                self._say(f"waiting for {names}, up to {seconds:g} s; Ctrl-C again does not wait")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask for a stop; a terminal that closes does too."""

        def ask(number: int, frame: FrameType | None) -> None:
            if not self._stopping:
                self._stopping = True
                self._say("stopping ...")
            elif number == signal.SIGINT:
                self._hurried = True

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        former = [signal.signal(number, ask) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, former, strict=True):
                signal.signal(number, handler)


def migrate(home: Home, environment: dict[str, str]) -> None:
    """Bring the records up to date, in a process of its own: what it imports is not needed afterwards."""
    command = [sys.executable, "-m", "pianola.records", "upgrade"]
    log = home.log("migrations")
    with log.open("ab") as output:
        code = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code != 0:
        raise NotReady("migrations", how_ended(code), log)


def address(host: str, port: int) -> str:
    """The URL to open in a browser on this machine."""
    shown = _reachable(host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """The listening socket: held here, so that requests wait, and are not refused, while the HTTP process restarts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AddressTaken(host, port, error) from error
    with listener:
        yield listener


def _ready(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=1.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _keys_exist(home: Home) -> bool:
    # Only an address that others can reach needs the records in this process.
    from pianola.records import keys
    from pianola.records.open import open_records

    records = open_records(home.database_url)
    try:
        with records.read() as session:
            return keys.exist(session)
    finally:
        records.dispose()
