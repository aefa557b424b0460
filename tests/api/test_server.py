"""The api as a process of its own: how it starts, serves and stops."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import servers
from records.makers import queued_run

from pianola.records import Records, open_records
from pianola.records.leases import claim

from .steps import MIDI

COMMAND = [sys.executable, "-m", "pianola_api"]


@pytest.fixture
def environment(sqlite_url: str, shared_broker: str, tmp_path: Path) -> dict[str, str]:
    return {
        "PIANOLA_DATABASE_URL": sqlite_url,
        "PIANOLA_BROKER_URL": shared_broker,
        "PIANOLA_OBJECTS_DIR": str(tmp_path / "objects"),
        "PIANOLA_AUTH": "none",
        "PIANOLA_PORT": str(servers.free_port()),
        "PIANOLA_MAX_STREAMS": "1",
        "PIANOLA_MAX_UPLOAD_BYTES": "2000000",
    }


@pytest.fixture
def served(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[httpx.Client, "subprocess.Popen[bytes]"]]:
    url = f"http://127.0.0.1:{environment['PIANOLA_PORT']}"
    with servers.process(COMMAND, environment, tmp_path / "api.log") as child:
        servers.wait_for(lambda: servers.answers(f"{url}/readyz"), 30, "the api")
        with httpx.Client(base_url=url, timeout=30) as client:
            yield client, child
    log = (tmp_path / "api.log").read_text()
    assert "Traceback" not in log, log


def refused(environment: dict[str, str]) -> str:
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_refuses_to_start_with_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    said = refused(environment | {"PIANOLA_DATABASE_URL": f"sqlite:///{tmp_path}/new.sqlite"})
    assert "python -m pianola.records upgrade" in said
    assert "PIANOLA_AUTH=none is for loopback" in refused(environment | {"PIANOLA_HOST": "0.0.0.0"})
    assert "PIANOLA_PORT" in refused(environment | {"PIANOLA_PORT": "x"})
    del environment["PIANOLA_BROKER_URL"]
    assert "PIANOLA_BROKER_URL" in refused(environment)


def test_streams_and_stopping(served: tuple[httpx.Client, "subprocess.Popen[bytes]"]) -> None:
    client, child = served
    client.post("/v1/datasets", json={"name": "set"}).raise_for_status()
    headers = {"Accept": "text/event-stream"}
    with client.stream("GET", "/v1/datasets/set/events", headers=headers) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": events", "the first byte comes while the stream goes on"
        assert client.get("/v1/datasets/set/events", headers=headers).status_code == 503
    # The only place is free again soon after its reader has gone, long before a heartbeat.
    with contextlib.ExitStack() as stack:
        deadline = time.monotonic() + 5
        while True:
            again = stack.enter_context(client.stream("GET", "/v1/datasets/set/events", headers=headers))
            if again.status_code == 200:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        lines = again.iter_lines()
        next(lines)
        child.send_signal(signal.SIGTERM)
        for _ in lines:  # ended by the server, not broken off
            pass
        assert child.wait(10) == 0


def test_uploads_in_chunks_and_refusals_of_large_ones(served: tuple[httpx.Client, "subprocess.Popen[bytes]"]) -> None:
    client, _ = served
    client.post("/v1/datasets", json={"name": "set"}).raise_for_status()
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.mid"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}

    def chunks(content: bytes) -> Iterator[bytes]:
        yield head
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]
        yield b"\r\n--b--\r\n"

    where = "/v1/datasets/set/files"
    uploaded = client.post(where, content=chunks(MIDI * 9000), headers=headers)
    assert uploaded.json()["files"][0]["size"] == len(MIDI) * 9000
    for sent in (chunks(bytes(3_000_000)), b"".join(chunks(bytes(3_000_000)))):
        # The server closes a connection on which half a body is still to come, so each has one of its own.
        told = httpx.post(f"{client.base_url}{where}", content=sent, headers=headers, timeout=30)
        assert (told.status_code, told.json()["code"]) == (413, "content-too-large")
    assert client.get("/v1/datasets/set").json()["files"] == 1


def test_a_lost_run_is_queued_again_by_the_api_itself(
    served: tuple[httpx.Client, "subprocess.Popen[bytes]"], environment: dict[str, str]
) -> None:
    client, _ = served
    records: Records = open_records(environment["PIANOLA_DATABASE_URL"])
    run = queued_run(records)
    with records.write() as session:
        assert claim(session, run.id, "gone", 0.01) is not None
    servers.wait_for(lambda: client.get(f"/v1/runs/{run.id}").json()["state"] == "queued", 15, "the reaper")
    kinds = [event["kind"] for event in client.get(f"/v1/runs/{run.id}/events").json()["items"]]
    assert kinds == ["created", "started", "requeued"]
    records.dispose()
