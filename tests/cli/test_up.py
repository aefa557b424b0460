"""A real `pianola up`, started once: it is ready, it heals, it stops, and nothing of it is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from corpus import midi_files
from servers import answers, end_with_parent, wait_for

from pianola.codec.options import PRESETS
from pianola.codec.verdict import judge
from pianola_cli.client import Client
from pianola_cli.local import keeper

READY = "Pianola is ready at "
COMMAND = [sys.executable, "-m", "pianola_cli.main", "up", "--port", "0", "--workers", "1", "--home"]
FOR_OTHERS = ["--host", "0.0.0.0"]


@dataclass(frozen=True)
class Up:
    url: str
    home: Path
    process: subprocess.Popen[str]

    def children(self) -> dict[str, int]:
        """Process ids of the direct children by what they run."""
        listed = subprocess.run(
            ["ps", "--ppid", str(self.process.pid), "-o", "pid=,args=", "-ww"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = {}
        for line in listed.stdout.splitlines():
            pid, _, arguments = line.strip().partition(" ")
            for name in (
                "valkey-server",
                "keeper.py",
                "pianola_cli.local.server",
                "pianola_preprocess",
                "pianola_trainer",
            ):
                if name in arguments:
                    found[name] = int(pid)
        return found


def start(home: Path, *options: str) -> Up:
    process = subprocess.Popen(
        [*COMMAND, str(home), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=end_with_parent,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(READY), line + process.stdout.read()
    return Up(line.removeprefix(READY).strip(), home, process)


def end(up: Up, number: signal.Signals) -> int:
    up.process.send_signal(number)
    assert up.process.stdout is not None
    up.process.stdout.close()
    return up.process.wait(20)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = start(tmp_path_factory.mktemp("up") / "home")
    yield started
    if started.process.poll() is None:
        end(started, signal.SIGTERM)


def test_it_says_it_is_ready_when_it_is(up: Up) -> None:
    assert answers(f"{up.url}/readyz")
    assert answers(f"{up.url}/")
    assert set(up.children()) == {
        "valkey-server", "keeper.py", "pianola_cli.local.server", "pianola_preprocess", "pianola_trainer",
    }  # fmt: skip


def test_a_build_says_of_every_file_what_inspect_says(up: Up, tmp_path: Path) -> None:
    for path in [*midi_files("dirty")[:20], *midi_files("small")[:2]]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with Client(up.url) as client:
        client.create_dataset("both")
        client.upload("both", [tmp_path])
        client.build("both")
        assert client.wait_for_dataset("both", 60).state == "built"
        reported = {file.name: file for file in client.dataset_files("both")}
    for path in tmp_path.iterdir():
        verdict, _ = judge(path.read_bytes(), PRESETS["piano"])
        file = reported.pop(path.name)
        assert (file.verdict == "accepted", file.windows, file.notes) == (
            verdict.accepted, verdict.windows, verdict.notes,
        )  # fmt: skip
        assert (file.code, file.offset, file.reason) == (verdict.code, verdict.offset, verdict.reason)
    assert reported == {}


def test_the_home_is_taken(up: Up) -> None:
    other = subprocess.run([*COMMAND, str(up.home)], capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert f"already runs with the home {up.home} (process {up.process.pid})" in other.stderr


@pytest.mark.parametrize("name", ["pianola_cli.local.server", "valkey-server", "pianola_trainer"])
def test_what_is_killed_comes_back(up: Up, name: str) -> None:
    killed = up.children()[name]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: up.children().get(name, killed) != killed, 15, f"another {name}")
    # Requests wait meanwhile: the supervisor still listens.
    wait_for(lambda: answers(f"{up.url}/readyz"), 20, "readiness")


def test_sigterm_stops_all_of_it_within_15_seconds(up: Up) -> None:
    children = up.children()
    began = time.monotonic()
    assert end(up, signal.SIGTERM) == 0
    assert time.monotonic() - began < 15
    wait_for(lambda: not any(keeper.alive(pid) for pid in children.values()), 5, "every child's end")


def test_a_killed_one_leaves_nothing_and_its_home_starts_again_for_others_with_a_key(tmp_path: Path) -> None:
    first = start(tmp_path)
    children = first.children()
    # The keeper is the last to go; what it keeps must not be left.
    del children["keeper.py"]
    end(first, signal.SIGKILL)
    wait_for(lambda: not any(keeper.alive(pid) for pid in children.values()), 15, "every child's end")

    refused = subprocess.run([*COMMAND, str(tmp_path), *FOR_OTHERS], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"pianola keys create --home {tmp_path}" in refused.stderr

    make_key = [sys.executable, "-m", "pianola_cli.main", "keys", "create", "--home", str(tmp_path)]
    secret = subprocess.run(make_key, capture_output=True, text=True, check=True).stdout.strip()
    again = start(tmp_path, *FOR_OTHERS)
    with Client(again.url, secret) as client:
        assert list(client.datasets()) == []
    assert not answers(f"{again.url}/v1/datasets")
    assert end(again, signal.SIGINT) == 0
