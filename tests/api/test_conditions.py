"""Runs that are told labels, and runs that begin with the weights of a checkpoint."""

from typing import Any

import pytest

from .steps import MIDI, Api

RUN = {"dataset": "set", "family": "vae"}
TOLD = RUN | {"options": {"condition": "composer"}}
COMPOSERS = {"field": "composer", "values": ["Bach", "Satie"]}


def built(api: Api, name: str = "set", composers: str = "Bach,Satie") -> None:
    """A built dataset of two files with the labels composer and, the same for both, genre."""
    dataset = api.post("/v1/datasets", json={"name": name, "options": {"folder_labels": ["genre", "composer"]}})
    api.upload(name, {f"piano/{composer}/a.mid": MIDI for composer in composers.split(",")})
    api.post(f"/v1/datasets/{name}/build", 202)
    api.build(dataset["id"])


def trained(api: Api, **changes: Any) -> dict[str, Any]:
    """A run that has succeeded."""
    run_id = api.post("/v1/runs", json=TOLD | changes)["id"]
    run = api.claim(run_id)
    api.evaluate_at(run, 10, final=True)
    api.finish(run)
    return dict(api.get(f"/v1/runs/{run_id}"))


def test_a_run_is_told_a_label(either_api: Api) -> None:
    built(either_api)
    assert either_api.post("/v1/runs", json=TOLD)["options"]["condition"] == "composer"
    assert either_api.post("/v1/runs", json=RUN)["options"]["condition"] is None


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("genre", "the label 'genre' has 1 value of at least two in dataset 'set'; it has composer"),
        ("author", "there is no label 'author' in dataset 'set'; it has composer"),
    ],
)
def test_the_label_is_there_with_two_values(api: Api, field: str, said: str) -> None:
    built(api)
    response = api.client.post("/v1/runs", json=RUN | {"options": {"condition": field}})
    told = api.problem(response, 422, "no-condition")
    assert told["errors"] == [{"field": "condition", "message": said}]
    assert api.get("/v1/runs")["items"] == []


def test_a_dataset_without_labels_says_so(api: Api) -> None:
    api.built()
    response = api.client.post("/v1/runs", json=TOLD | {"dataset": "chorales"})
    told = api.problem(response, 422, "no-condition")
    assert "none of its labels has two: give its files labels first" in told["detail"]


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_thesis_presets_take_no_condition(api: Api, family: str) -> None:
    built(api)
    response = api.client.post("/v1/runs", json=TOLD | {"family": family, "preset": "thesis"})
    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == ["condition"]


def test_a_model_says_what_it_was_told(either_api: Api) -> None:
    built(either_api)
    trained(either_api, model="composers")
    trained(either_api, model="plain", options={})
    assert either_api.get("/v1/models/composers")["condition"] == COMPOSERS
    assert [model["condition"] for model in either_api.get("/v1/models")["items"]] == [COMPOSERS, None]


def test_a_run_begins_from_a_model_a_run_or_a_checkpoint(either_api: Api) -> None:
    api = either_api
    built(api)
    source = trained(api, model="composers")
    assert source["from_checkpoint"] is None
    [checkpoint] = api.get(f"/v1/runs/{source['id']}/checkpoints")["items"]
    expected = {"run_id": source["id"], "step": 10, "digest": checkpoint["digest"]}
    for name in ("composers", source["id"], checkpoint["digest"], checkpoint["generator_digest"]):
        run = api.post("/v1/runs", json=TOLD | {"from_checkpoint": name})
        assert run["from_checkpoint"] == expected
        assert (run["step"], api.get(f"/v1/runs/{run['id']}")["from_checkpoint"]) == (0, expected)
    assert api.get("/v1/runs?limit=1")["items"][0]["from_checkpoint"] == expected


def test_what_is_not_said_is_as_of_what_a_run_begins_from(api: Api) -> None:
    built(api)
    trained(api, model="composers", family="gan")
    run = api.post("/v1/runs", json={"dataset": "set", "from_checkpoint": "composers", "options": {"batch": 8}})
    assert (run["family"], run["preset"]) == ("gan", "default")
    assert (run["options"]["condition"], run["options"]["batch"]) == ("composer", 8)
    response = api.client.post(
        "/v1/runs", json={"dataset": "set", "from_checkpoint": "composers", "options": {"condition": None}}
    )
    assert [error["field"] for error in response.json["errors"]] == ["condition"]
    response = api.client.post("/v1/runs", json={"dataset": "set"})
    assert response.json["errors"] == [
        {"field": "family", "message": "give a family (vae, gan) or something to begin from"}
    ]


def test_of_a_run_that_keeps_the_best_that_one_is_meant(api: Api) -> None:
    source = api.trained(steps=(10, 20, 30), held_out=(3.0, 1.0, 2.0))
    run = api.post("/v1/runs", json={"dataset": "chorales", "family": "vae", "from_checkpoint": source["id"]})
    assert run["from_checkpoint"]["step"] == 20


def test_a_run_may_begin_on_another_dataset(api: Api) -> None:
    built(api)
    trained(api, model="composers")
    built(api, "other")
    run = api.post("/v1/runs", json=TOLD | {"dataset": "other", "from_checkpoint": "composers"})
    assert run["dataset_name"] == "other"


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"family": "gan"}, {"family": "its family is vae, the run's gan"}),
        (
            {"preset": "thesis", "options": {}},
            {
                "preset": "its preset is default, the run's thesis",
                "condition": "its model was told composer (Bach, Satie), the run's is told no label",
            },
        ),
        (
            {"dataset": "other"},
            {"condition": "its model was told composer (Bach, Satie), the run's is told composer (Bach, Chopin)"},
        ),
    ],
)
def test_weights_of_another_shape_are_refused(api: Api, change: dict[str, Any], differs: dict[str, str]) -> None:
    built(api)
    built(api, "other", "Bach,Chopin")
    trained(api, model="composers")
    response = api.client.post("/v1/runs", json=TOLD | {"from_checkpoint": "composers"} | change)
    told = api.problem(response, 422, "other-shape")
    assert {error["field"]: error["message"] for error in told["errors"]} == differs
    assert len(api.get("/v1/runs")["items"]) == 1


def test_what_to_begin_from_is_there(api: Api) -> None:
    built(api)
    waiting = api.post("/v1/runs", json=RUN)["id"]
    for name in ("nothing", waiting):
        told = api.problem(api.client.post("/v1/runs", json=RUN | {"from_checkpoint": name}), 404, "not-found")
        assert name in told["detail"]
