"""What is refused, and in which words."""

import json
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from pianola.objects import LocalStore
from pianola.records import keys
from pianola.records.keys import Scope
from pianola.records.tables import Sample

from .playing import Stage


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    told: dict[str, Any] = answer.get_json()
    assert (told["status"], told["code"]) == (status, code)
    assert told["detail"]
    return told


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"n": 0}, "n", "greater than or equal to 1"),
        ({"n": 65}, "n", "less than or equal to 64"),
        ({"n": "4"}, "n", "valid integer"),
        ({"n": True}, "n", "valid integer"),
        ({"seed": -1}, "seed", "greater than or equal to 0"),
        ({"seed": 2**53}, "seed", "less than or equal to 9007199254740991"),
        ({"threshold": 1}, "threshold", "less than 1"),
        ({"temperature": 0}, "temperature", "greater than 0"),
        ({"temperature": -0.5}, "temperature", "greater than 0"),
        ({"temperature": 5.1}, "temperature", "less than or equal to 5"),
        ({"temperature": "hot"}, "temperature", "valid number"),
        ({"tempo": 19.9}, "tempo", "greater than or equal to 20"),
        ({"numerator": 0}, "numerator", "greater than or equal to 1"),
        ({"denominator": 3}, "denominator", "1, 2, 4, 8, 16 or 32"),
        ({"program": 128}, "program", "less than or equal to 127"),
        ({"temper": 90}, "temper", "Extra inputs are not permitted"),
        ({"n": 10**9}, "n", "less than or equal to 64"),
        ({"key": "H major"}, "key", "write one such as 'C major'"),
        ({"z": []}, "z", "at least 1 item"),
        ({"z": [[]]}, "z.0", "at least 1 item"),
        ({"z": [[0.0, 1e9]]}, "z.0.1", "less than or equal to 1000"),
        ({"z": [["1"]]}, "z.0.0", "valid number"),
        ({"z": [[0.0]], "seed": 1}, "body", "give one of a seed, positions z and points"),
        ({"z": [[0.0]], "n": 2}, "body", "leave n out"),
        ([], "body", "dictionary"),
    ],
)
def test_bad_fields_are_named(client: FlaskClient, body: object, field: str, words: str) -> None:
    told = problem(client.post("/v1/models/waltz/samples", json=body), 422, "invalid-request")
    assert [error["field"] for error in told["errors"]] == [field]
    assert words in told["errors"][0]["message"]


def test_a_number_too_large_to_be_finite_is_refused(client: FlaskClient) -> None:
    answer = client.post("/v1/models/waltz/samples", data=b'{"tempo": 1e400}', content_type="application/json")
    told = problem(answer, 422, "invalid-request")
    assert told["detail"] == "tempo: Input should be a finite number"
    answer = client.post("/v1/models/waltz/samples", data=b'{"temperature": 1e400}', content_type="application/json")
    assert problem(answer, 422, "invalid-request")["errors"][0]["field"] == "temperature"


def test_bodies_that_are_no_json_are_refused(client: FlaskClient) -> None:
    path = "/v1/models/waltz/samples"
    for body in (b"{", b'{"tempo": NaN}', b'{"temperature": NaN}', b"[" * 50_000):
        problem(client.post(path, data=body, content_type="application/json"), 400, "bad-request")
    problem(client.post(path, data=b"n=1"), 415, "unsupported-media-type")
    problem(client.post(path, data=b" " * 2_200_000, content_type="application/json"), 413, "content-too-large")


def test_a_position_of_another_model_is_refused_and_not_kept(stage: Stage, client: FlaskClient) -> None:
    told = problem(client.post("/v1/models/waltz/samples", json={"z": [[0.5] * 96, [0.5] * 3]}), 422, "bad-position")
    assert told["errors"] == [{"field": "z", "message": told["detail"]}]
    assert told["detail"] == "z[1] has 3 numbers, but a position of this model has 96"
    with stage.records.read() as session:
        assert session.scalar(select(func.count()).select_from(Sample)) == 0


def test_forms_that_cannot_be_had_name_those_that_can(client: FlaskClient) -> None:
    path = "/v1/models/waltz/samples"
    many = problem(client.post(path, json={"n": 4}, headers={"Accept": "audio/midi"}), 406, "not-acceptable")
    for alternative in ("application/zip", "image/png", "application/json", "window=0"):
        assert alternative in many["detail"]
    problem(client.post(f"{path}?format=midi", json={"n": 4}), 406, "not-acceptable")
    told = problem(client.post(path, json={}, headers={"Accept": "audio/flac"}), 406, "not-acceptable")
    assert "audio/midi (?format=midi)" in told["detail"]
    problem(client.post(f"{path}?format=flac", json={}), 422, "invalid-request")


