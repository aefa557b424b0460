"""The gateway's own configuration in a real nginx, in front of two small HTTP servers that say what reached them."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from servers import end_with_parent

from pianola.problems import Problem
from pianola.settings import ApiSettings
from pianola_api.datasets import LABEL_BYTES

from .conftest import ROOT

CONF = ROOT / "deploy/gateway/nginx.conf"


class Upstream(ThreadingHTTPServer):
    """Answers with its name and the request in JSON; event streams wait for `more` between two events."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.more = threading.Event()
        self.first_bytes = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        pass

    def answer(self, size: int = 0) -> None:
        told = {"service": self.server.name, "path": self.path, "headers": dict(self.headers), "size": size}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if not self.path.endswith("/events"):
            return self.answer()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"id: 1\nevent: created\ndata: {}\n\n")
        self.wfile.flush()
        self.server.more.wait(10)
        self.wfile.write(b"id: 2\nevent: started\ndata: {}\n\n")
        self.close_connection = True
        return None

    def do_POST(self) -> None:
        left = length = int(self.headers["Content-Length"])
        while left > 0 and (read := len(self.rfile.read(min(left, 2**20)))):
            left -= read
            self.server.first_bytes.set()
        self.answer(length)


@contextmanager
def upstream(name: str) -> Iterator[Upstream]:
    server = Upstream(name)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.more.set()
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gateway(folder: Path, api: int, sampler: int) -> Iterator[int]:
    """Nginx with the shipped configuration, its addresses and folders replaced; yields its port."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:{Path(sys.executable).parent}")
    assert nginx, "this test needs nginx, for example from the package nginx-light"
    port = free_port()
    text = CONF.read_text()
    for shipped, here in {
        "listen 8080": f"listen 127.0.0.1:{port}",
        "http://api:8470": f"http://127.0.0.1:{api}",
        "http://sampler:8471": f"http://127.0.0.1:{sampler}",
        "/tmp/": f"{folder}/",
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
    }.items():
        assert shipped in text
        text = text.replace(shipped, here)
    conf = folder / "nginx.conf"
    conf.write_text(text)
    # As root, nginx would hand its workers to a user who may not enter the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    command = [nginx, "-e", folder / "start.log", "-c", conf, "-g", f"daemon off;{user}"]
    process = subprocess.Popen(command, preexec_fn=end_with_parent)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None and time.monotonic() < deadline, (folder / "start.log").read_text()
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    with upstream("api") as api, upstream("sampler") as sampler:
        yield {"api": api, "sampler": sampler}


@pytest.fixture(scope="module")
def port(servers: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(folder, servers["api"].server_port, servers["sampler"].server_port) as port:
        yield port


def ask(
    port: int, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    read = response.read()
    connection.close()
    return response, json.loads(read) if "json" in response.headers.get("Content-Type", "json") else read


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "api"),
        ("/livez", "api"),
        ("/readyz", "api"),
        ("/openapi.json", "api"),
        ("/sampler/openapi.json", "sampler"),
        ("/docs", "api"),
        ("/v1/datasets", "api"),
        ("/v1/runs/run_1/metrics", "api"),
        ("/v1/runs/run_1/plots/samples", "api"),
        ("/v1/models", "api"),
        ("/v1/models/bach", "api"),
        ("/v1/models/samples", "api"),
        ("/v1/models/bach/samples", "sampler"),
        ("/v1/models/bach%20and%20sons/samples", "sampler"),
        ("/v1/models/bach/interpolations", "sampler"),
        ("/v1/models/bach/reconstructions", "sampler"),
        ("/v1/models/bach/map", "sampler"),
        ("/v1/models/bach/pieces", "sampler"),
        ("/v1/models/bach/variations", "sampler"),
        ("/v1/models/bach/vectors", "sampler"),
        ("/v1/models/bach/samples/more", "api"),
        ("/v1/samples/smp_1", "sampler"),
        ("/v1/samples/smp_1?format=midi&window=3", "sampler"),
    ],
)
def test_every_path_reaches_its_service_unchanged(port: int, path: str, service: str) -> None:
    response, told = ask(port, path)
    assert response.status == 200
    assert (told["service"], told["path"]) == (service, path)


def test_the_gateway_answers_for_its_own_health(port: int) -> None:
    response, body = ask(port, "/gateway/livez")
    assert (response.status, body) == (200, b"ok\n")


def test_who_asks_is_passed_on_and_cannot_be_made_up(port: int) -> None:
    sent = {
        "Host": "music.example:8443",
        "X-Forwarded-For": "10.9.9.9",
        "Authorization": "Bearer pk_x",
        "Accept": "a/b",
    }
    headers = ask(port, "/v1/runs", headers=sent)[1]["headers"]
    assert headers["Host"] == headers["X-Forwarded-Host"] == "music.example:8443"
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["Authorization"] == "Bearer pk_x"
    assert headers["Accept"] == "a/b"


def test_requests_carry_an_id_that_a_caller_may_choose(port: int) -> None:
    def passed_on(**headers: str) -> str:
        name = {"X-Request-ID": headers["id"]} if headers else {}
        return str(ask(port, "/v1/runs", headers=name)[1]["headers"]["X-Request-ID"])

    assert passed_on(id="game-42") == "game-42"
    assert len(passed_on()) == 32
    assert passed_on() != passed_on()
    assert passed_on(id='"}, forged') != '"}, forged'


@pytest.mark.parametrize("path", ["/v1/runs/run_1/events", "/v1/datasets/bach/events"])
def test_events_arrive_one_by_one(port: int, servers: dict[str, Upstream], path: str) -> None:
    servers["api"].more.clear()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path, headers={"Accept": "text/event-stream"})
    response = connection.getresponse()
    # The second event is not sent before the first has been read here.
    assert response.readline() == b"id: 1\n"
    servers["api"].more.set()
    assert b"id: 2\n" in response.read()
    connection.close()


def test_uploads_are_large_and_stream_through(port: int, servers: dict[str, Upstream]) -> None:
    servers["api"].first_bytes.clear()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("POST", "/v1/datasets/bach/files")
    connection.putheader("Content-Length", str(8 * 2**20))
    connection.endheaders()
    connection.send(b"M" * 4 * 2**20)
    assert servers["api"].first_bytes.wait(5), "the api saw nothing before the upload was complete"
    connection.send(b"M" * 4 * 2**20)
    assert json.loads(connection.getresponse().read())["size"] == 8 * 2**20
    connection.close()


def announce(port: int, path: str, size: int) -> tuple[int, Any]:
    """The answer to a request that announces a body of `size` bytes and sends none of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "application/problem+json"
    told = json.loads(response.read())
    connection.close()
    return response.status, told


