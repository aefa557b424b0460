"""The service around the samples: memory, measures, health, its description, and the real server."""

import json
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openapi_spec_validator
import pytest
import servers
from flask.testing import FlaskClient

from pianola_http import health
from pianola_sampler.generators import Generators, Source

from .playing import Stage, context_of


def test_generators_used_last_stay_in_memory(first: bytes, second: bytes) -> None:
    data = {"first": first, "second": second}
    fetched = []

    def fetch(source: Source) -> bytes:
        fetched.append(source.key)
        return data[source.key]

    sources = {name: Source(name, name, len(bytes_)) for name, bytes_ in data.items()}
    third = Source("first", "third", 3 * len(first))
    room_for_two = Generators(fetch, 1, len(first) + len(second))
    for name in ("first", "second", "first"):
        room_for_two.draw(sources[name], 1, [0], None)
    assert fetched == ["first", "second"]
    room_for_two.draw(third, 1, [0], None)
    assert list(room_for_two.held()) == ["third"], "larger than all the room, it is alone"
    room_for_two.draw(sources["first"], 1, [0], None)
    assert list(room_for_two.held()) == ["first"]
    room_for_one = Generators(fetch, 1, len(first))
    for name in ("first", "second"):
        room_for_one.draw(sources[name], 1, [0], None)
        assert list(room_for_one.held()) == [name]


def test_a_new_generator_is_loaded_once_whoever_asks(stage: Stage, first: bytes) -> None:
    stage.checkpoint(first, "waltz")
    client = stage.client()
    app = client.application

    def draw(_: int) -> bytes:
        answer = app.test_client().post("/v1/models/waltz/samples?format=png", json={"n": 2, "seed": 1})
        return bytes(answer.data)

    with ThreadPoolExecutor(8) as pool:
        pictures = set(pool.map(draw, range(16)))
    assert len(pictures) == 1
    assert context_of(client).generators.loads == 1


def test_measures_count_requests_windows_and_generators(client: FlaskClient, first: bytes) -> None:
    client.post("/v1/models/waltz/samples", json={"n": 5})
    client.post("/v1/models/polka/samples", json={})
    said = client.get("/metrics").text
    route = 'method="POST",route="/v1/models/<name>/samples"'
    assert f'pianola_sampler_http_requests_total{{{route},status="201"}} 1.0' in said
    assert f'pianola_sampler_http_requests_total{{{route},status="404"}} 1.0' in said
    assert "pianola_sampler_windows_total 5.0" in said
    (held,) = [line.split() for line in said.splitlines() if line.startswith("pianola_sampler_generators_bytes")]
    assert float(held[1]) == len(first)


def test_health_names_what_does_not_answer(stage: Stage, client: FlaskClient) -> None:
    assert client.get("/livez").get_json() == {"status": "alive"}
    assert client.get("/readyz").get_json() == {"status": "ready", "checks": {"database": "ok", "store": "ok"}}
    objects = stage.folder / "objects"
    objects.rename(stage.folder / "away")
    objects.write_text("")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "not-ready")
    assert answer.headers["Retry-After"]
    assert [error["field"] for error in answer.get_json()["errors"]] == ["store"]
    assert client.get("/livez").status_code == 200


def test_a_check_that_hangs_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.1)
    stuck = threading.Event()
    assert health.failed({"quick": stuck.is_set, "slow": stuck.wait}) == {"slow": "no answer within 0.1 s"}
    stuck.set()


def test_the_openapi_document_is_valid_and_complete(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1")
    drawn = document["paths"]["/v1/models/{name}/samples"]["post"]
    assert set(drawn["responses"]["201"]["content"]) == {
        "application/json",
        "audio/midi",
        "image/png",
        "application/zip",
    }
    assert "Pianola-Seed" in drawn["responses"]["201"]["headers"]
    assert drawn["security"] == [{"key": []}]
    assert not drawn["requestBody"]["required"]
    got = document["paths"]["/v1/samples/{sample}"]["get"]
    assert {parameter["name"] for parameter in got["parameters"]} == {"sample", "format", "window"}
    assert set(document["components"]["schemas"]) >= {"Sample", "Window", "Note", "Options", "NewSample", "Problem"}
    assert '"$ref": "#/components/schemas/Sample."' not in json.dumps(document)


def test_the_application_is_made_without_torch(stage: Stage) -> None:
    code = (
        "import sys; from pianola.settings import SamplerSettings; from pianola_sampler.app import create_app; "
        "client = create_app(SamplerSettings()).test_client(); "
        "assert client.get('/readyz').status_code == 200; "
        "assert client.post('/v1/models/none/samples').status_code == 404; "
        "assert 'torch' not in sys.modules, 'torch'; assert 'matplotlib' not in sys.modules, 'matplotlib'"
    )
    subprocess.run([sys.executable, "-c", code], env=stage.environment, check=True, timeout=30)


def test_the_server_plays(stage: Stage, first: bytes, tmp_path: Path) -> None:
    stage.checkpoint(first, "waltz")
    expected = stage.client().post("/v1/models/waltz/samples?format=midi", json={"seed": 8}).data
    port = servers.free_port()
    address = f"http://127.0.0.1:{port}"
    environment = stage.environment | {"PIANOLA_PORT": str(port)}
    log = tmp_path / "sampler.log"
    with servers.process([sys.executable, "-m", "pianola_sampler"], environment, log) as process:
        servers.wait_for(lambda: servers.answers(f"{address}/readyz"), 20, "the sampler")
        request = urllib.request.Request(
            f"{address}/v1/models/waltz/samples",
            data=b'{"seed": 8}',
            headers={"Content-Type": "application/json", "Accept": "audio/midi"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 201
            assert answer.read() == expected
        process.terminate()
        assert process.wait(10) == 0
    assert "Traceback" not in log.read_text()


def test_the_server_refuses_a_database_that_is_not_migrated(tmp_path: Path) -> None:
    stage = Stage(tmp_path, f"sqlite:///{tmp_path}/empty.sqlite")
    ended = subprocess.run(
        [sys.executable, "-m", "pianola_sampler"],
        env=stage.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "python -m pianola.records upgrade" in ended.stderr
