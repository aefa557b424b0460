"""Submitting and steering runs."""

from typing import Any

import pytest

from pianola.records import datasets

from .steps import Api

RUN = {"dataset": "chorales", "family": "vae"}


def waiting(api: Api, queue: str) -> int:
    with api.context.celery.connection_for_read() as connection:
        return int(connection.default_channel.queue_declare(queue).message_count)


def test_submit(either_api: Api) -> None:
    api = either_api
    dataset = api.built()
    before = waiting(api, "train")
    options = {"epochs": 3, "batch": 8}
    run = api.post("/v1/runs", json=RUN | {"preset": "thesis", "options": options, "seed": 7, "model": "bach"})
    assert waiting(api, "train") - before == 1
    assert run["id"].startswith("run_")
    assert (run["dataset_id"], run["dataset_name"]) == (dataset["id"], "chorales")
    assert run["dataset_digest"] == dataset["digest"]
    assert (run["state"], run["attempt"], run["step"], run["progress"]) == ("queued", 0, 0, None)
    assert run["device"] == "cpu"
    assert (run["seed"], run["model"], run["preset"]) == (7, "bach", "thesis")
    assert run["options"]["epochs"] == 3
    assert run["options"]["batch"] == 8
    assert run["options"]["loss"] == "mean", "the preset's own options are kept with the run"
    assert api.get(f"/v1/runs/{run['id']}") == run


@pytest.mark.parametrize(("device", "queue"), [("cpu", "train"), ("gpu", "train.gpu")])
def test_a_run_waits_in_the_queue_of_its_device(api: Api, device: str, queue: str) -> None:
    api.built()
    before = {name: waiting(api, name) for name in ("train", "train.gpu")}
    run = api.post("/v1/runs", json=RUN | {"device": device})
    assert run["device"] == device
    path = f"/v1/runs/{run['id']}"
    api.post(f"{path}/pause", 202)
    assert api.post(f"{path}/resume", 202)["device"] == device
    assert api.get(path)["device"] == device
    assert {name: waiting(api, name) - before[name] for name in before} == {"train": 0, "train.gpu": 0} | {queue: 2}


def test_a_seed_is_chosen_and_stays(api: Api) -> None:
    api.built()
    first, second = (api.post("/v1/runs", json=RUN)["seed"] for _ in range(2))
    assert first != second
    assert 0 <= first < 2**31


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"family": "flow"}, "family"),
        ({"preset": "large"}, "preset"),
        ({"options": {"batch": 0}}, "batch"),
        ({"options": {"epochs": 1, "seconds": 2}}, "epochs"),
        ({"options": {"lerning_rate": 1}}, "lerning_rate"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53 + 1}, "seed"),
        ({"model": "a/b"}, "model"),
        ({"device": "tpu"}, "device"),
        ({"colour": 1}, "colour"),
    ],
)
def test_what_is_wrong_is_said_at_submission(api: Api, change: dict[str, Any], field: str) -> None:
    api.built()
    response = api.client.post("/v1/runs", json=RUN | change)
    assert response.status_code == 422
    assert field in [entry["field"] for entry in response.json["errors"]], response.text
    assert api.get("/v1/runs")["items"] == []


def test_the_dataset_is_there_built_and_large_enough(api: Api) -> None:
    api.problem(api.client.post("/v1/runs", json=RUN), 404, "not-found")
    made = api.post("/v1/datasets", json={"name": "chorales"})
    told = api.problem(api.client.post("/v1/runs", json=RUN), 409, "wrong-state")
    assert "build it" in told["detail"]
    api.upload("chorales", {"a.mid": b"x"})
    api.post("/v1/datasets/chorales/build", 202)
    api.build(made["id"], windows=1)
    told = api.problem(api.client.post("/v1/runs", json=RUN), 422, "too-few-windows")
    assert told["errors"][0]["field"] == "held_out"
    assert api.post("/v1/runs", json=RUN | {"options": {"held_out": 0}})["state"] == "queued"


def test_a_dataset_of_refused_files_trains_nothing(api: Api) -> None:
    made = api.post("/v1/datasets", json={"name": "chorales"})
    api.upload("chorales", {"a.txt": b"x"})
    api.post("/v1/datasets/chorales/build", 202)
    api.build(made["id"])
    told = api.problem(api.client.post("/v1/runs", json=RUN | {"options": {"held_out": 0}}), 422, "too-few-windows")
    assert "none of its files was accepted" in told["detail"]


def test_lists_by_state_and_dataset(api: Api) -> None:
    api.built()
    runs = [api.post("/v1/runs", json=RUN)["id"] for _ in range(3)]
    api.post(f"/v1/runs/{runs[0]}/cancel", 202)
    assert [run["id"] for run in api.get("/v1/runs")["items"]] == runs[::-1]
    assert [run["id"] for run in api.get("/v1/runs?state=cancelled")["items"]] == runs[:1]
    assert len(api.get("/v1/runs?dataset=chorales&limit=2")["items"]) == 2
    api.problem(api.client.get("/v1/runs?dataset=none"), 404, "not-found")
    api.problem(api.client.get("/v1/runs?state=lost"), 422, "invalid-request")


def test_steering(either_api: Api) -> None:
    api = either_api
    api.built()
    run = f"/v1/runs/{api.post('/v1/runs', json=RUN)['id']}"
    assert api.post(f"{run}/pause", 202)["state"] == "paused"
    before = waiting(api, "train")
    assert api.post(f"{run}/resume", 202)["state"] == "queued"
    assert waiting(api, "train") - before == 1
    api.claim(run.rpartition("/")[2])
    told = api.problem(api.client.post(f"{run}/resume"), 409, "wrong-state")
    assert "running" in told["detail"]
    assert api.post(f"{run}/pause", 202)["state"] == "pausing"
    assert api.post(f"{run}/cancel", 202)["state"] == "cancelling"
    assert api.post(f"{run}/cancel", 202)["state"] == "cancelling"
    api.problem(api.client.post(f"{run}/pause"), 409, "wrong-state")
    api.problem(api.client.post("/v1/runs/none/cancel"), 404, "not-found")


def test_submission_does_not_wait_for_a_broker_that_is_away(make_api: Any) -> None:
    api = make_api(broker_url="redis://127.0.0.1:1/0")
    api.built()
    run = api.post("/v1/runs", json=RUN)
    with api.context.records.read() as session:
        assert datasets.get(session, "chorales").state == "built"
    assert api.get(f"/v1/runs/{run['id']}")["state"] == "queued"


def test_families_are_what_can_be_submitted(api: Api) -> None:
    api.built()
    families = api.get("/v1/families")["families"]
    assert {family["family"] for family in families} >= {"vae", "gan"}
    for family in families:
        for preset in family["presets"]:
            body = RUN | {"family": family["family"], "preset": preset["name"], "options": preset["defaults"]}
            assert api.post("/v1/runs", json=body)["options"] == preset["defaults"]