def test_what_is_too_large_is_refused_before_it_is_sent(port: int) -> None:
    limit = int(ApiSettings.model_fields["max_upload_bytes"].default)
    assert f"{limit // 2**30} GiB" in CONF.read_text()
    assert f"{LABEL_BYTES // 2**20} MiB for its labels" in CONF.read_text()
    sizes = {"/v1/datasets/bach/files": limit, "/v1/datasets/bach/labels": LABEL_BYTES, "/v1/runs": 2**20}
    sizes["/v1/models/bach/reconstructions"] = 2**21
    for path, size in sizes.items():
        status, told = announce(port, path, size + 1)
        assert (status, told["status"], told["code"]) == (413, 413, "content-too-large")


def test_uploads_up_to_the_limit_of_the_api_are_let_in(port: int, servers: dict[str, Upstream]) -> None:
    limit = int(ApiSettings.model_fields["max_upload_bytes"].default)
    servers["api"].first_bytes.clear()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest("POST", "/v1/datasets/bach/files")
    connection.putheader("Content-Length", str(limit))
    connection.endheaders()
    connection.send(b"M" * 2**20)
    assert servers["api"].first_bytes.wait(5)
    connection.close()


def test_a_service_that_is_away_is_a_problem_in_json(tmp_path: Path) -> None:
    with upstream("api") as api, gateway(tmp_path, api.server_port, free_port()) as port:
        response, told = ask(port, "/v1/models/bach/samples")
        assert response.status == told["status"] == 502
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.headers["Retry-After"] == "5"
        assert set(told) == {"type", "title", "status", "code", "detail"}
        assert told["code"] == "bad-gateway"
        assert ask(port, "/v1/models")[0].status == 200
        assert ask(port, "/gateway/livez")[0].status == 200


def test_its_problems_are_named_as_those_of_the_services() -> None:
    told = [json.loads(body) for body in re.findall(r"return \d+ '(\{.+\})'", CONF.read_text())]
    assert {problem["status"] for problem in told} == {413, 502, 504}
    for problem in told:
        code = problem["title"].lower().replace(" ", "-")
        assert problem == Problem(problem["status"], code, problem["title"], problem["detail"]).body()


def test_the_log_is_one_json_object_a_line(tmp_path: Path) -> None:
    with upstream("api") as api, gateway(tmp_path, api.server_port, api.server_port) as port:
        ask(port, '/v1/runs/"odd"')
        ask(port, "/gateway/livez")
    (line,) = (tmp_path / "access.log").read_text().splitlines()
    logged = json.loads(line)
    assert (logged["method"], logged["path"], logged["status"]) == ("GET", '/v1/runs/"odd"', 200)