def test_samples_and_windows_that_do_not_exist(client: FlaskClient) -> None:
    problem(client.get("/v1/samples/sample_none"), 404, "not-found")
    problem(client.post("/v1/models/polka/samples", json={}), 404, "not-found")
    problem(client.post("/v1/models/%00/samples", json={}), 404, "not-found")
    sample = client.post("/v1/models/waltz/samples", json={"n": 2}).get_json()["id"]
    told = problem(client.get(f"/v1/samples/{sample}?window=2"), 422, "no-such-window")
    assert "2 windows, counted from 0" in told["detail"]
    problem(client.get(f"/v1/samples/{sample}?window=-1"), 422, "invalid-request")
    problem(client.get(f"/v1/samples/{sample}?windows=1"), 422, "invalid-request")
    problem(client.get("/v1/nothing"), 404, "not-found")
    assert problem(client.get("/v1/models/waltz/samples"), 405, "method-not-allowed")


def test_a_bad_idempotency_key_is_refused(client: FlaskClient) -> None:
    for key in ("", "x" * 201, "é"):
        answer = client.post("/v1/models/waltz/samples", json={}, headers={"Idempotency-Key": key})
        problem(answer, 400, "bad-idempotency-key")


def test_a_generator_of_other_networks_cannot_be_played(stage: Stage, first: bytes) -> None:
    """As a checkpoint of another version may be: whole, but not to be built here."""
    size = int.from_bytes(first[:8], "little")
    metadata = json.loads(first[8 : 8 + size])["__metadata__"]
    stage.checkpoint(safetensors.numpy.save({"other": np.zeros(3, np.float32)}, metadata), "waltz")
    told = problem(stage.client().post("/v1/models/waltz/samples", json={}), 409, "unplayable-model")
    assert "train it anew" in told["detail"]


def test_generators_that_are_gone_or_damaged(stage: Stage, first: bytes) -> None:
    digest = stage.checkpoint(first, "waltz")
    client = stage.client()
    stage.store.put(f"runs/test/generator-{digest}", first[:-1])
    told = problem(client.post("/v1/models/waltz/samples", json={}), 500, "internal-error")
    assert "request id" in told["detail"]
    stage.store.delete(f"runs/test/generator-{digest}")
    problem(client.post("/v1/models/waltz/samples", json={}), 410, "object-missing")
    stage.store.put(f"runs/test/generator-{digest}", first)
    assert client.post("/v1/models/waltz/samples", json={}).status_code == 201
    LocalStore(stage.folder / "objects").delete(f"runs/test/generator-{digest}")
    assert client.post("/v1/models/waltz/samples", json={}).status_code == 201, "it is in memory"


def test_keys_are_asked_for(stage: Stage, first: bytes) -> None:
    stage.checkpoint(first, "waltz")
    client = stage.client(auth="keys")
    with stage.records.write() as session:
        secrets = {scope: keys.create(session, scope.value, [scope])[1] for scope in (Scope.READ, Scope.WRITE)}

    def draw(secret: str | None) -> TestResponse:
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        answer: TestResponse = client.post("/v1/models/waltz/samples", json={}, headers=headers)
        return answer

    refused = draw(None)
    problem(refused, 401, "unauthorised")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    problem(draw("pk_wrong"), 401, "unauthorised")
    problem(draw(secrets[Scope.READ]), 403, "forbidden")
    made = draw(secrets[Scope.WRITE])
    assert made.status_code == 201
    path = made.headers["Location"]
    problem(client.get(path), 401, "unauthorised")
    assert client.get(path, headers={"Authorization": f"Bearer {secrets[Scope.READ]}"}).status_code == 200
    for path in ("/livez", "/readyz", "/metrics", "/sampler/openapi.json"):
        assert client.get(path).status_code == 200, path


def test_pages_of_other_sites_get_nothing_from_a_sampler_without_keys(client: FlaskClient) -> None:
    path = "/v1/models/waltz/samples"
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        problem(client.post(path, headers=headers), 403, "other-site")
    assert client.post(path, headers={"Origin": "http://localhost"}).status_code == 201
