"""The same POST twice is done once."""

import io
import threading
from typing import Any

import pytest

from pianola.records import keys
from pianola.records.keys import Scope

from .steps import MIDI, Api

RUN = {"dataset": "chorales", "family": "vae"}
ONCE = {"Idempotency-Key": "one run, please"}


def test_the_same_key_gives_the_same_answer(either_api: Api) -> None:
    api = either_api
    api.built()
    first = api.client.post("/v1/runs", json=RUN, headers=ONCE)
    again = api.client.post("/v1/runs", json=RUN, headers=ONCE)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(api.get("/v1/runs")["items"]) == 1


def test_another_request_under_the_same_key_is_refused(either_api: Api) -> None:
    api = either_api
    api.built()
    api.post("/v1/runs", json=RUN, headers=ONCE)
    for path, body in (("/v1/runs", RUN | {"seed": 1}), ("/v1/datasets", {"name": "x"})):
        response = api.client.post(path, json=body, headers=ONCE)
        api.problem(response, 422, "idempotency-key-reused")
    assert len(api.get("/v1/runs")["items"]) == 1


def test_many_at_once_do_the_work_once(either_api: Api) -> None:
    api = either_api
    api.built()
    answers: list[Any] = []

    def submit() -> None:
        response = api.app.test_client().post("/v1/runs", json=RUN, headers=ONCE)
        answers.append((response.status_code, response.json["id"]))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert len(api.get("/v1/runs")["items"]) == 1


def test_a_refused_request_leaves_its_key_free(api: Api) -> None:
    made = api.post("/v1/datasets", json={"name": "chorales"})
    assert api.client.post("/v1/runs", json=RUN, headers=ONCE).status_code == 409
    api.upload("chorales", {"a.mid": MIDI})
    api.post("/v1/datasets/chorales/build", 202)
    api.build(made["id"])
    api.post("/v1/runs", json=RUN, headers=ONCE)


def test_every_kind_of_post(api: Api) -> None:
    run = api.trained()
    for number, (path, body) in enumerate(
        [
            ("/v1/datasets", {"name": "new"}),
            ("/v1/models", {"name": "m", "run": run["id"]}),
            (f"/v1/runs/{run['id']}/evaluation", {"samples": 3}),
        ]
    ):
        headers = {"Idempotency-Key": f"key {number}"}
        first, again = (api.client.post(path, json=body, headers=headers) for _ in range(2))
        assert (first.status_code, first.json) == (again.status_code, again.json), path
        assert again.headers["Idempotent-Replayed"] == "true", path


def test_an_upload_is_known_by_its_files(api: Api) -> None:
    api.post("/v1/datasets", json={"name": "set"})
    first = api.upload("set", {"a.mid": MIDI}, **ONCE)
    assert api.upload("set", {"a.mid": MIDI}, **ONCE) == first, "the boundary differs, the files do not"
    assert api.upload("set", {"a.mid": MIDI + b"2"}, 422, **ONCE)["code"] == "idempotency-key-reused"
    assert api.upload("set", {"b.mid": MIDI}, 422, **ONCE)["code"] == "idempotency-key-reused"


def test_an_upload_repeated_after_the_build_gets_its_answer(api: Api) -> None:
    made = api.post("/v1/datasets", json={"name": "set"})
    first = api.upload("set", {"a.mid": MIDI}, **ONCE)
    api.post("/v1/datasets/set/build", 202)
    api.build(made["id"])
    assert api.upload("set", {"a.mid": MIDI}, **ONCE) == first


def test_callers_do_not_share_keys(make_api: Any) -> None:
    api: Api = make_api(auth="keys")
    callers = []
    for name in ("a", "b"):
        with api.context.records.write() as session:
            callers.append({"Authorization": f"Bearer {keys.create(session, name, [Scope.WRITE])[1]}"} | ONCE)
    api.post("/v1/datasets", json={"name": "one"}, headers=callers[0])
    api.post("/v1/datasets", json={"name": "two"}, headers=callers[1])


@pytest.mark.parametrize("key", ["", "x" * 201, "ü", "a\tb"])
def test_keys_that_cannot_be_kept(api: Api, key: str) -> None:
    response = api.client.post("/v1/datasets", json={"name": "a"}, headers={"Idempotency-Key": key})
    api.problem(response, 400, "bad-idempotency-key")
    body = {"files": [(io.BytesIO(MIDI), "a.mid")]}
    api.post("/v1/datasets", json={"name": "b"})
    response = api.client.post("/v1/datasets/b/files", data=body, headers={"Idempotency-Key": key})
    api.problem(response, 400, "bad-idempotency-key")
