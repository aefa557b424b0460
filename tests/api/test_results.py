"""What runs leave behind, and the models that point at it."""

import hashlib
from typing import Any

import pytest

from pianola.records import evaluations, leases

from .steps import Api


@pytest.fixture
def trained(either_api: Api) -> tuple[Api, dict[str, Any]]:
    return either_api, either_api.trained((10, 20, 30), model="bach", seed=3)


def everything(api: Api, path: str, limit: int = 2) -> list[Any]:
    items, cursor = [], None
    while True:
        page = api.get(path, query_string={"limit": limit} | ({"cursor": cursor} if cursor else {}))
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def test_metrics_checkpoints_attempts(trained: tuple[Api, dict[str, Any]]) -> None:
    api, run = trained
    assert (run["state"], run["attempt"], run["step"]) == ("succeeded", 1, 30)
    assert run["finished_at"]
    points = everything(api, f"/v1/runs/{run['id']}/metrics")
    assert [(point["step"], point["attempt"]) for point in points] == [(10, 1), (20, 1), (30, 1)]
    assert points[0]["values"] == {"loss": 0.1, "kl": 2.0}
    checkpoints = everything(api, f"/v1/runs/{run['id']}/checkpoints")
    assert [checkpoint["final"] for checkpoint in checkpoints] == [False, False, True]
    assert checkpoints[2]["digest"] == hashlib.sha256(b"whole 30").hexdigest()
    assert checkpoints[2]["generator_size"] == len(b"half 30")
    (attempt,) = everything(api, f"/v1/runs/{run['id']}/attempts")
    assert (attempt["attempt"], attempt["worker"], attempt["outcome"]) == (1, "worker", "succeeded")


@pytest.mark.parametrize(("keep", "plays"), [("best", 20), ("last", 30)])
def test_the_best_checkpoint_is_told_and_plays_where_it_is_kept(either_api: Api, keep: str, plays: int) -> None:
    api = either_api
    run = api.trained((10, 20, 30), (9.5, 7, 8.25), model="bach", options={"keep": keep})
    assert (run["best_step"], run["step"], run["options"]["keep"]) == (20, 30, keep)
    assert [listed["best_step"] for listed in api.get("/v1/runs")["items"]] == [20]
    checkpoints = everything(api, f"/v1/runs/{run['id']}/checkpoints")
    assert [(one["step"], one["best"], one["final"]) for one in checkpoints] == [
        (10, False, False),
        (20, True, False),
        (30, False, True),
    ]
    chosen = hashlib.sha256(f"half {plays}".encode()).hexdigest()
    assert api.get("/v1/models/bach")["checkpoint"] == chosen
    assert api.get(f"/v1/runs/{run['id']}/evaluation")["checkpoint"] == chosen
    assert api.post("/v1/models", 201, json={"name": "abc", "run": run["id"]})["step"] == plays


def test_a_run_tells_how_it_computes(api: Api) -> None:
    api.built()
    run = api.post("/v1/runs", json={"dataset": "chorales", "family": "vae"})
    assert run["setup"] is None
    told = {"device": "cpu", "precision": "bfloat16", "channels_last": True, "threads": 1, "processes": 1}
    told |= {"torch": "2.13.0", "windows_per_second": {"bfloat16, channels last, 1 thread": 173.5}}
    api.claim(run["id"])
    with api.context.records.write() as session:
        leases.set_up(session, run["id"], 1, told | {"variables": {"OMP_WAIT_POLICY": "PASSIVE"}})
    assert api.get(f"/v1/runs/{run['id']}")["setup"] == told
    assert [event["kind"] for event in api.get(f"/v1/runs/{run['id']}/events")["items"]][-1] == "set_up"


def test_of_a_run_without_held_out_losses_none_is_best(trained: tuple[Api, dict[str, Any]]) -> None:
    api, run = trained
    assert run["best_step"] is None
    assert not any(one["best"] for one in everything(api, f"/v1/runs/{run['id']}/checkpoints"))


def test_a_checkpoint_is_served_whole_and_by_half(trained: tuple[Api, dict[str, Any]]) -> None:
    api, run = trained
    for content in (b"whole 20", b"half 20"):
        digest = hashlib.sha256(content).hexdigest()
        response = api.client.get(f"/v1/runs/{run['id']}/checkpoints/{digest}")
        assert response.get_data() == content
        assert response.headers["ETag"] == f'"{digest}"'
        assert digest in response.headers["Content-Disposition"]
        again = api.client.get(response.request.path, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.get_data()) == (304, b"")
    api.problem(api.client.get(f"/v1/runs/{run['id']}/checkpoints/{'0' * 64}"), 404, "not-found")


