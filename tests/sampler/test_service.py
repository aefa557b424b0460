"""The service around the samples: memory, measures, health, its description, and the real server."""

import contextlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openapi_spec_validator
import pytest
import servers
from flask.testing import FlaskClient

from pianola.models.footprint import held_bytes
from pianola.models.registry import load_generator
from pianola_http import health
from pianola_sampler import sound
from pianola_sampler.admission import Deadline
from pianola_sampler.decoder import Batching, Decoder
from pianola_sampler.generators import Generators, Source
from pianola_sampler.measures import Measures
from pianola_sampler.negotiation import MEDIA_TYPES

from .playing import Stage, context_of, generator
from .reading import of_midi, of_musicxml


def test_generators_used_last_stay_in_memory(first: bytes, second: bytes) -> None:
    data = {"first": first, "second": second, "third": generator(1, "vae", "thesis")}
    fetched = []

    def fetch(source: Source) -> bytes:
        fetched.append(source.key)
        return data[source.key]

    def holding(room: int) -> Generators:
        return Generators(fetch, Decoder(1, Batching(64, 0), Measures()), room)

    soon = Deadline(30)
    sources = {name: Source(name, name, len(bytes_)) for name, bytes_ in data.items()}
    sizes = {name: held_bytes(load_generator(bytes_)) for name, bytes_ in data.items()}
    assert sizes["third"] > sizes["first"] + sizes["second"] > len(first) + len(second)
    room_for_two = holding(sizes["first"] + sizes["second"])
    for name in ("first", "second", "first"):
        room_for_two.get(sources[name], soon)
    assert fetched == ["first", "second"]
    room_for_two.get(sources["third"], soon)
    assert list(room_for_two.held()) == ["third"], "larger than all the room, it is alone"
    room_for_two.get(sources["first"], soon)
    assert list(room_for_two.held()) == ["first"]
    room_for_one = holding(sizes["first"])
    for name in ("first", "second"):
        room_for_one.get(sources[name], soon)
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
    assert float(held[1]) == held_bytes(load_generator(first))


def test_health_names_what_does_not_answer(stage: Stage, client: FlaskClient) -> None:
    assert client.get("/livez").get_json() == {"status": "alive"}
    assert client.get("/readyz").get_json() == {
        "status": "ready",
        "checks": {"database": "ok", "store": "ok", "models": "ok", "decoder": "ok"},
    }
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
    document = client.get("/sampler/openapi.json").get_json()
    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1")
    drawn = document["paths"]["/v1/models/{name}/samples"]["post"]
    assert set(drawn["responses"]["201"]["content"]) == set(MEDIA_TYPES.values())
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
        "assert not {'torch', 'matplotlib', 'music21', 'midirenderer'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], env=stage.environment, check=True, timeout=30)


@contextlib.contextmanager
def serving(stage: Stage, log: Path, **settings: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """The real server, ready, and a client of it; nothing has gone wrong in it in the end."""
    port = servers.free_port()
    environment = stage.environment | {"PIANOLA_PORT": str(port)} | settings
    with (
        servers.process([sys.executable, "-m", "pianola_sampler"], environment, log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        servers.wait_for(lambda: servers.answers(f"{client.base_url}/readyz"), 30, "the sampler")
        yield client, process
    assert "Traceback" not in log.read_text()


PATH = "/v1/models/waltz/samples"


def test_the_server_plays_and_is_warm_when_it_is_ready(stage: Stage, first: bytes, tmp_path: Path) -> None:
    stage.checkpoint(first, "waltz")
    expected = stage.client().post(f"{PATH}?format=midi", json={"seed": 8}).data
    with serving(stage, tmp_path / "sampler.log") as (client, process):
        assert "pianola_sampler_generator_loads 1.0" in client.get("/metrics").text
        answer = client.post(PATH, json={"seed": 8}, headers={"Accept": "audio/midi"})
        assert (answer.status_code, answer.content) == (201, expected)
        sample = answer.headers["Pianola-Sample"]
        assert of_musicxml(client.get(f"/v1/samples/{sample}?format=musicxml").content) == of_midi(expected)
        if sound.AVAILABLE:
            assert client.get(f"/v1/samples/{sample}?format=wav").content == sound.render_wav(expected, Deadline(60))
        said = client.get("/metrics").text
        assert 'pianola_sampler_decode_seconds_count{model="waltz"} 2.0' in said, "the first was to warm up"
        assert "pianola_sampler_batch_windows_sum 2.0" in said
        assert "pianola_sampler_queue_seconds_count 2.0" in said
        process.terminate()
        assert process.wait(20) == 0


def test_a_model_that_moves_under_load_loses_no_request(
    stage: Stage, first: bytes, second: bytes, tmp_path: Path
) -> None:
    stage.checkpoint(first, "waltz")
    with serving(stage, tmp_path / "sampler.log", PIANOLA_MODELS_BYTES=str(2**20)) as (client, _):
        over, answers = threading.Event(), []

        def play() -> None:
            while not over.is_set():
                answers.append(client.post(PATH, json={"seed": 8}))

        with ThreadPoolExecutor(4) as pool:
            players = [pool.submit(play) for _ in range(4)]
            for data in (second, first, second):
                digest = stage.checkpoint(data, "waltz")
                moved = len(answers)
                servers.wait_for(lambda moved=moved: len(answers) > moved + 20, 30, "twenty answers")  # type: ignore[misc]
                after = client.post(PATH, json={"seed": 8})
                assert after.json()["checkpoint"] == digest, "who asks after the move gets the new one"
            over.set()
            for player in players:
                player.result()
    assert {answer.status_code for answer in answers} == {201}
    windows = {answer.json()["checkpoint"]: str(answer.json()["windows"]) for answer in answers}
    assert len(windows) == 2
    assert all(str(answer.json()["windows"]) == windows[answer.json()["checkpoint"]] for answer in answers)


def test_told_to_stop_the_server_answers_what_has_begun_and_refuses_more(stage: Stage, tmp_path: Path) -> None:
    stage.checkpoint(generator(1, "vae"), "waltz")
    settings = {"PIANOLA_DEADLINE_SECONDS": "120"}
    with serving(stage, tmp_path / "sampler.log", **settings) as (client, process), ThreadPoolExecutor(4) as pool:
        pieces = PATH.replace("samples", "pieces")
        begun = [pool.submit(client.post, pieces, json={"beats": 96, "seed": seed}, timeout=120) for seed in range(4)]
        inside = re.compile(r"^pianola_sampler_drawing 4", re.MULTILINE)
        servers.wait_for(lambda: inside.search(client.get("/metrics").text), 30, "four requests at work")
        process.terminate()
        refused = httpx.post(f"{client.base_url}{PATH}", json={"seed": 1}, timeout=30)
        assert (refused.status_code, refused.json()["code"]) == (503, "stopping")
        assert int(refused.headers["Retry-After"]) > 0
        assert [future.result().status_code for future in begun] == [201] * 4
        assert process.wait(20) == 0


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
