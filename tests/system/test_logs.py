"""One request's way through all services, read from the lines that real processes write."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import servers
from corpus import data_folder

OPTIONS = {"batch": 16, "epochs": 1, "evaluate_every_steps": 100, "threads": 1, "precision": "float32"}

Line = dict[str, Any]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """`pianola up` with logs in JSON, and the folder that they lie in."""
    home = tmp_path_factory.mktemp("home")
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("pianola")), "up", "--home", str(home), "--port", str(port)]
    with ExitStack() as stack:
        stack.enter_context(servers.process(command, {"PIANOLA_LOG_FORMAT": "json"}, home / "up.log"))
        servers.wait_for(lambda: servers.answers(f"{url}/readyz"), 60, "pianola up")
        yield stack.enter_context(httpx.Client(base_url=f"{url}/v1", timeout=60)), home / "logs"


def lines(logs: Path, service: str) -> list[Line]:
    """All of a log: every line is JSON."""
    return [json.loads(line) for line in (logs / f"{service}.log").read_text().splitlines()]


def asked(logs: Path, service: str, request_id: str) -> list[Line]:
    return [line for line in lines(logs, service) if line.get("request_id") == request_id]


def test_the_id_of_a_request_is_in_every_line_of_what_it_asked_for(started: tuple[httpx.Client, Path]) -> None:
    client, logs = started

    def post(path: str, request_id: str, **given: Any) -> Any:
        answer = client.post(path, headers={"X-Request-ID": request_id}, **given)
        assert answer.headers["X-Request-ID"] == request_id
        return answer.raise_for_status().json()

    pieces = sorted(data_folder("small").glob("*.mid"))[:4]
    dataset = post("/datasets", "made", json={"name": "logged"})["id"]
    post("/datasets/logged/files", "filled", files=[("files", (path.name, path.read_bytes())) for path in pieces])
    post("/datasets/logged/build", "build-1")
    servers.wait_for(lambda: client.get("/datasets/logged").json()["state"] == "built", 60, "a build")
    # From the plan to the chunks to the commit, each sent by the one before.
    built = {line["event"]: line for line in asked(logs, "preprocess", "build-1")}
    assert {"chunk_built", "dataset_built", "task_sent"} <= built.keys()
    assert built["chunk_built"]["dataset"] == dataset and built["chunk_built"]["build"] == 1
    sent = [line for line in asked(logs, "http", "build-1") if line["event"] == "task_sent"]
    assert [line["ids"] for line in sent] == [[dataset]]

    body = {"dataset": "logged", "family": "gan", "preset": "default", "options": OPTIONS, "model": "m"}
    run = post("/runs", "train.7", json=body)["id"]
    servers.wait_for(lambda: client.get(f"/runs/{run}").json()["state"] == "succeeded", 120, "a run")
    trained: list[Line] = []

    def ended() -> bool:
        trained[:] = asked(logs, "trainer", "train.7")
        return any(line["event"] == "finished" for line in trained)

    servers.wait_for(ended, 10, "the end of its log")
    of_run = {line["event"] for line in trained if line.get("run") == run and line["attempt"] == 1}
    # Of the worker, and of the process that it started.
    assert {"claimed", "finished"} <= of_run and {"device", "committed"} <= of_run
    assert all(line["service"] == "trainer" for line in trained)

    answer = client.post("/models/m/samples", json={"seed": 1}, headers={"X-Request-ID": "no spaces, please"})
    made = answer.headers["X-Request-ID"]
    assert answer.status_code == 201 and made != "no spaces, please"
    (line,) = [line for line in asked(logs, "http", made) if line["event"] == "request"]
    assert (line["service"], line["status"], line["path"]) == ("sampler", 201, "/v1/models/m/samples")


def test_every_line_of_every_process_says_when_and_who(started: tuple[httpx.Client, Path]) -> None:
    _, logs = started
    for service in ("http", "preprocess", "trainer"):
        assert lines(logs, service)
        for line in lines(logs, service):
            assert {"event", "timestamp", "level", "service"} <= line.keys(), line