def test_a_run_serves_its_own_checkpoints_only(api: Api) -> None:
    run = api.trained()
    other = api.post("/v1/runs", json={"dataset": "chorales", "family": "vae"})
    digest = everything(api, f"/v1/runs/{run['id']}/checkpoints")[0]["digest"]
    api.problem(api.client.get(f"/v1/runs/{other['id']}/checkpoints/{digest}"), 404, "not-found")


def test_plots(trained: tuple[Api, dict[str, Any]]) -> None:
    api, run = trained
    plots = everything(api, f"/v1/runs/{run['id']}/plots")
    assert [plot["name"] for plot in plots] == ["samples-10.png", "samples-20.png", "samples-30.png"]
    response = api.client.get(plots[1]["url"])
    assert (response.get_data(), response.mimetype) == (b"picture 20", "image/png")
    assert response.content_length == plots[1]["size"]
    api.problem(api.client.get(f"/v1/runs/{run['id']}/plots/none.png"), 404, "not-found")


def test_an_object_that_is_gone_is_said_to_be(api: Api) -> None:
    run = api.trained()
    plot = everything(api, f"/v1/runs/{run['id']}/plots")[0]
    for key in api.context.store.keys(f"runs/{run['id']}"):
        api.context.store.delete(key)
    api.problem(api.client.get(plot["url"]), 410, "object-missing")


def test_evaluation(trained: tuple[Api, dict[str, Any]]) -> None:
    api, run = trained
    where = f"/v1/runs/{run['id']}/evaluation"
    queued = api.get(where)
    assert (queued["state"], queued["samples"], queued["report"]) == ("queued", 1000, None)
    assert queued["checkpoint"] == hashlib.sha256(b"half 30").hexdigest()
    assert api.post(where, 202, json={"samples": 8})["id"] == queued["id"], "the one that waits is the answer"
    with api.context.records.write() as session:
        claimed = evaluations.claim(session, queued["id"], 60)
        assert claimed is not None
        plot = leases.NewArtefact("notes.svg", "note_frequency", 30, "k", "image/svg+xml", 1)
        evaluations.succeed(session, queued["id"], claimed.attempt, {"largest_difference": 0.1}, [plot])
    done = api.get(where)
    assert (done["state"], done["plots"]) == ("succeeded", ["notes.svg"])
    assert done["report"] == {"largest_difference": 0.1}
    again = api.post(where, 202)
    assert again["id"] != queued["id"]
    assert again["samples"] == 1000


def test_nothing_to_evaluate(api: Api) -> None:
    api.built()
    run = api.post("/v1/runs", json={"dataset": "chorales", "family": "vae"})
    api.problem(api.client.get(f"/v1/runs/{run['id']}/evaluation"), 404, "not-found")
    api.problem(api.client.post(f"/v1/runs/{run['id']}/evaluation", json={}), 404, "not-found")


def test_models(trained: tuple[Api, dict[str, Any]]) -> None:
    api, run = trained
    model = api.get("/v1/models/bach")
    assert (model["run_id"], model["family"], model["step"]) == (run["id"], "vae", 30)
    assert model["lowest_pitch"] == 17
    assert model["checkpoint"] == hashlib.sha256(b"half 30").hexdigest()
    earlier = hashlib.sha256(b"whole 10").hexdigest()
    moved = api.post("/v1/models", 200, json={"name": "bach", "run": run["id"], "checkpoint": earlier})
    assert moved["step"] == 10
    new = api.post("/v1/models", 201, json={"name": "abc", "run": run["id"]})
    assert new["step"] == 30
    assert [model["name"] for model in everything(api, "/v1/models", limit=1)] == ["abc", "bach"]
    unknown = {"name": "bach", "run": run["id"], "checkpoint": "0" * 64}
    api.problem(api.client.post("/v1/models", json=unknown), 404, "not-found")
    api.problem(api.client.get("/v1/models/none"), 404, "not-found")


@pytest.mark.parametrize("cursor", ["x", "[1", '["a"]', "{}", "[1.5]", "[" * 500])
def test_cursors_that_no_list_gave(api: Api, cursor: str) -> None:
    run = api.trained()
    response = api.client.get(f"/v1/runs/{run['id']}/metrics", query_string={"cursor": cursor})
    api.problem(response, 400, "bad-cursor")


def test_a_loss_that_is_no_number_is_null(api: Api) -> None:
    api.built()
    run_id = api.post("/v1/runs", json={"dataset": "chorales", "family": "vae"})["id"]
    run = api.claim(run_id)
    with api.context.records.write() as session:
        leases.report(session, run.id, run.attempt, 1, 0, {"fraction": 0.1, "loss": float("nan"), "extra": 1})
    progress = api.get(f"/v1/runs/{run_id}")["progress"]
    assert progress == {"fraction": 0.1, "loss": None, "windows_per_second": None, "eta_seconds": None}
